"""The text so far: durable lines, torn ends, readers while it grows, seams put together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from utils.errors import StoreUnavailable
from utils.transcription import partial, seams
from utils.transcription.contract import Dropped, GateReport, Segment, Span, Word
from utils.transcription.partial import Partial, WindowResult

GATE = GateReport(checked=3, again=1, doubtful=1, dropped=(Dropped(1, 2, "no_speech", 4),), speech_s=9.5)


def result(index: int, **changes: object) -> WindowResult:
    words = (Word(index, index + 0.5, " wörd", 0.9), Word(index + 0.5, index + 1, f" {index}"))
    segment = Segment(index, index + 1, f"wörd {index}", words, "de", -0.3, 0.1, 1.2, 0.0, "unsure")
    return WindowResult(
        **{"start": index * 100, "next": index * 100 + 100, "total": 900, "segments": (segment,), "gate": GATE, **changes}
    )  # type: ignore[arg-type]


def test_stretches_survive_the_disk_as_they_were(tmp_path: Path) -> None:
    kept = Partial(tmp_path / "partial.jsonl")
    results = [result(0, language="de", language_probability=0.8), result(1, hard=True)]
    for each in results:
        kept.append(each)
    assert kept.windows() == results
    assert partial.read(tmp_path / "partial.jsonl") == [*results[0].segments, *results[1].segments]
    kept.clear()
    kept.clear()
    assert kept.windows() == [] and partial.read(tmp_path / "partial.jsonl") == []


@pytest.mark.parametrize("torn", [b'{"start": 100, "ne', b"\xff\xfe", b'{"start": 100}\n', b"[]\n", b"7\n", b"null\n\n"])
def test_torn_or_strange_lines_are_skipped_and_closed_by_the_next(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "partial.jsonl"
    Partial(path).append(result(0))
    with path.open("ab") as file:
        file.write(torn)
    assert Partial(path).windows() == [result(0)]
    Partial(path).append(result(1))
    assert Partial(path).windows() == [result(0), result(1)]


def test_stretches_count_only_as_far_as_each_begins_where_the_one_before_ends(tmp_path: Path) -> None:
    kept = Partial(tmp_path / "partial.jsonl")
    for each in (result(0), result(2), result(3)):
        kept.append(each)
    assert kept.windows() == [result(0)]


def test_reader_gets_only_what_is_new_and_no_half_lines(tmp_path: Path) -> None:
    path = tmp_path / "partial.jsonl"
    assert partial.news(path) == partial.News((), 0)
    Partial(path).append(result(0))
    first = partial.news(path)
    assert first.results == (result(0),) and first.offset == path.stat().st_size
    data = json.dumps({"x": 1}).encode()
    with path.open("ab") as file:
        file.write(data)  # in the middle of being written
    assert partial.news(path, first.offset) == partial.News((), first.offset)
    Partial(path).append(result(1))
    second = partial.news(path, first.offset)
    assert second.segments == list(result(1).segments)
    path.write_bytes(b"")
    Partial(path).append(result(0))
    assert partial.news(path, second.offset).results == (result(0),)  # it was begun anew


def test_disk_that_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        Partial(tmp_path / "gone" / "partial.jsonl").append(result(0))


def test_reports_are_summed() -> None:
    total = partial.sum_of([GATE, GATE])
    assert (total.checked, total.again, total.doubtful, len(total.dropped), total.speech_s) == (6, 2, 2, 2, 19.0)


def spoken(text: str, start: float, step: float = 0.4) -> Segment:
    texts = text.split()
    words = tuple(Word(start + i * step, start + (i + 1) * step, f" {word}") for i, word in enumerate(texts))
    return Segment(words[0].start, words[-1].end, text, words)


@pytest.mark.parametrize(
    ("before", "start", "after", "kept"),
    [
        ("turn on the light in", 10.9, "the light in the kitchen", "the kitchen"),
        ("turn on the light in", 10.7, "The light, in the kitchen", "the kitchen"),
        ("turn on the light in", 11.3, "ight in the kitchen", "the kitchen"),
        ("turn on the light im", 11.1, "light in the kitchen", "the kitchen"),
        ("the cat and the", 10.9, "and the dog and the bird", "dog and the bird"),
        ("one two", 10.0, "seven eight nine", "nine"),  # nothing in common: time decides
    ],
)
def test_words_that_both_sides_of_a_seam_heard_are_kept_once(before: str, start: float, after: str, kept: str) -> None:
    earlier, later = spoken(before, 10), spoken(after, start)
    made = seams.join([earlier], [later], Span(10.4, 12.4))
    assert [segment.text for segment in made] == [kept]


def test_segments_without_word_times_are_joined_too() -> None:
    earlier, later = Segment(8, 12, "turn on the light in"), Segment(10, 13, "the light in the kitchen")
    made = seams.join([earlier], [later], Span(10, 12))
    assert [(segment.text, segment.words) for segment in made] == [("the kitchen", ())]


def test_seam_beside_silence_leaves_everything() -> None:
    later = [spoken("good morning", 20)]
    assert seams.join([], later, Span(10, 12)) == later
    assert seams.join([spoken("hello", 2)], later, Span(10, 12)) == later


def test_word_at_a_hard_end_is_left_to_the_other_side() -> None:
    made = seams.trimmed([spoken("turn on the li", 10)], 11.65)
    assert [segment.text for segment in made] == ["turn on the"]
    assert seams.trimmed([spoken("turn on", 10)], 15) == [spoken("turn on", 10)]
