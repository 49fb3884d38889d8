"""The last few tables that were checked, so that a page's rerun does not check 5,000 rows again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from utils.errors import TooMany
from utils.speech.table.check import Check
from utils.speech.table.contract import Table

KEPT = 8
KEPT_CHARS = 20_000_000  # of all remembered cells together
KEPT_S = 900.0  # a table that nobody looks at is forgotten
AT_ONCE = 2  # tables that are read at one time: one of 20 MB takes some hundred MB meanwhile
TURN_S = 20.0


@dataclass(frozen=True)
class Checked:
    """A table, how its columns were understood, and what a start would do."""

    table: Table
    mapping: Mapping[str, int]
    check: Check


class Checker:
    """Remembers the last few checks of this process by a hash of all that they depend on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Empty."""
        self._clock = clock
        self._known: OrderedDict[str, tuple[Checked, int, float]] = OrderedDict()  # with its characters and its last use
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    @contextmanager
    def turn(self, wait_s: float = TURN_S) -> Iterator[None]:
        """Wait until this table may be read. Raises TooMany after `wait_s` seconds."""
        if not self._turns.acquire(timeout=wait_s):
            raise TooMany("Many tables are being read at this moment.", "Send it again in a while.", retry_after_s=TURN_S)
        try:
            yield
        finally:
            self._turns.release()

    def get(self, key: str) -> Checked | None:
        """What was checked under this key."""
        with self._lock:
            self._forget()
            if key not in self._known:
                return None
            checked, size, _ = self._known[key]
            self._known[key] = (checked, size, self._clock())
            self._known.move_to_end(key)
            return checked

    def put(self, key: str, checked: Checked) -> None:
        """Remember; the least used goes."""
        size = sum(len(cell) for row in checked.table.rows for cell in row.cells)
        with self._lock:
            self._known[key] = (checked, size, self._clock())
            self._known.move_to_end(key)
            self._forget()

    def let_go(self) -> None:
        """Forget what is old; otherwise that happens when the next table comes."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        """Let go of what is old, and of the least used where there is too much; the newest stays in any case."""
        oldest = self._clock() - KEPT_S
        for key in [key for key, (_, _, used) in self._known.items() if used < oldest]:
            del self._known[key]
        while len(self._known) > 1 and (len(self._known) > KEPT or sum(size for _, size, _ in self._known.values()) > KEPT_CHARS):
            self._known.popitem(last=False)
