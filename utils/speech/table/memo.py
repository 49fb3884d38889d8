"""The last few tables that were checked, so that a page's rerun does not check 5,000 rows again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from utils.speech.table.check import Check
from utils.speech.table.contract import Table

KEPT = 8


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
