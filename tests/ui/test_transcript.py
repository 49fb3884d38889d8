"""What the transcript's parts say, without a page."""

from __future__ import annotations

import pytest

from tests.pages.transcribe_stage import segment
from utils.transcription.compare import Comparison, Piece, compare
from utils.ui.transcribe_queue import footage
from utils.ui.transcript_card import language_words
from utils.ui.transcript_changes import differing, marked


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (59.9, "0:59"), (2535, "42:15"), (5400, "1:30:00"), (36_061, "10:01:01")]
)
def test_footage_is_minutes_and_hours(seconds: float, said: str) -> None:
    assert footage(seconds) == said


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"language": "de", "language_probability": 0.984}, "German, 98 % sure"),
        ({"language": "de", "language_probability": None}, "German"),
        ({"language": "xx"}, "xx"),
        ({"language": "de", "no_speech": True}, ""),
        ({}, ""),
    ],
)
def test_language_is_told_with_how_sure_it_is(made: dict[str, object], said: str) -> None:
    assert language_words(made, {"de": "German"}) == said


def test_differing_finds_corrected_split_and_removed_segments() -> None:
    before = tuple(segment(f"Sentence {n}.", 2.0 * n) for n in range(6))
    after = (before[0], segment("Corrected.", 2.0), *before[2:4], before[5])
    found = differing(before, after)
    assert [([one.text for one in was], [one.text for one in now]) for was, now in found] == [
        (["Sentence 1."], ["Corrected."]),
        (["Sentence 4."], []),
    ]
    assert differing(before, before) == []


def test_differing_five_thousand_segments_stay_quick() -> None:
    before = tuple(segment("The same words again.", 2.0 * n) for n in range(5_000))
    after = (*before[:2_500], segment("Corrected.", 5_000.0), *before[2_501:])
    assert len(differing(before, after)) == 1


def test_marked_shows_other_missing_and_added_words_and_no_markup_of_people() -> None:
    said = marked(compare("Good morning Anna and welcome here", "Good evening Anna and very welcome", "en"))
    assert "<del>morning</del> <ins>evening</ins>" in said
    assert "<ins>very</ins>" in said and "<del>here</del>" in said
    planted = Comparison(1.0, 1, 1, 0, 0, (Piece("other", "<b>x</b>", "<img src=x>"), Piece("same", "<i>", "<i>")))
    assert marked(planted) == "<del>&lt;b&gt;x&lt;/b&gt;</del> <ins>&lt;img src=x&gt;</ins> &lt;i&gt;"


def test_marked_leaves_out_most_of_what_is_the_same() -> None:
    words = " ".join(f"{letter}{other}" for letter in "bcdfg" for other in "aeiou")
    said = marked(compare(f"{words} morning", f"{words} evening", "en"))
    assert said.startswith("ba ") and "gu <del>" in said and "du" not in said and " … " in said
