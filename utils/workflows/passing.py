"""Passing work: what is made for one request and gone after its answer, whatever became of the request.

    with passing.work(services, who) as work:
        job = work.submit(NewJob(...))
        ...                              # at the end everything is cancelled and removed

What a killed server leaves is removed by the next one that looks, see `keep_clear`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from utils.errors import AppError, Cancelled
from utils.jobs.contract import JobStatus, NewJob
from utils.services import Services
from utils.storage.item import Item

BEAT_S = 10.0
TIDY_EVERY = 3  # beats
IDLE_S = 60.0  # a caller's session goes when it was not used for so long
TITLE = "Passing"  # of every item: ids are made from titles, and stand in queues
log = logging.getLogger(__name__)


class Work:
    """What one request makes. Usable from several threads.

    Attributes:
        session_id: Of the caller's passing session.
    """

    def __init__(self, services: Services, who: str) -> None:
        """Enter the caller's session. Raises StoreUnavailable when it cannot be made, TooMany when too many others are here."""
        self._services = services
        self._who = who
        self.session_id = services.passing.enter(who, services.sessions.create_passing)
        self._items: list[str] = []
        self._lock = threading.Lock()
        self._ended = False

    def submit(self, job: NewJob) -> JobStatus:
        """As Jobs.submit. The item is remembered, and its title is nobody's words.

        Raises:
            Cancelled: `end` was called meanwhile; nothing is left.
        """
        with self._lock:
            if self._ended:
                raise Cancelled("The request is over.")
        status = self._services.jobs.submit(self.session_id, replace(job, title=TITLE))
        self.adopt(status.id)
        return status

    def adopt(self, item: Item | str) -> None:
        """Remember an item of the session that was made otherwise, such as an upload. Raises Cancelled as `submit`."""
        item_id = item if isinstance(item, str) else item.id
        with self._lock:
            if not self._ended:
                self._items.append(item_id)
                return
        self._remove(item_id)
        raise Cancelled("The request is over.")

    def end(self) -> None:
        """Cancel what is open and remove everything, for good. Never raises for what cannot be removed; once more does no harm.

        What the disk does not let go of now goes with the session.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
        try:
            for item_id in self._items:
                self._remove(item_id)
        finally:
            self._services.passing.leave(self._who, self.session_id, self._services.sessions.clock())

    def _remove(self, item_id: str) -> None:
        sessions = self._services.sessions
        try:
            if sessions.markers.has(self.session_id, item_id):
                with suppress(AppError):  # it may end in this moment
                    self._services.jobs.cancel(self.session_id, item_id)
            sessions.remove_item(self.session_id, item_id)
        except AppError as exc:
            log.warning("event=passing_not_removed session=%s code=%s", self.session_id, exc.code)


def begin(services: Services, who: str) -> Work:
    """Work of one request.

    Args:
        services: Of the process.
        who: The caller's name, such as `key-0a1b2c3d`; his requests share one session.

    Raises:
        StoreUnavailable: The caller's session cannot be made.
    """
    return Work(services, who)


@contextmanager
def work(services: Services, who: str) -> Iterator[Work]:
    """As `begin`, ended with the block."""
    begun = begin(services, who)
    try:
        yield begun
    finally:
        begun.end()


def tidy(services: Services) -> int:
    """Remove passing sessions that nobody uses, and those of servers that are gone; how many."""
    idle = services.passing.take_idle(services.sessions.clock() - IDLE_S)
    for mark in idle:
        mark.release()
    going = {mark.session_id for mark in idle} | set(services.sessions.abandoned_sessions())
    for session_id in going:
        _remove_session(services, session_id)
    return len(going)


def close(services: Services) -> None:
    """Remove the passing sessions of this process: it ends."""
    for mark in services.passing.take_all():
        mark.release()
        _remove_session(services, mark.session_id)


def _remove_session(services: Services, session_id: str) -> None:
    try:
        for _, item_id in services.sessions.markers.ids(session_id):
            with suppress(AppError):  # over, or gone
                services.jobs.cancel(session_id, item_id)
        services.sessions.forget(session_id)
    except AppError as exc:
        log.warning("event=passing_session_not_removed session=%s code=%s", session_id, exc.code)


async def keep_clear(services: Services, beat_s: float = BEAT_S) -> None:
    """Beat and tidy until cancelled; the first look is for what killed servers have left."""
    beats = 0
    while True:
        try:
            await asyncio.to_thread(services.passing.beat, services.sessions.clock())
            if beats % TIDY_EVERY == 0:
                removed = await asyncio.to_thread(tidy, services)
                if removed:
                    log.info("event=passing_sessions_removed count=%d", removed)
        except Exception as exc:  # noqa: BLE001 - one bad round must not be the last
            log.warning("event=passing_round_failed cause=%s", type(exc).__name__)
        beats += 1
        await asyncio.sleep(beat_s)
