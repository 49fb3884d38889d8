"""What was checked is remembered, and few tables are read at one time."""

from __future__ import annotations

import pytest

from utils.errors import TooMany
from utils.speech.table.memo import AT_ONCE, Checker


def test_checker_turn_is_refused_while_all_are_taken_and_given_again_later() -> None:
    checker = Checker()
    held = [checker.turn() for _ in range(AT_ONCE)]
    for turn in held:
        turn.__enter__()
    with pytest.raises(TooMany) as refused, checker.turn(wait_s=0.01):
        pass
    assert refused.value.retry_after_s
    held[0].__exit__(None, None, None)
    with checker.turn(wait_s=0.01):
        pass
