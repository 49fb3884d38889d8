"""Keeps a model loaded while somebody uses it, and gives its memory back after a while without use."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Alarm(Protocol):
    """A call that is due later and can be taken back."""

    def cancel(self) -> None:
        """Do not call."""
        ...


Later = Callable[[float, Callable[[], object]], Alarm]  # seconds, what to call


def later(seconds: float, call: Callable[[], object]) -> Alarm:
    """Call it in a thread of its own after so many seconds; does not keep the process alive."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


class Holder(Generic[T]):
    """One thing that is costly to load, with its users counted. Thread-safe.

    It is loaded by the first user and unloaded when nobody has used it for `idle_s`. Who comes while it loads, waits.
    """

    def __init__(
        self,
        load: Callable[[], T],
        unload: Callable[[T], None],
        reload: Callable[[T], None],
        *,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
        call_later: Later = later,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            load: Makes the thing; called once, and again only if it failed.
            unload: Frees the memory of the thing, which stays.
            reload: Brings an unloaded thing back.
            idle_s: Seconds without users until it is unloaded; 0 = never.
            clock: Seconds, monotonic.
            call_later: How to be woken.
        """
        self._load, self._unload, self._reload = load, unload, reload
        self._idle_s, self._clock, self._call_later = idle_s, clock, call_later
        self._lock = threading.RLock()
        self._thing: T | None = None
        self._loaded = False
        self._users = 0
        self._left_at = 0.0
        self._alarm: Alarm | None = None

    @property
    def users(self) -> int:
        """How many use it now."""
        return self._users

    @property
    def loaded(self) -> bool:
        """It is in memory."""
        return self._loaded

    def take(self) -> T:
        """Use it; load it if need be. Every `take` needs a `give_back`; none if this raises."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
            if self._thing is None:
                self._thing = self._load()
            elif not self._loaded:
                self._reload(self._thing)
            self._loaded = True
            self._users += 1
            return self._thing

    def give_back(self) -> None:
        """Use it no more."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._left_at = self._clock()
                self._wake_in(self._idle_s)

    @contextmanager
    def used(self) -> Iterator[T]:
        """`take` and `give_back` around a block."""
        thing = self.take()
        try:
            yield thing
        finally:
            self.give_back()

    def sweep(self) -> bool:
        """Unload it if nobody has used it for long enough.

        Returns:
            Whether it was unloaded now.
        """
        with self._lock:
            self._alarm = None
            if self._users or not self._loaded or not self._idle_s:
                return False
            left_s = self._left_at + self._idle_s - self._clock()
            if left_s > 0:  # woken too early
                self._wake_in(left_s)
                return False
            return self.drop()

    def drop(self) -> bool:
        """Unload it at once, unless somebody uses it.

        Returns:
            Whether it was unloaded now.
        """
        with self._lock:
            if self._users or not self._loaded or self._thing is None:
                return False
            self._unload(self._thing)
            self._loaded = False
            log.info("a model was unloaded")
            return True

    def _wake_in(self, seconds: float) -> None:
        if seconds > 0:
            self._alarm = self._call_later(seconds, self.sweep)
