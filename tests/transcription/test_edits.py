"""Edits: what they do to text, times and words; what is refused; undo, redo, versions."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.transcription.judge import seen
from tests.transcription.spoken import CHINESE, STORY, TEXTS, THAI, interview, segment, spoken, transcript
from utils.errors import AppError, BadInput, Conflict, PreconditionFailed
from utils.transcription import edit_file, edits
from utils.transcription.contract import Segment, Transcript, Word
from utils.transcription.edit_ops import MAX_CHARS, MAX_SEGMENT_CHARS
from utils.transcription.edits import EditFile, Insert, Merge, Remove, Replace, SetText, SetTimes, Split

ROW = (
    Word(1.0, 1.4, " The", 0.9),
    Word(1.4, 2.0, " quick", 0.8),
    Word(2.0, 2.6, " brown", 0.7),
    Word(2.7, 3.0, " fox", 0.6),
    Word(3.0, 3.9, " jumps.", 0.5),
)
FOX = transcript(Segment(1.0, 4.0, "The quick brown fox jumps.", ROW, doubt="unsure"), Segment(5.0, 6.0, "Next one."), seconds=10.0)


def after(edit: edits.Edit, given_one: Transcript = FOX, at: int = 0) -> Segment:
    return edits.apply(given_one, [edit]).segments[at]


def timed(made: Segment) -> list[tuple[float, float, str]]:
    return [(word.start, word.end, word.text.strip()) for word in made.words]


def test_text_words_that_stay_keep_times_and_probability() -> None:
    made = after(SetText(0, "The quick red fox jumps."))
    assert made.text == "The quick red fox jumps." and made.doubt == ""
    assert [made.words[at] for at in (0, 1, 3, 4)] == [ROW[0], ROW[1], ROW[3], ROW[4]]
    assert made.words[2] == Word(2.0, 2.6, " red", None)


def test_text_case_and_punctuation_keep_times() -> None:
    made = after(SetText(0, "the Quick, brown fox, jumps"))
    assert [(word.start, word.end, word.probability) for word in made.words] == [
        (word.start, word.end, word.probability) for word in ROW
    ]
    assert "".join(word.text for word in made.words).strip() == made.text


def test_text_new_words_share_the_time_of_those_they_replace() -> None:
    made = timed(after(SetText(0, "The quick very dark red fox jumps.")))
    assert made[0] == (1.0, 1.4, "The") and made[-2:] == [(2.7, 3.0, "fox"), (3.0, 3.9, "jumps.")]
    assert made[2][0] == 2.0 and made[4][1] == 2.6
    assert all(a[1] <= b[0] for a, b in pairwise(made))
    assert all(end - start > 0.1 for start, end, _ in made)


def test_text_inserted_and_removed_words_leave_the_others_alone() -> None:
    assert timed(after(SetText(0, "quick fox jumps.")))[0] == (1.4, 2.0, "quick")
    longer = timed(after(SetText(0, "The quick brown little fox jumps high.")))
    assert longer[3] == (2.6, 2.7, "little") and longer[-1] == (3.9, 4.0, "high.")


def test_text_without_words_stays_without() -> None:
    assert after(SetText(1, "Another one."), at=1).words == ()


@pytest.mark.parametrize("text", [CHINESE, THAI])
def test_text_characters_without_spaces_keep_their_times(text: str) -> None:
    whole = spoken(text, language="zh")
    old = {(word.start, word.text.strip()) for word in whole.segments[0].words}
    made = after(SetText(0, text[:4] + text[6:]), whole)
    kept = [word for word in made.words if (word.start, word.text.strip()) in old]
    assert len(kept) >= len(made.words) - 3
    assert seen("".join(word.text for word in made.words)) == seen(text[:4] + text[6:])


def test_text_words_of_several_characters_stay_one_word() -> None:
    row = (Word(0, 1, "今天"), Word(1, 2, "天气"), Word(2, 3, "很好"))
    made = after(SetText(0, "今天天气不好"), transcript(Segment(0, 3, "今天天气很好", row)))
    assert made.words[:2] == row[:2]
    assert "".join(word.text for word in made.words) == "今天天气不好"


def test_times_shift_words_along_or_cut_them_or_press_them() -> None:
    shifted = after(SetTimes(0, 0.5, 3.5))
    assert timed(shifted)[0] == (0.5, 0.9, "The") and timed(shifted)[-1] == (2.5, 3.4, "jumps.")
    cut = after(SetTimes(0, 1.1, 4.5))
    assert timed(cut)[0] == (1.1, 1.4, "The") and timed(cut)[1:] == [(w.start, w.end, w.text.strip()) for w in ROW[1:]]
    pressed = timed(after(SetTimes(0, 1.0, 2.0)))
    assert pressed[0][0] == 1.0 and pressed[-1][1] <= 2.0 and len(pressed) == 5


def test_split_divides_text_words_and_times() -> None:
    left, right = edits.apply(FOX, [Split(0, 15)]).segments[:2]
    assert (left.text, right.text) == ("The quick brown", "fox jumps.")
    assert left.words == ROW[:3] and right.words == ROW[3:]
    assert (left.start, left.end, right.start, right.end) == (1.0, 2.6, 2.7, 4.0)


def test_split_inside_a_word_divides_the_word() -> None:
    left, right = edits.apply(FOX, [Split(0, 6)]).segments[:2]
    assert (left.text, right.text) == ("The qu", "ick brown fox jumps.")
    assert timed(left)[-1] == (1.4, 1.64, "qu") and timed(right)[0] == (1.64, 2.0, "ick")


def test_split_without_words_shares_by_characters() -> None:
    _, left, right = edits.apply(FOX, [Split(1, 4)]).segments
    assert (left.text, right.text, left.end) == ("Next", "one.", 5.5) and right.start == 5.5


def test_merge_is_the_inverse_of_split() -> None:
    for at in (4, 10, 15, 20):
        whole = edits.apply(FOX, [Split(0, at), Merge(0)]).segments
        assert whole[0] == FOX.segments[0] and len(whole) == 2


def test_merge_times_words_where_one_side_has_none() -> None:
    made = after(Merge(0))
    assert made.text == "The quick brown fox jumps. Next one." and made.end == 6.0
    assert made.words[:5] == ROW and [word.text for word in made.words[5:]] == [" Next", " one."]
    joined = after(Merge(0), transcript(Segment(0, 1, "今天"), Segment(1, 2, "天气")))
    assert joined.text == "今天天气" and joined.words == ()


def test_insert_and_remove() -> None:
    made = edits.apply(FOX, [Insert(1, 4.1, 4.9, "In between")]).segments
    assert [part.text for part in made] == ["The quick brown fox jumps.", "In between", "Next one."]
    assert timed(made[1])[0][0] == 4.1 and timed(made[1])[-1][1] == 4.9
    assert edits.apply(FOX, [Remove(0), Remove(0)]).segments == ()
    assert edits.apply(transcript(seconds=5.0), [Insert(0, 1.0, 2.0, "New")]).segments[0].text == "New"


def test_replace_keeps_what_did_not_change_and_times_the_rest_by_what_was_heard() -> None:
    new = edits.parse({"op": "replace", "segments": [
        {"start": 1.0, "end": 2.65, "text": "The quick brown"},
        {"start": 2.65, "end": 4.0, "text": "dog jumps."},
        {"start": 5.0, "end": 6.0, "text": "Next one."},
    ]})  # fmt: skip
    made = edits.apply(FOX, [new]).segments
    assert made[0].words == ROW[:3] and made[1].words[1] == ROW[4] and made[1].words[0].start == 2.7
    assert made[2] is FOX.segments[1]


def test_replace_words_that_are_given_stay() -> None:
    entry = {
        "start": 0.0,
        "end": 1.0,
        "text": "Hi you",
        "words": [{"start": 0.1, "end": 0.2, "text": " Hi"}, {"start": 0.4, "end": 0.9, "text": " you"}],
    }
    made = after(edits.parse({"op": "replace", "segments": [entry]}))
    assert timed(made) == [(0.1, 0.2, "Hi"), (0.4, 0.9, "you")]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (SetText(9, "x"), "There is no segment 10"),
        (SetTimes(0, 2.0, 2.0), "must lie after its start"),
        (SetTimes(1, 0.5, 6.0), "before the one before it"),
        (SetTimes(0, 5.5, 6.0), "after the next one"),
        (SetTimes(1, 5.0, 11.0), "after the recording"),
        (Split(0, 0), "inside its text"),
        (Split(0, 26), "inside its text"),
        (Split(0, 999), "inside its text"),
        (Merge(1), "no next one"),
        (Insert(3, 7, 8, "x"), "There is no place 4"),
        (Insert(1, 0.5, 0.8, "x"), "before the one before it"),
        (SetText(0, "x" * (MAX_SEGMENT_CHARS + 1)), "at most 5,000 characters"),
        (SetText(0, " \n\x00"), "cannot be empty"),
    ],
)
def test_edits_that_do_not_fit_are_refused_in_a_sentence(edit: edits.Edit, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        edits.apply(FOX, [edit])


HOSTILE: list[Any] = [
    None, 3, "set_text", [], {}, {"op": None}, {"op": "__class__"}, {"op": ["set_text"]}, {"op": "set_text"},
    {"op": "set_text", "segment": True, "text": "x"}, {"op": "set_text", "segment": -1, "text": "x"},
    {"op": "set_text", "segment": 10**400, "text": "x"}, {"op": "set_text", "segment": 0, "text": 5},
    {"op": "set_text", "segment": 0.0, "text": "x"}, {"op": "set_text", "segment": 0, "text": "\ud800"},
    {"op": "set_times", "segment": 0, "start": float("nan"), "end": 2}, {"op": "set_times", "segment": 0, "start": -1, "end": 2},
    {"op": "set_times", "segment": 0, "start": 0, "end": float("inf")}, {"op": "set_times", "segment": 0, "start": "0", "end": 2},
    {"op": "set_times", "segment": 0, "start": 0, "end": 10**400}, {"op": "split", "segment": 0, "at": "3"},
    {"op": "replace"}, {"op": "replace", "segments": {}}, {"op": "replace", "segments": [None]},
    {"op": "replace", "segments": [{"start": 1, "end": 0, "text": "x"}]},
    {"op": "replace", "segments": [{"start": 2, "end": 3, "text": "x"}, {"start": 1, "end": 3, "text": "x"}]},
    {"op": "replace", "segments": [{"start": 0, "end": 1, "text": "x", "words": 3}]},
    {"op": "replace", "segments": [{"start": 0, "end": 1, "text": "x", "words": [{"text": "x"}]}]},
    {"op": "replace", "segments": [{"start": 0, "end": 1, "text": "x", "words": ["x"]}]},
    {"op": "replace", "segments": [{}] * 50_001},
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: str(data)[:40])
def test_edits_hostile_data_is_refused_in_a_sentence(data: Any) -> None:
    with pytest.raises(BadInput) as caught:
        edits.parse(data)
    assert caught.value.sentence.endswith(".") and len(caught.value.sentence) < 200


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["op", "start", "end", "text", "words"]), inner, max_size=4)
    ),
    max_leaves=8,
)
OPS = ["set_text", "set_times", "split", "merge", "remove", "insert", "replace"]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(OPS),
    st.fixed_dictionaries({}, optional=dict.fromkeys(["segment", "at", "start", "end", "text", "segments"], JUNK)),
)
def test_edits_any_junk_is_an_edit_or_a_sentence(name: str, rest: dict[str, Any]) -> None:
    try:
        edits.apply(FOX, [edits.parse({"op": name, **rest})])
    except AppError as exc:
        assert isinstance(exc, BadInput)


EDIT = st.one_of(
    st.builds(SetText, st.integers(0, 6), st.sampled_from([*STORY.split(". "), CHINESE, THAI, "a b", "x"])),
    st.builds(SetTimes, st.integers(0, 6), st.floats(0, 30), st.floats(0, 40)),
    st.builds(Split, st.integers(0, 6), st.integers(0, 60)),
    st.builds(Merge, st.integers(0, 6)),
    st.builds(Remove, st.integers(0, 6)),
    st.builds(Insert, st.integers(0, 6), st.floats(0, 30), st.floats(0, 40), st.sampled_from(["new words here", CHINESE])),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(TEXTS)), st.booleans(), st.lists(EDIT, max_size=12))
@example("en", True, [Insert(2, 3.0, 4.0, "new words here"), Merge(1)])  # segments that overlap
@example("en", False, [SetTimes(1, 0.0, 1.0), Split(0, 1)])
def test_edits_any_row_of_them_keeps_the_transcript_whole(language: str, with_words: bool, row: list[edits.Edit]) -> None:
    original = interview(4, language=language, timed=with_words)
    before = original.as_dict()
    file, now = EditFile(), original
    for edit in row:
        try:
            now = edits.apply(now, [edit])
        except BadInput:
            continue
        file = file.add(edit, file.revision)
    assert edits.edited(original, file) == now
    assert original.as_dict() == before
    assert [part.start for part in now.segments] == sorted(part.start for part in now.segments)
    for part in now.segments:
        assert part.text and part.text == part.text.strip()
        assert part.start <= part.end
        if part.words:
            assert seen("".join(word.text for word in part.words)) == seen(part.text)
            assert all(word.start <= word.end for word in part.words)
            assert [word.start for word in part.words] == sorted(word.start for word in part.words)
    again = edit_file.from_bytes(file.to_bytes())
    assert again == file and again.etag == file.etag


def test_file_undo_and_redo_walk_through_the_states() -> None:
    file = EditFile(base="b")
    first = file.add(SetText(0, "One."), 0)
    second = first.add(SetText(0, "Two."), 1)
    back = second.undo(2)
    assert edits.edited(FOX, back).segments[0].text == "One."
    assert edits.edited(FOX, back.redo(3)).segments[0].text == "Two."
    branched = back.add(Remove(0), 3)
    assert branched.undone == () and branched.revision == 4
    states = [file, first, second, back, back.redo(3), branched, replace(file, base="c")]
    assert len({state.etag for state in states}) == len(states)
    with pytest.raises(Conflict, match="nothing to undo"):
        file.undo(0)
    with pytest.raises(Conflict, match="nothing to do again"):
        branched.redo(4)


def test_file_takes_no_edit_that_it_could_not_read_back() -> None:
    for edit in (Replace((Segment(float("nan"), 1.0, "x"),)), Replace((Segment(0.0, 1.0, ""),)), SetText(-1, "x")):
        with pytest.raises(BadInput):
            EditFile().add(edit, 0)


def test_file_an_older_revision_is_refused() -> None:
    file = EditFile().add(Remove(0), 0)
    for change in (lambda: file.add(Remove(0), 0), lambda: file.undo(0), lambda: file.redo(5)):
        with pytest.raises(PreconditionFailed, match="changed in the meantime"):
            change()


def test_file_has_a_limit() -> None:
    full = EditFile(done=(Remove(0),) * edit_file.MAX_EDITS, revision=7)
    with pytest.raises(BadInput, match="at most 5,000 edits"):
        full.add(Remove(0), 7)


def test_file_whole_transcripts_push_out_what_is_older() -> None:
    file = EditFile().add(Remove(0), 0)
    for number in range(30):
        file = file.add(Replace((Segment(0.0, 1.0, f"Number {number}"),)), file.revision).add(
            SetText(0, f"Text {number}"), file.revision + 1
        )
    assert file.revision == 61
    assert sum(isinstance(edit, Replace) for edit in file.done) == edit_file.MAX_REPLACES
    assert edits.apply(FOX, file.done).segments[0].text == "Text 29"
    full = EditFile(done=(Remove(0),) * edit_file.MAX_EDITS)
    assert len(full.add(Replace(()), 0).done) == 1


def test_file_that_is_not_there_means_no_edits(tmp_path: Path) -> None:
    assert edit_file.load(tmp_path / "edits.json") == EditFile()
    (tmp_path / "edits.json").write_bytes(EditFile().add(Merge(3), 0).to_bytes())
    assert edit_file.load(tmp_path / "edits.json").done == (Merge(3),)


GOOD = json.loads(EditFile().add(SetText(0, "x"), 0).to_bytes())
DAMAGED = [
    b"", b"{", b"[]", b"\xff", b"null", b"{}", b'{"schema": "1"}', b"[" * 100_000, b'{"schema":1}',
    *(json.dumps({**GOOD, name: value}).encode() for name, value in [
        ("schema", 2), ("schema", True), ("done", 3), ("done", [{}]), ("done", [{"op": "x"}]), ("undone", None), ("revision", "1"),
        ("revision", True), ("base", 4),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED, ids=lambda data: repr(data)[:40])
def test_file_a_damaged_one_is_a_sentence(data: bytes) -> None:
    with pytest.raises(Conflict) as caught:
        edit_file.from_bytes(data)
    assert caught.value.sentence.endswith(".")


def test_edits_of_a_long_transcript_touch_only_their_segments() -> None:
    whole = interview(5000)
    row: list[edits.Edit] = []
    for number in range(125):
        row += [
            SetText(number * 39, "It was rather a cold day"),
            Split(number * 39, 6),
            Merge(number * 39),
            Remove(number * 39 + 1),
        ]
    made = edits.apply(whole, row)
    assert len(made.segments) == 4875
    assert sum(part.text == "It was rather a cold day" for part in made.segments) == 125
    assert sum(a is b for a, b in zip(made.segments[-20:], whole.segments[-20:], strict=True)) == 20


def test_replace_survives_its_file() -> None:
    part = segment(STORY)
    kept = replace(part, avg_logprob=None, no_speech_prob=None)
    file = EditFile().add(Replace((part,)), 0)
    assert edit_file.from_bytes(file.to_bytes()).done == (Replace((kept,)),)


def test_text_that_grows_beyond_all_speech_is_refused() -> None:
    bare, row = Transcript((), "en", 1.0, "whisper", "base", 0.0), "w" * MAX_SEGMENT_CHARS
    full = Replace(tuple(Segment(float(number), number + 1.0, row) for number in range(MAX_CHARS // MAX_SEGMENT_CHARS)))
    assert edits.apply(bare, [full]).segments == full.segments
    for more in (Insert(0, 0.0, 1.0, "One more."), Replace((Segment(0.0, 0.0, "One more."), *full.segments))):
        with pytest.raises(BadInput, match="at most 1,000,000 characters"):
            edits.apply(bare, [full, more])


def test_text_that_was_heard_longer_than_that_can_still_be_corrected() -> None:
    heard = Transcript((Segment(0.0, 1.0, "First."), Segment(1.0, 2.0, "w" * (MAX_CHARS + 1))), "en", 1.0, "whisper", "base", 2.0)
    assert edits.apply(heard, [SetText(0, "Other.")]).segments[0].text == "Other."
    with pytest.raises(BadInput, match="characters"):
        edits.apply(heard, [SetText(0, "A longer one.")])
