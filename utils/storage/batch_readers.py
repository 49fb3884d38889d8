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


@dataclass(frozen=True)
class Standing:
    """All rows of a batch as they stand, and what they come to.

    Attributes:
        rows: In the order of the table.
        counts: Rows by state.
        seconds: Of all sounds.
        size_bytes: Of all sounds.
    """

    rows: tuple[RowView, ...]
    counts: Counter[str]
    seconds: float
    size_bytes: int


class Reader:
    """One batch; a look at it costs what has changed since the last one. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Reads the planned rows."""
        self.changing = threading.Lock()  # held from the look whether a wish is allowed until the work on it is submitted
        self._rows = read_rows(folder)
        self._places = {row.number: place for place, row in enumerate(self._rows)}
        self._progress = Progress(folder)
        self._views: list[RowView] = []
        self._standing: Standing | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def standing(self) -> Standing:
        """All rows, as of now."""
        with self._lock:
            self._refresh()
            if self._standing is None:
                self._standing = _sum_up(self._views)
            return self._standing

    def rows(self) -> tuple[RowView, ...]:
        """All rows, as of now."""
        return self.standing().rows

    def row(self, number: int) -> RowView | None:
        """One row, or None."""
        place = self._places.get(number)
        if place is None:
            return None
        with self._lock:
            self._refresh()
            return self._views[place]

    def counts(self) -> Counter[str]:
        """How many rows there are of each state."""
        return Counter(self.standing().counts)

    def _refresh(self) -> None:
        """Bring the views up to date, those that changed."""
        progress = self._progress.refresh()
        if progress.touched is None or not self._views:
            self._views = [self._view(progress, row) for row in self._rows]
            self._standing = None
            return
        for number in progress.touched:
            place = self._places.get(number)
            if place is not None:
                self._views[place] = self._view(progress, self._rows[place])
                self._standing = None

    @staticmethod
    def _view(progress: Progress, row: PlannedRow) -> RowView:
        result = progress.results.get(row.number)
        if progress.is_left_out(row):
            state = "skipped"
        elif progress.is_open(row):
            state = "waiting"
        else:
            state = result.state if result else "waiting"
        return RowView(row, progress.text(row), state, result)


def _sum_up(views: list[RowView]) -> Standing:
    sounds = [view.result for view in views if view.result and view.result.file]
    return Standing(
        tuple(views),
        Counter(view.state for view in views),
        sum(sound.seconds for sound in sounds),
        sum(sound.size_bytes for sound in sounds),
    )


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
