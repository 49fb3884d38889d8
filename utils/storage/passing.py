"""Passing sessions: where requests work of which nothing is kept after the answer.

A passing session is an ordinary session folder with the file `passing` in it. It belongs to one server process and to one caller,
whose requests share it, so that shares, limits and the quota count for that caller; nobody is ever given its token. The mark's time
is a heart-beat, and its server keeps it locked: when that server is gone, any other removes the session. No rule of retention
touches it, and it is nobody's session in lists and counts.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from utils.errors import Conflict, NotFound, TooMany
from utils.storage import items, locks, sessions
from utils.storage.atomic import Folder
from utils.storage.faults import no_item, told
from utils.storage.item_finder import ItemFinder

if sys.platform != "win32":
    import fcntl

STALE_S = 60.0  # a mark that was not beaten for so long is a dead server's
MOST_CALLERS, CROWDED_S = 512, 10.0  # each costs an open file
CHECK_BYTES = 4 * 2**20  # many grow at one time, and none was there to be counted when it began
DELETE_TRIES, DELETE_PAUSE_S = 5, 0.02  # a worker that still writes may put a file into a folder that is being deleted
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_OLD = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Mark:
    """This process's hold on a passing session: its mark, open and locked for as long as the process lives."""

    def __init__(self) -> None:
        self.session_id = ""
        self._path = Path()
        self._descriptor: int | None = None

    def put(self, folder: Folder, now: float) -> None:
        """Leave the mark in a session's folder that nobody sees yet, and lock it."""
        self._descriptor = os.open(
            sessions.PASSING if folder.descriptor is not None else folder.path / sessions.PASSING,
            _NEW,
            0o600,
            dir_fd=folder.descriptor,
        )
        _lock(self._descriptor)
        os.write(self._descriptor, socket.gethostname().encode())
        folder.date(sessions.PASSING, now)

    def belongs_to(self, session_id: str, outputs: Path) -> Mark:
        """The session has its name now."""
        self.session_id, self._path = session_id, outputs / session_id / sessions.PASSING
        return self

    def beat(self, now: float) -> bool:
        """Say that its server lives. False when the session is gone."""
        try:
            os.utime(self._path, (now, now))
        except FileNotFoundError:
            return False
        return True

    @property
    def is_there(self) -> bool:
        """Nobody has removed the session."""
        return self._path.exists()

    def release(self) -> None:
        """Let go of it; once more does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> bool:
    """Lock an open mark; False when a living process has it, or where that cannot be known."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class _Growing(FileIO):
    """A file whose length nobody knows before it is written; now and then the quota is looked at."""

    def __init__(self, descriptor: int, check: Callable[[], None]) -> None:
        super().__init__(descriptor, "wb")
        self._check, self._unchecked_bytes = check, 0

    def write(self, data: Any) -> int:
        """As FileIO's. Raises QuotaExceeded."""
        if self._unchecked_bytes >= CHECK_BYTES:
            self._check()
            self._unchecked_bytes = 0
        written = super().write(data)
        self._unchecked_bytes += written
        return written


