"""When a worker that has grown is replaced."""

from __future__ import annotations

import pytest

from utils.jobs.heart import Heart
from utils.jobs.worker import WORN_AFTER_S, WORN_BYTES, Wear


class Resting(Heart):
    """Has rested for as long as a test says."""

    def __init__(self, rests_s: float) -> None:
        super().__init__(15.0, lambda pulse: None)
        self._rests_s = rests_s

    def rests_for_s(self) -> float:
        return self._rests_s


@pytest.mark.parametrize(
    ("rests_s", "idle_s", "grown", "worn"),
    [
        (900 + WORN_AFTER_S, 900.0, WORN_BYTES + 1, True),
        (900 + WORN_AFTER_S, 900.0, WORN_BYTES, False),  # as large as libraries may stay
        (900 + WORN_AFTER_S - 1, 900.0, 10 * WORN_BYTES, False),  # its model may still be loaded
        (0.0, 900.0, 10 * WORN_BYTES, False),  # it works
        (1e9, 0.0, 10 * WORN_BYTES, False),  # models are never unloaded: size says nothing
    ],
)
def test_worker_is_worn_only_when_it_rests_unloaded_and_large(rests_s: float, idle_s: float, grown: int, worn: bool) -> None:
    sizes = iter([50 * 2**20, 50 * 2**20 + grown])
    assert Wear(Resting(rests_s), idle_s, lambda: next(sizes)).is_worn() is worn


def test_heart_rests_from_its_beginning_on() -> None:
    assert Heart(15.0, lambda pulse: None).rests_for_s() >= 0.0
