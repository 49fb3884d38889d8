"""Pieces of speech that were fetched before, kept inside one session: `outputs/<session>/cache/<hex>`."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from utils.errors import AppError
from utils.storage import locks, sessions
from utils.storage.atomic import Folder

CACHE = "cache"
CACHE_BYTES = 256 * 2**20  # about 10,000 pieces of 100 characters
_KEY = re.compile(r"[0-9a-f]{8,128}", re.ASCII)


class FolderCache:
    """A PieceCache on disk. Never raises for a full disk or a session that is gone: then there is just nothing kept."""

    def __init__(self, outputs: Path, session_id: str, most_bytes: int = CACHE_BYTES) -> None:
        self._outputs = outputs
        self._session_id = session_id
        self._most_bytes = most_bytes
        self._room: int | None = None  # bytes that may still be added; None = not counted yet

    def get(self, key: str) -> bytes | None:
        """The bytes stored under `key`, or None."""
        if not _KEY.fullmatch(key):
            return None
        with suppress(AppError, OSError), sessions.opened(self._outputs, self._session_id) as session, session.sub(CACHE) as cache:
            return cache.read(key)
        return None

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under `key` (8 to 128 hexadecimal digits, lower case)."""
        if not _KEY.fullmatch(key) or len(data) > self._most_bytes:
            return
        with suppress(AppError, OSError), sessions.opened(self._outputs, self._session_id) as session, locks.shared(session):
            with suppress(FileExistsError):
                session.make(CACHE)
            with session.sub(CACHE) as cache:
                if self._room is None or self._room < len(data):
                    self._room = self._most_bytes - _shrink(cache, self._most_bytes - len(data))
                cache.write(key, data, durable=False)
                self._room -= len(data)


def _shrink(cache: Folder, most_bytes: int) -> int:
    """Remove the oldest pieces until a tenth below `most_bytes`, if it is over that; the bytes that are left."""
    facts = []
    for name in cache.names():
        with suppress(FileNotFoundError):
            found = cache.stat(name)
            facts.append((found.st_mtime, found.st_size, name))
    total = sum(size for _, size, _ in facts)
    if total > most_bytes:
        for _, size, name in sorted(facts):
            if total <= most_bytes * 0.9:
                break
            with suppress(OSError):
                os.unlink(cache.path / name)
                total -= size
    return total
