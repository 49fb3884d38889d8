"""Lines of waiting job names, one for each pool, kept by huey's storages: a SQLite file on this machine, or Redis.

Of huey only the storages are used: what is stored is the name of a job and nothing else, no pickle, so a stranger in Redis
can at worst name jobs. A line may forget everything; `journal` brings the names back.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from utils.jobs.wake import Listener, ring

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0  # for a lock of another process; sqlite3 takes at most 2,147,483 s
REDIS_TIMEOUT_S = 2.0  # to connect, and on top of a blocking wait
REDIS_WAIT_S = 1  # one blocking wait; whole seconds
AWAY_PAUSE_S = 1.0  # between two looks at a queue that does not answer
# Results that mean "this file is no queue any more" (https://sqlite.org/rescode.html): missing tables, malformed, not SQLite.
BROKEN_CODES = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class QueueAway(Exception):
    """The queue cannot be reached now. Nothing is lost: the files of the jobs say what is open."""


class Line(Protocol):
    """Names that wait in one pool."""

    def put(self, name: str, priority: int) -> None:
        """Add a name; lower priorities come first, then older ones. Raises QueueAway."""
        ...

    def take(self) -> str | None:
        """The next name; None after a short wait, or when woken for nothing. Raises QueueAway."""
        ...

    def names(self) -> set[str]:
        """All that wait. Raises QueueAway."""
        ...

    def wake(self) -> None:
        """Make a waiting `take` return."""
        ...

    def clear(self) -> None:
        """Forget everything. Raises QueueAway."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the next call opens them again."""
        ...


class SqliteLine:
    """A line in a SQLite file; a deleted or damaged file is replaced by an empty one."""

    def __init__(self, folder: Path, pool: str, poll_s: float) -> None:
        self._file = folder / f"{pool}.db"
        self._bell = folder / f"{pool}.wake"
        self._poll_s = poll_s
        self._listener: Listener | None = None
        self._lock = threading.Lock()
        self._storage: Any = None
        self._inode = 0

    def put(self, name: str, priority: int) -> None:
        """See Line."""
        self._do(lambda storage: storage.enqueue(name.encode(), -priority))  # huey: higher first
        if self._listener:
            self._listener.ring()
        else:
            ring(self._bell)

    def take(self) -> str | None:
        """See Line."""
        data = self._do(lambda storage: storage.dequeue())
        if data is None:
            self._ears().wait()
            data = self._do(lambda storage: storage.dequeue())
        return _text(data)

    def names(self) -> set[str]:
        """See Line."""
        found = self._do(lambda storage: storage.enqueued_items())
        return {text for text in map(_text, found) if text}

    def wake(self) -> None:
        """See Line."""
        self._ears().ring()

    def clear(self) -> None:
        """See Line."""
        self._do(lambda storage: storage.flush_queue())

    def close(self) -> None:
        """See Line."""
        with self._lock:
            if self._storage is not None:
                self._storage.close()
                self._storage = None
            if self._listener is not None:
                self._listener.close()
                self._listener = None

    def _ears(self) -> Listener:
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._bell, self._poll_s)
            return self._listener

    def _do(self, action: Callable[[Any], T]) -> T:
        try:
            try:
                return action(self._opened())
            except sqlite3.DatabaseError as exc:
                if (exc.sqlite_errorcode & 0xFF) not in BROKEN_CODES:
                    raise
                self._discard()
                return action(self._opened())
        except (sqlite3.Error, OSError) as exc:
            raise QueueAway(f"the queue file {self._file.name} cannot be used") from exc

    def _opened(self) -> Any:
        """The storage; opened again when somebody deleted or replaced the file."""
        with self._lock:
            if self._storage is None or self._inode != _inode(self._file):
                from huey.storage import SqliteStorage  # late: it brings the redis client along, 0.15 s

                self._file.parent.mkdir(parents=True, exist_ok=True)
                if self._storage is not None:
                    self._storage.close()
                # No fsync: a power cut may empty the line, the files of the jobs fill it again.
                self._storage = SqliteStorage("jobs", filename=str(self._file), timeout=BUSY_TIMEOUT_S, fsync=False, cache_mb=1)
                self._inode = _inode(self._file)
            return self._storage

    def _discard(self) -> None:
        with self._lock:
            if self._storage is not None:
                self._storage.close()
                self._storage = None
            for suffix in ("", "-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)


class RedisLine:
    """A line in Redis, shared by all machines that know its URL."""

    def __init__(self, url: str, pool: str) -> None:
        self._url = url
        self._pool = pool
        self._lock = threading.Lock()
        self._storage: Any = None

    def put(self, name: str, priority: int) -> None:
        """See Line."""
        self._do(lambda storage: storage.enqueue(name.encode(), -priority))

    def take(self) -> str | None:
        """See Line."""
        return _text(self._do(lambda storage: storage.dequeue()))

    def names(self) -> set[str]:
        """See Line."""
        found = self._do(lambda storage: storage.enqueued_items())
        return {text for text in map(_text, found) if text}

    def wake(self) -> None:
        """Nothing to do: Redis wakes by itself, and `take` waits a second at most."""

    def clear(self) -> None:
        """See Line."""
        self._do(lambda storage: storage.flush_queue())

    def close(self) -> None:
        """See Line."""
        with self._lock:
            if self._storage is not None:
                self._storage.pool.disconnect()
                self._storage = None

    def _do(self, action: Callable[[Any], T]) -> T:
        from redis.exceptions import RedisError

        try:
            return action(self._opened())
        except (RedisError, OSError) as exc:
            raise QueueAway("Redis does not answer") from exc

    def _opened(self) -> Any:
        with self._lock:
            if self._storage is None:
                from huey.storage import PriorityRedisStorage
                from redis import ConnectionPool
                from redis.backoff import NoBackoff
                from redis.retry import Retry

                pool = ConnectionPool.from_url(
                    self._url,
                    socket_connect_timeout=REDIS_TIMEOUT_S,
                    socket_timeout=REDIS_WAIT_S + REDIS_TIMEOUT_S,
                    retry=Retry(NoBackoff(), 1),  # once: the connection may have been closed while it was idle
                )
                self._storage = PriorityRedisStorage(f"sotto_{self._pool}", connection_pool=pool, read_timeout=REDIS_WAIT_S)
            return self._storage


def pause_while_away() -> None:
    """Between two looks at a queue that does not answer."""
    time.sleep(AWAY_PAUSE_S)


def _text(data: bytes | None) -> str | None:
    return None if data is None else bytes(data).decode("utf-8", "replace")


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0
