"""Counts of what happens in this process, by a few labels; read by whoever watches the server."""

from __future__ import annotations

import threading
from collections import Counter

MOST_SERIES = 2_000  # a label that somebody else chooses must not fill the memory
OTHER = "other"


class Tally:
    """Counts by name and labels. Thread-safe; what is beyond MOST_SERIES counts as OTHER."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Something of that name happened, `by` times."""
        with self._lock:
            key = (name, labels)
            if key not in self._counts and len(self._counts) >= MOST_SERIES:
                key = (name, (OTHER,) * len(labels))
            self._counts[key] += by  # type: ignore[assignment]

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """Counts of one name by their labels."""
        with self._lock:
            return {labels: count for (own, labels), count in self._counts.items() if own == name}
