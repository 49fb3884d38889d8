"""From events to marks, without the library."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from utils.speech.contract import Mark
from utils.speech.engines.espeak_marks import marks_of

RATE_HZ = 1000  # so that samples are milliseconds


def ms(marks: list[Mark]) -> list[tuple[str, int, int]]:
    return [(mark.text, round(mark.start * 1000), round(mark.end * 1000)) for mark in marks]


def test_marks_several_events_in_one_token_count_once() -> None:
    found = marks_of(
        "It costs $1,250.75 today", 3, [(0, 0), (3, 100), (9, 300), (10, 500), (11, 700), (19, 900)], [1200], 50, RATE_HZ
    )

    assert ms(found) == [("It", 50, 150), ("costs", 150, 350), ("$1,250.75", 350, 950), ("today", 950, 1250)]
    assert {mark.part for mark in found} == {3}


def test_marks_token_ends_with_its_clause_before_a_pause() -> None:
    assert ms(marks_of("One. Two.", 0, [(0, 0), (5, 900)], [600, 1500], 0, RATE_HZ)) == [("One.", 0, 600), ("Two.", 900, 1500)]


def test_marks_token_of_several_clauses_goes_to_the_end_of_the_last() -> None:
    words = [(0, 0), (1, 100), (3, 500), (4, 600), (7, 1000)]

    assert ms(marks_of("今天，很好。 晚", 0, words, [400, 900, 1200], 0, RATE_HZ)) == [("今天，很好。", 0, 900), ("晚", 1000, 1200)]


def test_marks_token_without_event_shares_by_letters() -> None:
    found = marks_of("to the house – now", 0, [(0, 0), (7, 500), (15, 1000)], [1300], 0, RATE_HZ)

    assert ms(found) == [("to", 0, 200), ("the", 200, 500), ("house", 500, 1000), ("–", 1000, 1000), ("now", 1000, 1300)]


def test_marks_first_token_without_event_stands_in_front() -> None:
    assert ms(marks_of("– so it is", 0, [(2, 0), (5, 200), (8, 300)], [500], 0, RATE_HZ))[:2] == [("–", 0, 0), ("so", 0, 200)]


def test_marks_events_between_tokens_or_backwards_begin_nothing() -> None:
    found = marks_of("aa bb cc", 0, [(0, 0), (2, 50), (6, 200), (3, 250), (9, 280)], [400], 0, RATE_HZ)

    assert ms(found) == [("aa", 0, 100), ("bb", 100, 200), ("cc", 200, 400)]


def test_marks_no_event_no_mark() -> None:
    assert marks_of("...", 0, [], [300], 0, RATE_HZ) == []
    assert marks_of("", 0, [(0, 5)], [300], 0, RATE_HZ) == []


@given(
    st.text("ab1 .–", max_size=40),
    st.lists(st.tuples(st.integers(-1, 45), st.integers(0, 500)), max_size=12),
    st.lists(st.integers(0, 600), max_size=4),
)
def test_marks_any_events_stay_in_order(text: str, words: list[tuple[int, int]], ends: list[int]) -> None:
    found = marks_of(text, 0, sorted(words, key=lambda word: word[1]), sorted(ends), 0, RATE_HZ)

    assert [mark.text for mark in found] == (text.split() if found else [])
    assert all(mark.start <= mark.end for mark in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
