"""Token buckets and counts."""

from __future__ import annotations

import threading

from utils.limits import Buckets
from utils.tally import MOST_SERIES, OTHER, Tally


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_bucket_burst_is_let_through_then_the_rate_holds() -> None:
    clock = Clock()
    buckets = Buckets(0.5, 3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    clock.now += 1.5
    assert buckets.take("a") == 0.5
    clock.now += 0.5
    assert buckets.take("a") == 0.0


def test_bucket_keys_do_not_share_and_a_clock_set_back_gives_nothing() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, clock=clock)
    assert (buckets.take("a"), buckets.take("b")) == (0, 0)
    clock.now -= 50
    assert buckets.take("a") == 1.0


def test_bucket_waiting_does_not_save_more_than_the_burst() -> None:
    clock = Clock()
    buckets = Buckets(1, 2, clock=clock)
    buckets.take("a")
    clock.now += 1000
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1.0]


def test_bucket_many_keys_the_one_that_was_refused_is_remembered() -> None:
    clock = Clock()
    buckets = Buckets(0.001, 2, clock=clock, most_keys=100)
    for _ in range(3):
        buckets.take("busy")
    for number in range(1000):
        buckets.take(f"key {number}")
    assert buckets.take("busy") > 0


def test_tally_threads_count_all_and_strange_labels_stay_bounded() -> None:
    tally = Tally()

    def count() -> None:
        for number in range(5000):
            tally.add("requests", "GET", str(number % 10))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.of("requests") == {("GET", str(digit)): 2000 for digit in range(10)}
    for number in range(MOST_SERIES + 50):
        tally.add("paths", str(number))
    assert len(tally.of("paths")) <= MOST_SERIES
    assert tally.of("paths")[(OTHER,)] >= 50
    assert tally.of("nothing") == {}
