"""Marks -> cues: limits, places to cut, times."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.subtitles.readers import read_srt, read_vtt
from utils.speech.contract import Mark
from utils.subtitles import Cue, cues_from_marks, script, srt, vtt

STORY = (
    "It was a bright cold day in April, and the clocks were striking thirteen. Dr. Smith, who had been walking along the quiet "
    "road towards the village, was thinking about the 3.5 letters he had not answered. Yes. No. Does anybody know why the river "
    "changed its course? Nobody could say for certain; the maps were lost in the fire of the previous century."
)
CHINESE = "今天天气很好，我们一起去公园散步吧。公园里有很多花，还有许多小朋友在玩耍。你想和我们一起去吗？当然想去！"
THAI = "สวัสดีครับ วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกันเถอะ แล้วค่อยกลับมาทานข้าวเย็นด้วยกันที่บ้านของคุณแม่"
ARABIC = "كان الطقس جميلاً في ذلك اليوم، وخرجنا جميعاً إلى الحديقة. هل تريد أن تأتي معنا؟ نعم بالطبع أريد ذلك كثيراً."


def spoken(text: str, *, a_letter_s: float = 0.06, part: int = 0, at: float = 0.0, rest_s: float = 0.3) -> list[Mark]:
    """Marks as eSpeak gives them: one a word, with a rest behind sentences."""
    marks = []
    for word in text.split():
        end = at + 0.05 + a_letter_s * len(word)
        marks.append(Mark(at, end, word, part))
        at = end + (rest_s if word[-1] in ".?!" else 0.0)
    return marks


def lines(cues: list[Cue]) -> list[list[str]]:
    return [cue.text.split("\n") for cue in cues]


MARKS = st.lists(
    st.tuples(
        st.floats(0, 3),  # rest before
        st.floats(0, 9),  # length
        st.one_of(
            st.text(max_size=100),
            st.lists(st.sampled_from([*STORY.split(), *CHINESE, "--> <b>", "ไปไหน", "نعم؟"]), max_size=20).map(" ".join),
            st.sampled_from([CHINESE, THAI, ARABIC, "x" * 200, "漢" * 90]),
        ),
        st.booleans(),  # a new part
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(MARKS, st.sampled_from([(42, 2), (20, 1), (32, 3), (4, 2)]))
def test_cues_of_any_marks_hold_every_promise(rows: list[tuple[float, float, str, bool]], limits: tuple[int, int]) -> None:
    marks, at, part = [], 0.0, 0
    for rest_s, length_s, text, new in rows:
        part += new
        marks.append(Mark(at + rest_s, at + rest_s + length_s, text, part))
        at = marks[-1].end
    max_columns, max_lines = limits
    cues = cues_from_marks(marks, seconds=at, max_columns=max_columns, max_lines=max_lines)
    before_ms = 0
    for cue in cues:
        start_ms, end_ms = round(cue.start * 1000), round(cue.end * 1000)
        assert (start_ms / 1000, end_ms / 1000) == (cue.start, cue.end)  # whole milliseconds
        assert before_ms <= start_ms < end_ms
        before_ms = end_ms
        shown = cue.text.split("\n")
        assert 1 <= len(shown) <= max_lines
        assert all(line.strip() == line and line for line in shown)
        assert all(script.width(line) <= max_columns for line in shown)
        assert script.has_words(cue.text)
    assert before_ms <= round(at * 1000) + len(cues) + 1
    assert read_vtt(vtt(cues)) == cues
    assert len(read_srt(srt(cues))) == len(cues)
    kept = "".join(cue.text for cue in cues).replace("\n", "").replace(" ", "")
    given_text = "".join(mark.text for mark in marks)
    assert [c for c in kept if c.isalnum()] == [c for c in given_text if c.isalnum()]


def test_cues_end_at_sentences_and_break_lines_at_clauses() -> None:
    assert lines(cues_from_marks(spoken(STORY))) == [
        ["It was a bright cold day in April,", "and the clocks were striking thirteen."],
        ["Dr. Smith, who had been walking along", "the quiet road towards the village,"],
        ["was thinking about the 3.5", "letters he had not answered."],
        ["Yes. No. Does anybody know why", "the river changed its course?"],
        ["Nobody could say for certain;"],
        ["the maps were lost in the", "fire of the previous century."],
    ]


def test_cues_start_with_their_first_word_and_end_with_their_last() -> None:
    marks = spoken(STORY)
    starts = {round(mark.start, 3) for mark in marks}
    ends = {round(mark.end, 3) for mark in marks}
    cues = cues_from_marks(marks)
    assert all(cue.start in starts and cue.end in ends for cue in cues)


def test_cues_short_one_stays_a_while_but_never_into_the_next() -> None:
    alone = cues_from_marks([Mark(1.0, 1.2, "Yes.", 0), Mark(5.0, 5.2, "No.", 1)], seconds=9.0)
    assert alone == [Cue(1.0, 1.833, "Yes."), Cue(5.0, 5.833, "No.")]
    close = cues_from_marks([Mark(1.0, 1.2, "Yes.", 0), Mark(1.6, 1.8, "No.", 1)], seconds=1.9)
    assert close == [Cue(1.0, 1.6, "Yes."), Cue(1.6, 1.9, "No.")]


def test_cues_rest_and_paragraph_end_a_cue_without_punctuation() -> None:
    marks = [
        Mark(0, 0.5, "Chapter", 0),
        Mark(0.5, 1, "one", 0),
        Mark(1.4, 2, "It", 1),
        Mark(2, 3, "began", 1),
        Mark(4.1, 5, "slowly", 1),
    ]
    assert [cue.text for cue in cues_from_marks(marks)] == ["Chapter one", "It began", "slowly"]


def test_cues_short_sentences_without_rest_share_one() -> None:
    marks = [Mark(0, 0.3, "Yes.", 0), Mark(0.3, 0.6, "No.", 1), Mark(0.6, 0.9, "Never.", 2)]
    assert cues_from_marks(marks) == [Cue(0.0, 0.9, "Yes. No. Never.")]


def test_cues_slow_speech_is_cut_by_time() -> None:
    cues = cues_from_marks([Mark(number * 2.0, number * 2.0 + 2.0, "word", 0) for number in range(10)])
    assert all(cue.end - cue.start <= 7 for cue in cues)
    assert len(cues) == 4


def test_cues_long_piece_is_cut_inside_its_own_time() -> None:
    first = "It was a bright cold day in April, and the clocks were striking thirteen. Winston Smith, his chin"
    second = "nuzzled into his breast in an effort to escape the vile wind, slipped quickly through the glass doors."
    cues = cues_from_marks([Mark(0.0, 6.0, first, 0), Mark(6.1, 12.0, second, 0)], seconds=12.0)
    assert cues[0].text == "It was a bright cold day in April,\nand the clocks were striking thirteen."
    assert cues[0].start == 0.0 and 4.0 < cues[0].end < 5.2
    assert cues[-1].end == 12.0
    assert " ".join(cue.text.replace("\n", " ") for cue in cues) == f"{first} {second}"


@pytest.mark.parametrize("text", [CHINESE, THAI, ARABIC], ids=["Chinese", "Thai", "Arabic"])
def test_cues_other_scripts_keep_the_text_and_the_limits(text: str) -> None:
    cues = cues_from_marks([Mark(0.0, 8.0, text, 0)], seconds=8.0)
    assert len(cues) > 1
    assert "".join(cue.text for cue in cues).replace("\n", "").replace(" ", "") == text.replace(" ", "")
    assert all(script.width(line) <= 42 for cue in cues for line in cue.text.split("\n"))


def test_cues_chinese_ends_at_its_own_full_stops() -> None:
    assert [cue.text[-1] for cue in cues_from_marks([Mark(0.0, 12.0, CHINESE, 0)])] == ["。", "。", "？", "！"]


def test_cues_no_line_begins_with_a_mark_that_ends_something() -> None:
    text = "私たちは、昨日の夜に「東京タワー」を見に行きました。とてもきれいで、みんな喜んでいました。" * 4
    for cue in cues_from_marks([Mark(0.0, 60.0, text, 0)]):
        for line in cue.text.split("\n"):
            assert line[0] not in "、。」ーっ" and line[-1] not in "「"


def test_cues_no_crumb_is_left_behind() -> None:
    text = "The committee of the northern district decided on Monday that the old bridge over the river would be closed for ever."
    widths = [script.width(cue.text) for cue in cues_from_marks(spoken(text))]
    assert min(widths) > 20


def test_cues_of_nothing_are_none() -> None:
    assert cues_from_marks([]) == []
    assert cues_from_marks([Mark(0, 1, " ", 0), Mark(1, 2, "...", 0)]) == []


def test_cues_hundred_thousand_characters_are_in_order() -> None:
    marks: list[Mark] = []
    for part in range(300):
        marks += spoken(STORY, part=part, at=marks[-1].end + 0.4 if marks else 0.0)
    cues = cues_from_marks(marks)
    assert len(cues) == 300 * 6
    assert all(a.end <= b.start for a, b in pairwise(cues))
