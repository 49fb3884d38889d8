"""Batches that are being looked at: planned rows read once, results only as far as they are new."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from pathlib import Path

from utils.storage.batch_log import PlannedRow, Progress, RowResult, read_rows

KEPT = 16  # batches that one process remembers; 5,000 rows take a few MB


@dataclass(frozen=True)
class RowView:
    """A row as it stands.

    Attributes:
        plan: As it was planned.
        text: With the newest edit.
        state: `waiting`, `done`, `failed` or `skipped`.
        result: How it ended the last time, or None.
    """

    plan: PlannedRow
    text: str
    state: str
    result: RowResult | None


class Reader:
    """One batch."""

    def __init__(self, folder: Path) -> None:
        """Reads the planned rows."""
        self._rows = read_rows(folder)
        self._places = {row.number: place for place, row in enumerate(self._rows)}
        self._progress = Progress(folder)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> list[RowView]:
        """All rows, as of now."""
        with self._lock:
            progress = self._progress.refresh()
            return [self._view(progress, row) for row in self._rows]

    def row(self, number: int) -> RowView | None:
        """One row, or None."""
        place = self._places.get(number)
        if place is None:
            return None
        with self._lock:
            return self._view(self._progress.refresh(), self._rows[place])

    def counts(self) -> Counter[str]:
        """How many rows there are of each state."""
        return Counter(view.state for view in self.rows())

    @staticmethod
    def _view(progress: Progress, row: PlannedRow) -> RowView:
        result = progress.results.get(row.number)
        if row.skip:
            state = "skipped"
        elif progress.is_open(row):
            state = "waiting"
        else:
            state = result.state if result else "waiting"
        return RowView(row, progress.text(row), state, result)


class Readers:
    """The batches that were looked at lately, by folder. Thread-safe."""

    def __init__(self) -> None:
        """Empty."""
        self._known: OrderedDict[tuple[Path, int], Reader] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: Path) -> Reader:
        """The reader of a batch's folder. Raises FileNotFoundError when it has no planned rows."""
        key = (folder, (folder / "rows.jsonl").stat().st_ino)
        with self._lock:
            reader = self._known.get(key)
            if reader is None:
                reader = self._known[key] = Reader(folder)
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return reader
