"""Bodies that are read while they arrive: their pieces, their pace, and who makes room when all places are taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from utils.api.bodies import PIECE_BYTES, SLOW_AFTER_S, SLOW_BYTES_PER_S, Bodies, Body, Pace
from utils.api.problems import BadRequest, RequestTooSlow
from utils.errors import TooMany


class Clock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Sender:
    """The other end of a request: sends pieces, each after some seconds of the clock, which it moves; then waits for ever."""

    def __init__(self, *pieces: tuple[float, bytes], ends: bool = True, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._left = list(pieces)
        self._ends = ends

    async def receive(self) -> dict[str, Any]:
        if not self._left:
            await anyio.sleep_forever()
        after_s, data = self._left.pop(0)
        self.clock.now += after_s
        await anyio.sleep(0)
        return {"type": "http.request", "body": data, "more_body": bool(self._left) or not self._ends}

    @property
    def request(self) -> Request:
        return Request({"type": "http", "method": "POST", "headers": []}, self.receive)


def pieces(sender: Sender, pace: Pace | None = None) -> list[bytes]:
    async def read() -> list[bytes]:
        body = Body(pace or Pace(1, 60.0), sender.clock)
        return [piece async for piece in body.pieces(sender.request)]

    return anyio.run(read)


def test_body_first_bytes_come_at_once_and_the_others_gathered() -> None:
    small = [(0.0, bytes([number])) for number in range(5)]
    assert pieces(Sender(*small)) == [b"\0", b"\1\2\3\4"]
    large = bytes(PIECE_BYTES)
    assert [len(piece) for piece in pieces(Sender((0, b"a"), (0, large), (0, b"b"), (0, large), (0, b"c")))] == [
        1,
        PIECE_BYTES,
        PIECE_BYTES + 1,
        1,
    ]


def test_body_without_anything_has_no_pieces() -> None:
    assert pieces(Sender((0.0, b""))) == []


def test_body_that_brings_enough_in_every_stretch_may_take_for_ever() -> None:
    assert b"".join(pieces(Sender(*[(9.0, b"x" * 60)] * 40), Pace(100, 20.0))) == b"x" * 2400


def test_body_that_brings_too_little_in_a_stretch_is_given_up_however_much_came_before() -> None:
    with pytest.raises(RequestTooSlow, match="at least 0 kB in 20 seconds"):
        pieces(Sender((1.0, bytes(10**6)), *[(9.0, b"x")] * 10), Pace(100, 20.0))


def test_body_last_bytes_are_taken_however_late() -> None:
    assert pieces(Sender((1.0, b"a"), (500.0, b"b")), Pace(100, 20.0)) == [b"a", b"b"]


def test_body_time_of_our_own_does_not_count() -> None:
    sender = Sender(*[(1.0, b"x")] * 10)

    async def read() -> int:
        count = 0
        async for piece in Body(Pace(100, 20.0), sender.clock).pieces(sender.request):
            sender.clock.now += 1000.0  # it is written
            count += len(piece)
        return count

    assert anyio.run(read) == 10


def test_body_whose_sender_leaves_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def read() -> None:
        async for _ in Body().pieces(Request({"type": "http", "method": "POST", "headers": []}, receive)):
            pass

    with pytest.raises(BadRequest):
        anyio.run(read)


async def crowded(speed: float, then: Callable[[Bodies], None]) -> list[str]:
    """Two places, taken by a fast body and one of so many bytes a second; what became of the two after `then`."""
    ends: list[str] = []
    clock = Clock()

    async def read(name: str, rate: float, body: Body) -> None:
        sender = Sender((SLOW_AFTER_S, bytes(int(rate * SLOW_AFTER_S))), ends=False, clock=clock)
        try:
            async for _ in body.pieces(sender.request):
                pass
        except RequestTooSlow:
            ends.append(name)

    with ExitStack() as stack:
        bodies = Bodies(2, clock)
        async with anyio.create_task_group() as group:
            for name, rate in (("fast", 10 * SLOW_BYTES_PER_S), ("slow", speed)):
                group.start_soon(read, name, rate, stack.enter_context(bodies.reading()))
            await anyio.sleep(0.05)
            then(bodies)
            await anyio.sleep(0.05)
            group.cancel_scope.cancel()
    return ends


def test_bodies_slowest_makes_room_when_all_places_are_taken() -> None:
    def come(bodies: Bodies) -> None:
        with bodies.reading():
            pass

    assert anyio.run(crowded, SLOW_BYTES_PER_S / 2, come) == ["slow"]


def test_bodies_none_makes_room_while_all_are_fast() -> None:
    def come(bodies: Bodies) -> None:
        with pytest.raises(TooMany) as refused, bodies.reading():
            pass
        assert refused.value.retry_after_s

    assert anyio.run(crowded, SLOW_BYTES_PER_S * 5, come) == []


def test_bodies_too_young_to_be_called_slow_do_not_make_room() -> None:
    bodies = Bodies(1, lambda: 0.0)
    with bodies.reading(), pytest.raises(TooMany), bodies.reading():
        pass
    with bodies.reading():
        pass
