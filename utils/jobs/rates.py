"""How long jobs took lately: a running average for each kind, shared by workers and server through one small file."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

from utils.errors import AppError
from utils.storage.atomic import write_whole

LEAST = 0.05  # work that is smaller says nothing about the pace
WEIGHT = 0.2  # of the newest job; the average forgets half after three jobs


class Rates:
    """Seconds for one unit of work, by kind. Two writers at once lose one measurement, which does not matter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = 0
        self._known: dict[str, float] = {}

    def get(self, kind: str) -> float | None:
        """Average seconds for one unit of work, or None before the first job of that kind."""
        with self._lock:
            self._refresh()
            return self._known.get(kind)

    def learn(self, kind: str, seconds: float, weight: float) -> None:
        """So much work took so long. Never raises: an estimate is not worth a failed job."""
        each = seconds / max(LEAST, weight)
        with self._lock, suppress(OSError, AppError):
            self._refresh()
            old = self._known.get(kind, each)
            self._known[kind] = old + WEIGHT * (each - old)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(self._known).encode(), durable=False)

    def _refresh(self) -> None:
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                found = json.loads(self._path.read_bytes())
                self._known = {str(kind): float(seconds) for kind, seconds in found.items() if float(seconds) >= 0}
                self._stamp = stamp
        except (OSError, ValueError, TypeError, AttributeError):
            return  # no such file yet, or torn by a strange disk: keep what is known
