from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.speech.engines.gtts_kit import ManualClock
from utils.errors import EngineBusy
from utils.speech.engines.gtts_governor import FORGET_AFTER, PAUSES_S, SLOWEST, Governor, Turn, in_words


def governor_at(clock: ManualClock, rate: float = 2.0, workers: int = 3) -> Governor:
    return Governor(rate, workers, clock=clock, sleep=clock.sleep)


def one_answer(governor: Governor, clock: ManualClock, session: str = "a") -> Turn:
    """Wait for a turn, take it, and be answered well."""
    turn = governor.join(session)
    while wait_s := governor.try_start(turn):
        clock.sleep(wait_s)
    governor.answered(turn)
    governor.leave(turn)
    return turn


def one_429(governor: Governor, clock: ManualClock, asked_s: float | None = None) -> None:
    turn = governor.join("a")
    while wait_s := governor.try_start(turn):
        clock.sleep(wait_s)
    governor.slow_down(turn, asked_s)
    governor.leave(turn)


@pytest.mark.parametrize("rate", [0.1, 1.0, 2.0, 7.0])
def test_rate_over_many_requests_is_kept(rate: float) -> None:
    clock = ManualClock()
    governor = governor_at(clock, rate, workers=64)
    began = clock()
    for _ in range(100):
        one_answer(governor, clock)
    assert clock() - began == pytest.approx((100 - max(1, rate)) / rate, rel=0.01)


def test_rate_after_idleness_allows_no_more_than_a_second_at_once() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 2.0, workers=10)
    clock.sleep(3600)
    turns = [governor.join("a") for _ in range(10)]
    assert [governor.try_start(turn) == 0.0 for turn in turns].count(True) == 2


def test_in_flight_never_exceeds_its_limit() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 1000, workers=3)
    turns = [governor.join(f"session {n}") for n in range(10)]
    running = [turn for turn in turns if governor.try_start(turn) == 0.0]
    assert len(running) == 3
    clock.sleep(1)
    assert not any(governor.try_start(turn) == 0.0 for turn in turns[3:])
    governor.leave(running[0])
    assert sum(governor.try_start(turn) == 0.0 for turn in turns[3:]) == 1


def test_sessions_that_wait_are_served_in_turn_however_much_each_wants() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 1000, workers=1)
    waiting = {"a": [governor.join("a") for _ in range(50)]}
    order = []
    for number in range(24):
        if number == 4:
            waiting["b"] = [governor.join("b") for _ in range(10)]
        if number == 8:
            waiting["c"] = [governor.join("c") for _ in range(3)]
        clock.sleep(1)
        for session, turns in waiting.items():
            if turns and governor.try_start(turns[0]) == 0.0:
                order.append(session)
                governor.leave(turns.pop(0))
                break
    assert "".join(order) == "aaaa" + "baba" + "cbacbacba" + "bababab"


def test_session_that_keeps_coming_back_does_not_overtake_one_that_waits() -> None:
    """Each worker thread joins anew after each piece: being new in the queue must not count as never served."""
    clock = ManualClock()
    governor = governor_at(clock, 1000, workers=1)
    order = []
    turns = {"a": governor.join("a"), "b": governor.join("b")}
    for _ in range(10):
        clock.sleep(1)
        session = next(name for name, turn in turns.items() if governor.try_start(turn) == 0.0)
        order.append(session)
        governor.leave(turns[session])
        turns[session] = governor.join(session)
    assert "".join(order) == "ab" * 5


def test_turn_given_up_while_waiting_lets_the_next_one_through() -> None:
    clock = ManualClock()
    governor = governor_at(clock)
    first, second = governor.join("a"), governor.join("b")
    assert governor.try_start(second) > 0
    governor.leave(first)
    assert governor.try_start(second) == 0.0


def test_429_halves_the_rate_and_good_answers_bring_it_back_slowly() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 2.0)
    one_429(governor, clock)
    assert governor.rate == 1.0
    for _ in range(25):
        one_answer(governor, clock)
    assert governor.rate == pytest.approx(1.5)
    for _ in range(100):
        one_answer(governor, clock)
    assert governor.rate == 2.0


