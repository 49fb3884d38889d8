"""One governor for all requests to Google: how often, how many at once, and whose turn it is.

All sessions share this server's one address, and Google counts by address. So one Governor stands before every request of a
worker process: a token bucket limits the rate, a count limits what is in flight, and among the sessions that wait, the one
that was served longest ago goes first, however many pieces each of them has waiting.

Google publishes no limit. On a 429 the rate is halved and grows slowly back; repeated 429 mean pauses of minutes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from utils.errors import EngineBusy

PAUSES_S = (5.0, 60.0, 300.0, 900.0)  # after the first, second, ... 429 in a row; the last one repeats
LONGEST_PAUSE_S = 900.0  # bound of what we accept from Retry-After
SLOWEST = 1 / 32  # of the configured rate
GROWTH = 0.01  # of the configured rate for each good answer: back from a half after 50 of them
FORGET_AFTER = 20  # good answers in a row until earlier 429 are forgotten
SLICE_S = 0.25  # how long at most a waiting turn goes without asking whether it is still wanted
_REMEMBERED_SESSIONS = 1000


@dataclass(eq=False)
class Turn:
    """One request that waits, and then runs.

    Attributes:
        session_id: Whose request it is.
        era: Number of the slow-down during which it was sent; several 429 of one era count once.
    """

    session_id: str
    era: int = -1


class Governor:
    """Hands out turns. Thread-safe; made once a process and passed to whoever sends."""

    def __init__(
        self,
        requests_per_second: float,
        most_in_flight: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """Start at the full rate.

        Args:
            requests_per_second: Configured rate, > 0; never exceeded over more than a second.
            most_in_flight: Requests at the same time, >= 1.
            clock: Monotonic seconds.
            sleep: How a waiting turn rests; None rests until something changes, at most the given time.
        """
        self._full_rate = requests_per_second
        self._most_in_flight = most_in_flight
        self._clock = clock
        self._changed = threading.Condition()
        self._sleep = sleep
        self._burst = max(1.0, min(float(most_in_flight), requests_per_second))
        self._rate = requests_per_second
        self._tokens = self._burst
        self._filled_at = clock()
        self._paused_until = self._filled_at
        self._in_flight = 0
        self._waiting: dict[str, deque[Turn]] = {}
        self._served: OrderedDict[str, None] = OrderedDict()  # least recently served first
        self._era = 0
        self._strikes = 0
        self._good = 0

    @property
    def rate(self) -> float:
        """Requests a second allowed now."""
        return self._rate

    def pause_s(self) -> float:
        """Seconds until Google may be asked again; 0 when there is no pause."""
        return max(0.0, self._paused_until - self._clock())

    @contextmanager
    def turn(self, session_id: str, check: Callable[[], None], patience_s: float) -> Iterator[Turn]:
        """Wait for a turn and hold it while the request runs.

        Args:
            session_id: For fairness.
            check: Called at least every SLICE_S while waiting; raises when the wait has become pointless.
            patience_s: Longest pause that is waited for.

        Raises:
            EngineBusy: Google asked for a pause longer than `patience_s`.
        """
        turn = self.join(session_id)
        try:
            while not self._started(turn):
                check()
                if self.pause_s() > patience_s:
                    raise self.busy()
            yield turn
        finally:
            self.leave(turn)

    def busy(self) -> EngineBusy:
        """The error that says how long the pause lasts."""
        pause_s = max(1.0, self.pause_s())
        return EngineBusy(
            f"Google asked this server to slow down; it may be asked again in {in_words(pause_s)}.",
            "Try again then, or use the eSpeak engine, which needs no network.",
            retry_after_s=pause_s,
        )

    # ---- the steps of a turn; none of them waits ------------------------------------------------------------------

    def join(self, session_id: str) -> Turn:
        """Begin to wait."""
        turn = Turn(session_id)
        with self._changed:
            self._waiting.setdefault(session_id, deque()).append(turn)
        return turn

    def try_start(self, turn: Turn) -> float:
        """Start the turn if it is next and allowed: 0.0. Otherwise seconds after which asking again makes sense."""
        with self._changed:
            now = self._clock()
            if now < self._paused_until:
                return self._paused_until - now
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
            self._filled_at = now
            if self._in_flight >= self._most_in_flight or self._next() is not turn:
                return SLICE_S  # a change wakes it
            if self._tokens < 1 - 1e-9:  # rounding must not cost another wait of no length
                return (1 - self._tokens) / self._rate
            self._tokens = max(0.0, self._tokens - 1)
            self._in_flight += 1
            turn.era = self._era
            self._drop(turn)
            self._remember(turn.session_id)
            self._changed.notify_all()
            return 0.0

    def leave(self, turn: Turn) -> None:
        """End the turn, whether it still waits or runs."""
        with self._changed:
            if turn.era >= 0:
                self._in_flight -= 1
            else:
                self._drop(turn)
            self._changed.notify_all()

    def answered(self, turn: Turn) -> None:
        """Google answered with sound: go a little faster again."""
        with self._changed:
            if turn.era != self._era:
                return  # sent before the slow-down, so it says nothing about the time after it
            self._rate = min(self._full_rate, self._rate + GROWTH * self._full_rate)
            self._good += 1
            if self._good >= FORGET_AFTER:
                self._strikes = 0

    def slow_down(self, turn: Turn, asked_s: float | None = None) -> None:
        """Google said 429: halve the rate and pause.

        Args:
            turn: The request that got the answer.
            asked_s: Google's own Retry-After in seconds.
        """
        with self._changed:
            if turn.era != self._era:
                return  # one of several that were in flight together: counted already
            self._era += 1
            pause_s = PAUSES_S[min(self._strikes, len(PAUSES_S) - 1)]
            self._strikes += 1
            self._good = 0
            self._rate = max(self._full_rate * SLOWEST, self._rate / 2)
            self._tokens = 1.0  # one request goes first, not a burst
            self._filled_at = self._paused_until = self._clock() + max(pause_s, min(asked_s or 0.0, LONGEST_PAUSE_S))
            self._changed.notify_all()

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _next(self) -> Turn | None:
        """The first turn of the session served longest ago; sessions never served go first, in order of arrival."""
        for session_id, turns in self._waiting.items():
            if session_id not in self._served:
                return turns[0]
        for session_id in self._served:
            if session_id in self._waiting:
                return self._waiting[session_id][0]
        return None

    def _drop(self, turn: Turn) -> None:
        turns = self._waiting.get(turn.session_id)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[turn.session_id]

    def _remember(self, session_id: str) -> None:
        self._served[session_id] = None
        self._served.move_to_end(session_id)
        while len(self._served) > _REMEMBERED_SESSIONS:
            self._served.popitem(last=False)

    def _started(self, turn: Turn) -> bool:
        """Try once; rest a slice of time if it was too early."""
        with self._changed:  # held from the question to the wait, so that no change is missed between them
            wait_s = min(self.try_start(turn), SLICE_S)
            if wait_s and self._sleep is None:
                self._changed.wait(wait_s)
        if wait_s and self._sleep is not None:
            self._sleep(wait_s)
        return not wait_s


def in_words(seconds: float) -> str:
    """A wait for people: seconds up to a minute and a half, then minutes, rounded up."""
    return f"{max(1, round(seconds + 0.49))} s" if seconds <= 90 else f"{-int(-seconds // 60)} minutes"
