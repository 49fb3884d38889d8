"""The queue: one line of job names for each pool. It may be slow, forgetful or away; the truth is in the files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from utils.jobs.lines import Line, QueueAway, RedisLine, SqliteLine, pause_while_away
from utils.jobs.traces import where
from utils.jobs.wake import POLL_S

HEAR_S = 1.0  # a signal may reach any thread, and its handler runs only when the main one, which waits in `serve`, wakes up
log = logging.getLogger(__name__)


class Queue:
    """Carries job names to workers."""

    def __init__(self, url: str, folder: Path, pools: Sequence[str], *, poll_s: float = POLL_S) -> None:
        """Nothing is opened yet.

        Args:
            url: `redis://...`, or empty for SQLite files.
            folder: Where those are: a local disk.
            pools: One line each.
            poll_s: How often an idle server of a SQLite line looks without having been woken.
        """
        self._lines: dict[str, Line] = {pool: RedisLine(url, pool) if url else SqliteLine(folder, pool, poll_s) for pool in pools}
        self._stopped = threading.Event()
        self._stopped_at = 0.0
        self._turn = threading.Lock()

    @property
    def pools(self) -> tuple[str, ...]:
        """Names of the lines."""
        return tuple(self._lines)

    def enqueue(self, pool: str, name: str, priority: int) -> bool:
        """Hand a name over; False when the queue is away, and then a worker finds the job by its files later."""
        try:
            self._lines[pool].put(name, priority)
        except QueueAway as exc:
            log.warning("event=queue_away pool=%s action=enqueue cause=%s", pool, _cause(exc))
            return False
        return True

    def pending(self, pool: str) -> set[str]:
        """Names that wait. Raises QueueAway."""
        return self._lines[pool].names()

    def reachable(self) -> bool:
        """Does every line answer?"""
        try:
            for line in self._lines.values():
                line.names()
        except QueueAway:
            return False
        return True

    def serve(self, pool: str, threads: int, handle: Callable[[str], None]) -> None:
        """Give every name to `handle`, `threads` at a time, until `stop`; returns when the last one is finished."""
        line = self._lines[pool]
        workers = [threading.Thread(target=self._work, args=(line, pool, handle), name=f"{pool}-{n}") for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(HEAR_S)

    def stop(self) -> None:
        """Take no more names. From any thread or signal handler, even before `serve`."""
        if not self._stopped.is_set():
            self._stopped_at = time.monotonic()
            self._stopped.set()
        for line in self._lines.values():
            line.wake()

    @property
    def stopping(self) -> bool:
        """Has somebody called `stop`?"""
        return self._stopped.is_set()

    @property
    def stopping_for_s(self) -> float:
        """How long ago that was; 0 when nobody has."""
        return time.monotonic() - self._stopped_at if self._stopped.is_set() else 0.0

    def clear(self) -> None:
        """Forget every name."""
        for line in self._lines.values():
            line.clear()

    def close(self) -> None:
        """Let go of files and connections; the next call opens them again. Not while `serve` runs."""
        for line in self._lines.values():
            line.close()

    def _work(self, line: Line, pool: str, handle: Callable[[str], None]) -> None:
        """One thread: wait for its turn to listen, take one name, let the next listen, do the work."""
        while not self._stopped.is_set():
            name = None
            with self._turn:
                if self._stopped.is_set():
                    return
                try:
                    name = line.take()
                except QueueAway as exc:
                    log.warning("event=queue_away pool=%s action=take cause=%s", pool, _cause(exc))
                    pause_while_away()
            if name is None:
                continue
            try:
                handle(name)
            except Exception as exc:  # noqa: BLE001 - this thread must live; the job comes back when its lease is stale
                log.error("event=handle_failed pool=%s trace=%s", pool, where(exc))


def _cause(exc: QueueAway) -> str:
    return type(exc.__cause__).__name__