def test_429_again_and_again_pauses_longer_and_never_stops_for_good() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 2.0)
    pauses = []
    for _ in range(8):
        one_429(governor, clock)
        pauses.append(governor.pause_s())
    assert pauses == pytest.approx([*PAUSES_S, *[PAUSES_S[-1]] * 4])
    assert governor.rate == pytest.approx(2.0 * SLOWEST)


def test_429_after_few_good_answers_counts_on_and_after_many_starts_anew() -> None:
    clock = ManualClock()
    governor = governor_at(clock)
    one_429(governor, clock)
    for _ in range(FORGET_AFTER - 1):
        one_answer(governor, clock)
    one_429(governor, clock)
    assert governor.pause_s() == pytest.approx(PAUSES_S[1])
    for _ in range(FORGET_AFTER):
        one_answer(governor, clock)
    one_429(governor, clock)
    assert governor.pause_s() == pytest.approx(PAUSES_S[0])


def test_429_of_requests_sent_together_counts_once() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 1000.0)
    turns = [governor.join("a") for _ in range(3)]
    assert [governor.try_start(turn) for turn in turns] == [0.0, 0.0, 0.0]
    for turn in turns:
        governor.slow_down(turn)
        governor.leave(turn)
    assert governor.rate == 500.0
    assert governor.pause_s() == pytest.approx(PAUSES_S[0])


@pytest.mark.parametrize(("asked_s", "pause_s"), [(None, 5.0), (2.0, 5.0), (40.0, 40.0), (86_400.0, 900.0)])
def test_429_with_retry_after_is_heeded_within_bounds(asked_s: float | None, pause_s: float) -> None:
    clock = ManualClock()
    governor = governor_at(clock)
    one_429(governor, clock, asked_s)
    assert governor.pause_s() == pytest.approx(pause_s)


def test_pause_lets_nobody_through_and_then_one_first() -> None:
    clock = ManualClock()
    governor = governor_at(clock, 2.0)
    one_429(governor, clock)
    turns = [governor.join(f"session {n}") for n in range(3)]
    clock.sleep(PAUSES_S[0] - 0.01)
    assert all(governor.try_start(turn) > 0 for turn in turns)
    clock.sleep(0.02)
    assert [governor.try_start(turn) == 0.0 for turn in turns] == [True, False, False]


def test_turn_when_the_pause_is_longer_than_patience_says_how_long() -> None:
    clock = ManualClock()
    governor = governor_at(clock)
    one_429(governor, clock, asked_s=300)
    with pytest.raises(EngineBusy) as caught, governor.turn("a", lambda: None, 120.0):
        pytest.fail("got a turn")
    assert caught.value.retry_after_s == pytest.approx(300, abs=1)
    assert "5 minutes" in caught.value.sentence


def test_turn_when_the_pause_is_within_patience_waits_for_it() -> None:
    clock = ManualClock()
    governor = governor_at(clock)
    one_429(governor, clock, asked_s=60)
    began = clock()
    with governor.turn("a", lambda: None, 120.0):
        assert clock() - began >= 60


def test_turn_whose_check_fails_ends_and_leaves_no_trace() -> None:
    clock = ManualClock()
    governor = governor_at(clock, workers=1)
    held = governor.join("a")
    assert governor.try_start(held) == 0.0

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), governor.turn("b", stop, 120.0):
        pytest.fail("got a turn")
    governor.leave(held)
    clock.sleep(1)
    assert governor.try_start(governor.join("c")) == 0.0


def test_turns_of_many_threads_are_bounded_and_all_served() -> None:
    governor = Governor(1000.0, 3)  # the real clock, and the real wait
    chance = random.Random(1)
    lock, now, most = threading.Lock(), 0, 0

    def work(number: int) -> str:
        nonlocal now, most
        with governor.turn(f"session {number % 5}", lambda: None, 1.0) as turn:
            with lock:
                now += 1
                most = max(most, now)
            threading.Event().wait(chance.random() / 1000)
            with lock:
                now -= 1
            governor.answered(turn)
            return turn.session_id

    with ThreadPoolExecutor(20) as pool:
        served = list(pool.map(work, range(200)))
    assert len(served) == 200
    assert most == 3


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (1.0, "1 s"), (39.2, "40 s"), (60, "60 s"), (91, "2 minutes"), (300, "5 minutes")]
)
def test_wait_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
