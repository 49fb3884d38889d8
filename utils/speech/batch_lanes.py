"""Where rows wait for an engine: in line for a service, or in groups that our own engine speaks in one go."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utils.speech.contract import Prosody
from utils.speech.row import Ready

GROUP_ROWS = 40  # a group of short rows takes a second of one core in all, so that others get their turn soon
GROUP_CHARS = 20_000  # 22 minutes of sound, 60 MB on disk
LONGEST_PAUSE_S = 900.0  # bound of what a service may ask for


class Tape:
    """A file of raw sound that is removed when the last row on it is done with."""

    def __init__(self, path: Path, rows: int, gone: Callable[[], None] = lambda: None) -> None:
        """`gone` is called after the removal."""
        self.path = path
        self._left = rows
        self._gone = gone

    def drop(self, rows: int = 1) -> None:
        """So many rows need it no more."""
        self._left -= rows
        if self._left == 0:
            self.path.unlink(missing_ok=True)
            self._gone()


@dataclass(frozen=True)
class _Like:
    """What rows of one group have in common."""

    engine: str
    voice: str
    prosody: Prosody


class OwnLane:
    """Rows that an engine of our own speaks, gathered by voice and prosody.

    Attributes:
        busy: A group is being spoken.
    """

    def __init__(self) -> None:
        """Empty."""
        self.busy = False
        self._groups: dict[_Like, deque[Ready]] = {}
        self._alone: deque[Ready] = deque()

    def __len__(self) -> int:
        return len(self._alone) + sum(map(len, self._groups.values()))

    def put(self, row: Ready) -> None:
        """One more row."""
        if row.alone:
            self._alone.append(row)
        else:
            self._groups.setdefault(_Like(row.choice.engine.name, row.choice.voice.id, row.prosody), deque()).append(row)

    def take(self) -> list[Ready]:
        """The next group: a row that must be alone, else as many of the largest as one call should speak. At least one row."""
        if self._alone:
            return [self._alone.popleft()]
        like = max(self._groups, key=lambda like: len(self._groups[like]))
        waiting, group, characters = self._groups[like], list[Ready](), 0
        while waiting and len(group) < GROUP_ROWS and (not group or characters + waiting[0].plan.characters <= GROUP_CHARS):
            group.append(waiting.popleft())
            characters += group[-1].plan.characters
        if not waiting:
            del self._groups[like]
        return group


class ServiceLane:
    """Rows that wait for a service, which may fail or ask for a pause."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """`most` rows ask it at the same time."""
        self._most, self._clock = most, clock
        self._waiting: deque[Ready] = deque()
        self._asking = 0
        self._cautious = False
        self._resume_at = clock()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, row: Ready) -> None:
        """One more row."""
        self._waiting.append(row)

    def take(self) -> Ready | None:
        """The next row that may ask now, or None. Say `came` or `failed` afterwards, or `put` it elsewhere and say `left`."""
        limit = 1 if self._cautious else self._most
        if not self._waiting or self._asking >= limit or self._clock() < self._resume_at:
            return None
        self._asking += 1
        return self._waiting.popleft()

    def left(self) -> None:
        """A row that was taken does not ask after all."""
        self._asking -= 1

    def came(self) -> None:
        """The service spoke a row."""
        self._asking -= 1
        self._cautious = False

    def failed(self) -> None:
        """It did not: from now on one row goes first, so that not every one pays for finding out."""
        self._asking -= 1
        self._cautious = True

    def wait(self, row: Ready, seconds: float) -> None:
        """Put a row back in front; nobody asks for so long."""
        self._waiting.appendleft(row)
        self._resume_at = max(self._resume_at, self._clock() + min(seconds, LONGEST_PAUSE_S))