class PassingStore(ItemFinder):
    """The part of SessionManager that is about passing sessions."""

    def create_passing(self) -> Mark:
        """Make a passing session for this process."""
        mark = Mark()
        try:
            with self._root() as root:
                return mark.belongs_to(
                    sessions.create(root, self.clock(), mark=lambda folder: mark.put(folder, self.clock())), self.outputs
                )
        except BaseException:
            mark.release()
            raise

    def abandoned_sessions(self) -> list[str]:
        """Passing sessions whose server is gone: its mark is old, or this machine knows that nobody holds it any more."""
        return [session_id for session_id in sessions.ids(self.outputs, passing=True) if self._is_abandoned(session_id)]

    def _is_abandoned(self, session_id: str) -> bool:
        try:
            mark = os.open(self.outputs / session_id / sessions.PASSING, _OLD)
        except OSError:  # removed in this moment, or not a mark that we made
            return False
        try:
            # On this machine the lock tells, whatever a clock did meanwhile; from elsewhere it may not be seen.
            if sys.platform != "win32" and os.read(mark, 256) == socket.gethostname().encode():
                return _lock(mark)
            return abs(self.clock() - os.fstat(mark).st_mtime) > STALE_S
        finally:
            os.close(mark)

    def remove_item(self, session_id: str, item_id: str) -> None:
        """Remove an item for good and at once, also while a worker still writes into it. One that is gone does no harm.

        Raises:
            Conflict: The system does not let go of a file that is open inside (Windows).
            StoreUnavailable: The disk refuses.
        """
        dead = None
        with suppress(NotFound), self._session(session_id) as session:
            place = items.parent_of(session, item_id)
            try:
                with told(no_item()), session.sub(place) as parent:
                    dead = self._trash.take_dead_item(parent, item_id)
            except locks.Busy as exc:
                raise Conflict("Work on this item is still running.", "Cancel it first.") from exc
        self.markers.drop(session_id, item_id)
        self._forget(session_id, [item_id])
        for _ in range(DELETE_TRIES if dead else 0):
            if self._trash.delete([dead or ""]):
                return
            time.sleep(DELETE_PAUSE_S)

    def grow(self, session_id: str, item_id: str, name: str) -> BinaryIO:
        """A new file in an item that is read while it is written; an older one of the name, of an earlier attempt, goes.

        Raises:
            NotFound: There is no such item.
            StoreUnavailable: The disk is full or refuses.
            QuotaExceeded: While it is written to: no room is left in the session.
        """
        name = items.file_name(name)
        with self._item(session_id, item_id) as folder:
            with suppress(FileNotFoundError):
                os.unlink(folder.path / name)
            by_descriptor = folder.descriptor is not None
            opened = os.open(name if by_descriptor else folder.path / name, _NEW, 0o600, dir_fd=folder.descriptor)
            return _Growing(opened, lambda: self.check_quota(session_id))

    def put_built(self, session_id: str, item_id: str, built: Path, name: str) -> None:
        """Move a file from scratch into an item; not flushed to the disk, for nobody wants it back after a power failure."""
        with self._item(session_id, item_id) as folder:
            os.replace(built, folder.path / items.file_name(name))


@dataclass
class _Caller:
    """One caller's session here: how many requests are in it, and since when none."""

    mark: Mark
    requests: int
    idle_since: float


class Passing:
    """Which caller has which passing session. One for a server process; thread-safe."""

    def __init__(self, most: int = MOST_CALLERS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._callers: dict[str, _Caller] = {}

    def enter(self, who: str, make: Callable[[], Mark]) -> str:
        """One request more of this caller; the id of its session, made when there is none.

        When there is no room, the one who has rested longest goes; its session is removed as an abandoned one.

        Raises:
            TooMany: Too many callers have requests open.
        """
        with self._lock:
            caller = self._callers.get(who)
            if caller is None and len(self._callers) >= self._most and not self._forget_one():
                raise TooMany("Too many different callers ask this server now.", "Try again.", retry_after_s=CROWDED_S)
            if caller is None or not caller.mark.is_there:  # somebody else may have thought that we are dead
                if caller is not None:
                    caller.mark.release()
                caller = self._callers[who] = _Caller(make(), 0, 0.0)
            caller.requests += 1
            return caller.mark.session_id

    def _forget_one(self) -> bool:
        resting = [name for name, caller in self._callers.items() if not caller.requests]
        if resting:
            longest = min(resting, key=lambda name: self._callers[name].idle_since)
            self._callers.pop(longest).mark.release()
        return bool(resting)

    def leave(self, who: str, session_id: str, now: float) -> None:
        """One request less."""
        with self._lock:
            caller = self._callers.get(who)
            if caller is not None and caller.mark.session_id == session_id:
                caller.requests -= 1
                caller.idle_since = now

    def beat(self, now: float) -> None:
        """Say of all sessions here that their server lives."""
        with self._lock:
            marks = [caller.mark for caller in self._callers.values()]
        for mark in marks:
            mark.beat(now)

    def take_idle(self, before: float) -> list[Mark]:
        """Sessions without a request since before that time; they are no longer here, and whoever asks removes them."""
        with self._lock:
            going = [who for who, caller in self._callers.items() if not caller.requests and caller.idle_since <= before]
            return [self._callers.pop(who).mark for who in going]

    def take_all(self) -> list[Mark]:
        """As `take_idle`, of all of them: the server ends."""
        with self._lock:
            marks = [caller.mark for caller in self._callers.values()]
            self._callers.clear()
            return marks
