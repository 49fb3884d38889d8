"""Bodies that are read while they arrive: how many at one time, how fast they must come, in what pieces they are handed on.

A sender who only holds the line costs a place and nothing else, and keeps it until somebody needs it who does send.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
from anyio import CapacityLimiter
from fastapi import Request
from starlette.types import Message

from utils.api.problems import BadRequest, RequestTooSlow
from utils.errors import TooMany

MOST = 96  # bodies at one time; the server holds up to half a megabyte of each
PIECE_BYTES = 64 * 1024  # handed on at one time: a thread for every packet would cost more than the disk
WRITERS, LOOKERS = 8, 4  # threads for all bodies together; those that the routes share stay free
SLOW_BYTES_PER_S = 64 * 1024  # below this, and after so long, a body makes room when all places are taken
SLOW_AFTER_S = 2.0
AFTER_S = 2.0
HALF = "The body ended before it was complete."


@dataclass(frozen=True)
class Pace:
    """What a body must bring at least in every stretch of time in which we wait for its sender. Our own work does not count."""

    least_bytes: int
    within_s: float


PATIENT = Pace(32 * 1024, 30.0)  # a kilobyte a second: the slowest of mobile networks, and half a minute in a tunnel


class Body:
    """One body that is being read. `clock` tells monotonic seconds."""

    def __init__(self, pace: Pace = PATIENT, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._clock = pace, clock
        self._bytes, self._waited_s = 0, 0.0  # of all of it
        self._brought, self._stretch_s = 0, 0.0  # in the stretch of time that is looked at
        self._since: float | None = None  # when the wait began that goes on
        self._waiting: anyio.CancelScope | None = None
        self._makes_room = False

    async def pieces(self, request: Request) -> AsyncIterator[bytes]:
        """The body in pieces worth a thread.

        Raises:
            BadRequest: The client went away.
            RequestTooSlow: The body fell behind its pace, or had to make room.
        """
        parts: list[bytes] = []  # nothing else may hold on to them: at a hundred senders each copy is ten megabytes and more
        held, is_first, more = 0, True, True  # the first bytes may be enough to refuse all
        while more:
            message = await self._next(request)
            if message is None:
                continue
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
            held += len(parts[-1])
            if held and (is_first or not more or held >= PIECE_BYTES):
                message = None
                yield _taken(parts)
                held, is_first = 0, False

    async def _next(self, request: Request) -> Message | None:
        """What arrives next; None when a stretch of time is over and enough has come in it."""
        message: Message | None = None
        if not self._makes_room:
            self._since = began = self._clock()
            with anyio.move_on_after(max(0.0, self._pace.within_s - self._stretch_s)) as self._waiting:
                message = await request.receive()
            self._since, self._waiting = None, None
            took_s = self._clock() - began
            self._waited_s += took_s
            self._stretch_s += took_s
        if message is not None and message["type"] == "http.disconnect":
            raise BadRequest(HALF, "Send it again.")
        came = len(message.get("body", b"")) if message else 0
        self._bytes += came
        self._brought += came
        if message is None or message.get("more_body", False):
            self._judge()
        return message

    def _judge(self) -> None:
        if self._makes_room:
            sentence = "Too many recordings arrive at this moment, and this one came slowest."
            raise RequestTooSlow(sentence, "Send it again a little later.", retry_after_s=AFTER_S)
        if self._stretch_s < self._pace.within_s:
            return
        if self._brought < self._pace.least_bytes:
            least = f"at least {self._pace.least_bytes // 1024} kB in {self._pace.within_s:g} seconds"
            sentence = f"The recording arrives too slowly: {least} are asked for."
            raise RequestTooSlow(sentence, "Send it again over a faster connection.")
        self._brought, self._stretch_s = 0, 0.0

    def bytes_per_s(self) -> float:
        """How fast it came so far; infinite while it is too early to tell."""
        waited_s = self._waited_s + (self._clock() - self._since if self._since is not None else 0.0)
        return self._bytes / waited_s if waited_s >= SLOW_AFTER_S else float("inf")

    def make_room(self) -> None:
        """Give it up for another one."""
        self._makes_room = True
        if self._waiting is not None:
            self._waiting.cancel()


def _taken(parts: list[bytes]) -> bytes:
    """All of them as one; the list is empty then."""
    whole = parts.pop() if len(parts) == 1 else b"".join(parts)
    parts.clear()
    return whole


class Bodies:
    """All bodies that are read at one time, and their threads. One an app, used on its loop.

    Attributes:
        writing: How many threads write what has come.
        looking: How many find out what it is: who waits for that keeps nobody from writing.
    """

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self.writing, self.looking = CapacityLimiter(WRITERS), CapacityLimiter(LOOKERS)
        self._most, self._clock = most, clock
        self._open: list[Body] = []

    @contextmanager
    def reading(self) -> Iterator[Body]:
        """A place for a body. When all are taken, the slowest of those that are slow makes room.

        Raises:
            TooMany: All are taken, and none is slow.
        """
        if len(self._open) >= self._most:
            slowest = min(self._open, key=Body.bytes_per_s)
            if slowest.bytes_per_s() >= SLOW_BYTES_PER_S:
                raise TooMany("Too many recordings arrive at this moment.", "Send fewer at one time.", retry_after_s=AFTER_S)
            self._open.remove(slowest)
            slowest.make_room()
        body = Body(clock=self._clock)
        self._open.append(body)
        try:
            yield body
        finally:
            if body in self._open:
                self._open.remove(body)


def bodies_of(request: Request) -> Bodies:
    """Those of the request's app, from the first one on."""
    found: Bodies | None = getattr(request.app.state, "bodies", None)
    if found is None:
        found = request.app.state.bodies = Bodies()
    return found


def gathered(request: Request, pace: Pace = PATIENT) -> AsyncIterator[bytes]:
    """The body of a request that takes no place among others."""
    return Body(pace).pieces(request)
