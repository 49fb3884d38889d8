"""Where rows lie in the merged track."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.speech.batch import FASTEST
from utils.speech.track_layout import Placed, TrackRow, at_their_times, one_after_another


def row(number: int, seconds: float, start: float | None = None, end: float | None = None) -> TrackRow:
    return TrackRow(number, f"Row {number}", Path(f"{number}.wav"), seconds, "espeak", start, end)


def told(placed: list[Placed]) -> list[tuple[int, float, float, float]]:
    return [(one.row.number, round(one.begin, 3), round(one.faster, 3), round(one.over_s, 3)) for one in placed]


def test_rows_without_times_follow_each_other_with_the_gap() -> None:
    assert told(one_after_another([row(1, 2.0), row(2, 1.0), row(3, 4.0)], 0.5)) == [
        (1, 0.0, 1.0, 0.0),
        (2, 2.5, 1.0, 0.0),
        (3, 4.0, 1.0, 0.0),
    ]


def test_row_that_fits_before_the_next_start_is_left_alone_though_it_is_longer_than_its_cue() -> None:
    assert told(at_their_times([row(1, 3.0, 1.0, 2.0), row(2, 1.0, 5.0, 6.0)], 0.5)) == [(1, 1.0, 1.0, 0.0), (2, 5.0, 1.0, 0.0)]


def test_row_too_long_is_sped_up_just_enough() -> None:
    assert told(at_their_times([row(1, 3.0, 1.0, 2.0), row(2, 1.0, 3.0, 4.0)], 0.5)) == [(1, 1.0, 1.5, 0.0), (2, 3.0, 1.0, 0.0)]


def test_row_far_too_long_runs_over_and_the_next_waits_for_its_end_and_the_one_after_is_in_time() -> None:
    rows = [row(1, 3.2, 0.0, 1.0), row(2, 0.4, 1.0, 2.0), row(3, 1.0, 3.0, 4.0)]
    assert told(at_their_times(rows, 0.5)) == [(1, 0.0, 1.6, 1.0), (2, 2.0, 1.0, 0.0), (3, 3.0, 1.0, 0.0)]


def test_last_row_has_until_its_own_end() -> None:
    assert told(at_their_times([row(1, 3.0, 1.0, 3.0)], 0.5)) == [(1, 1.0, 1.5, 0.0)]
    assert told(at_their_times([row(1, 3.0, 1.0)], 0.5)) == [(1, 1.0, 1.0, 0.0)]


def test_rows_out_of_order_are_put_in_time_and_those_without_a_time_stay_behind_their_neighbour() -> None:
    rows = [row(1, 1.0, 10.0), row(2, 1.0), row(3, 1.0, 0.0)]
    assert told(at_their_times(rows, 0.5)) == [(3, 0.0, 1.0, 0.0), (1, 10.0, 1.0, 0.0), (2, 11.5, 1.0, 0.0)]


def test_two_rows_of_the_same_time_follow_each_other() -> None:
    rows = [row(1, 1.6, 2.0, 4.0), row(2, 1.0, 2.0, 4.0)]
    assert told(at_their_times(rows, 0.0)) == [(1, 2.0, 1.6, 1.0), (2, 3.0, 1.0, 0.0)]


@given(
    st.lists(
        st.tuples(st.floats(0.1, 20.0), st.one_of(st.none(), st.floats(0.0, 100.0)), st.floats(0.0, 5.0)), min_size=1, max_size=20
    ),
    st.floats(0.0, 5.0),
)
def test_rows_never_sound_together_are_never_cut_and_never_early(
    rows: list[tuple[float, float | None, float]], gap_s: float
) -> None:
    given_rows = [
        row(number, seconds, start, None if start is None else start + lasts)
        for number, (seconds, start, lasts) in enumerate(rows, 1)
    ]
    placed = at_their_times(given_rows, gap_s)
    assert sorted(one.row.number for one in placed) == [one.number for one in given_rows]
    for before, after in pairwise(placed):
        assert after.begin >= before.end - 1e-9
    for one in placed:
        assert 1.0 <= one.faster <= FASTEST
        assert one.seconds == pytest.approx(one.row.seconds / one.faster)
        assert one.row.start is None or one.begin >= one.row.start
        assert one.over_s == 0.0 or one.faster == FASTEST
