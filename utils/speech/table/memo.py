"""The last few tables that were checked, so that a page's rerun does not check 5,000 rows again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from utils.errors import TooMany
from utils.speech.table.check import Check
from utils.speech.table.contract import Table

KEPT = 8
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

    def __init__(self) -> None:
        """Empty."""
        self._known: OrderedDict[str, Checked] = OrderedDict()
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
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: str, checked: Checked) -> None:
        """Remember; the least used goes."""
        with self._lock:
            self._known[key] = checked
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
