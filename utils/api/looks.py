"""Looks at the disk that requests share: who asks while another one of the same kind still waits gets what that one will see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Looks(Generic[T]):
    """At most one look for a key goes on, and one waits for its end. Used on the server's loop only.

    Nobody gets a look that began before the question came, so nobody is told less than if each had looked alone: a program that
    has changed something and asks then sees its change.
    """

    def __init__(self, threads: int) -> None:
        """Nobody looks yet; of all keys together `threads` look at one time."""
        self._limiter = CapacityLimiter(threads)
        self._next: dict[Hashable, asyncio.Task[T]] = {}
        self._now: dict[Hashable, asyncio.Task[T]] = {}

    async def see(self, key: Hashable, look: Callable[[], T]) -> T:
        """What `look` finds; it runs in a thread. Raises what it raises.

        Args:
            key: The same for looks that find the same.
            look: Only called when no look for this key waits.
        """
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._turn(key, look))
            task.add_done_callback(_heard)
        return await asyncio.shield(task)  # one of those who wait may go away

    async def _turn(self, key: Hashable, look: Callable[[], T]) -> T:
        own = asyncio.current_task()
        try:
            before = self._now.get(key)
            if before is not None:
                await asyncio.wait([before])
        finally:
            del self._next[key]
        if own is not None:
            self._now[key] = own
        try:
            return await to_thread.run_sync(look, limiter=self._limiter)
        finally:
            if self._now.get(key) is own:
                del self._now[key]


def _heard(task: asyncio.Task[T]) -> None:
    """Look at the failure of a look for which nobody waits any more."""
    if not task.cancelled():
        task.exception()
