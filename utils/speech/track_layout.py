"""Where each row's sound lies in the merged track of a batch.

Without times rows follow each other with a gap. With times each row begins at its own; one that is too long for the time until the
next one's start is spoken faster, FASTEST at most, and what is still too long then runs over: nothing is ever cut, and no two rows
sound together. So a row that finds the one before it still speaking begins when that ends; the rows after it are back in time as
soon as there is room. The last row has until its own end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.speech.batch import FASTEST

LEAST_OVER_S = 0.001  # times are told in milliseconds


@dataclass(frozen=True)
class TrackRow:
    """A row of the track.

    Attributes:
        number: As in the table.
        title: Of its chapter.
        path: Its sound.
        seconds: Length of that.
        engine: Name of the engine that spoke.
        start: Seconds at which it should be heard, or None.
        end: Seconds at which it should have ended, or None.
    """

    number: int
    title: str
    path: Path
    seconds: float
    engine: str = ""
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Placed:
    """A row with its place.

    Attributes:
        row: Which.
        begin: Seconds from the begin of the track.
        faster: Factor by which it is sped up, 1 to FASTEST.
        over_s: By how much it runs beyond its time.
    """

    row: TrackRow
    begin: float
    faster: float = 1.0
    over_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Length in the track."""
        return self.row.seconds / self.faster

    @property
    def end(self) -> float:
        """Seconds from the begin of the track."""
        return self.begin + self.seconds


def one_after_another(rows: Sequence[TrackRow], gap_s: float) -> list[Placed]:
    """In the order of the table, with silence between."""
    placed: list[Placed] = []
    for row in rows:
        placed.append(Placed(row, placed[-1].end + gap_s if placed else 0.0))
    return placed


def at_their_times(rows: Sequence[TrackRow], gap_s: float) -> list[Placed]:
    """At their own times, see above; a row without one follows the row before it with a gap."""
    ordered = _in_time(rows)
    placed: list[Placed] = []
    for place, row in enumerate(ordered):
        free = placed[-1].end if placed else 0.0
        after = free + gap_s if placed else 0.0
        begin = after if row.start is None else max(row.start, free)
        placed.append(_fitted(row, begin, _limit(ordered, place)))
    return placed


def _in_time(rows: Sequence[TrackRow]) -> list[TrackRow]:
    """Sorted by start; rows without one stay behind the row that they follow in the table."""
    keys, start = {}, 0.0
    for row in rows:
        start = start if row.start is None else row.start
        keys[row.number] = start
    return sorted(rows, key=lambda row: keys[row.number])


def _limit(ordered: Sequence[TrackRow], place: int) -> float | None:
    """When a row must have ended, or None."""
    following = next((row.start for row in ordered[place + 1 :] if row.start is not None), None)
    return ordered[place].end if following is None else following


def _fitted(row: TrackRow, begin: float, limit: float | None) -> Placed:
    if limit is None or begin + row.seconds <= limit + LEAST_OVER_S:
        return Placed(row, begin)
    room = limit - begin
    faster = FASTEST if room <= row.seconds / FASTEST else row.seconds / room
    over_s = row.seconds / faster - room
    return Placed(row, begin, faster, over_s if over_s >= LEAST_OVER_S else 0.0)
