"""A Run for engines called in place: nobody waits, nothing is cancelled, the cache is a dictionary."""

from __future__ import annotations


class MemoryCache:
    """Pieces in memory."""

    def __init__(self) -> None:
        """Empty."""
        self._kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """What was stored under the key."""
        return self._kept.get(key)

    def put(self, key: str, data: bytes) -> None:
        """Store."""
        self._kept[key] = data


class LocalRun:
    """See speech.contract.Run."""

    session_id = "benchmark"

    def __init__(self) -> None:
        """With an empty cache."""
        self.cache = MemoryCache()

    def progress(self, done: float, total: float) -> None:
        """Nobody looks."""

    def note(self, sentence: str) -> None:
        """Nobody reads."""
