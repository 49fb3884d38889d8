"""How much a session takes, without weighing again what cannot have changed.

An item without open work changes only by names: files come and go whole (`storage.atomic`), which moves the time at which the
item's folder itself last changed (ctime; nobody can set that back). So its weight is remembered with that time. Folders whose
change is younger than SETTLED_S, items with open work and folders that hold folders are weighed each time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from utils.storage.atomic import FOLDER_FLAGS, Folder
from utils.storage.sessions import FOLDERS

SETTLED_S = 2.0  # far coarser than the kernel's clock: a change in the same tick as our look would not be seen
MOST = 200_000  # remembered folders of one process

_Key = tuple[int, int]  # device, inode
_Known = tuple[int, int]  # ns of the last change, bytes


class Weights:
    """Remembers weights of folders. Thread-safe; every process has its own, and none can be out of date."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` is the kernel's, with which it dates folders."""
        self._clock = clock
        self._known: dict[_Key, _Known] = {}
        self._lock = threading.Lock()

    def of(self, session: Folder, open_items: set[str]) -> int:
        """Bytes of all regular files in an open session, links not followed."""
        if session.descriptor is None:
            return _by_path(str(session.path))
        return self._folder(session.descriptor, 0, "", open_items, remember=False)

    def _folder(self, here: int, depth: int, parent: str, open_items: set[str], *, remember: bool) -> int:
        """Bytes in a folder; `remember` where nothing in it is written in place."""
        if remember:
            facts = os.fstat(here)
            key, changed = (facts.st_dev, facts.st_ino), facts.st_ctime_ns
            known = self._known.get(key)
            if known and known[0] == changed:
                return known[1]
        total, flat = 0, True
        with os.scandir(here) as entries:
            for entry in entries:
                with suppress(FileNotFoundError, NotADirectoryError):
                    if entry.is_dir(follow_symlinks=False):
                        flat = False
                        total += self._below(here, entry.name, depth, parent, open_items)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        if remember and flat and abs(self._clock() - changed / 1e9) >= SETTLED_S:
            with self._lock:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = (changed, total)
        return total

    def _below(self, here: int, name: str, depth: int, parent: str, open_items: set[str]) -> int:
        item = depth == 1 and parent in FOLDERS
        cache = depth == 0 and name == "cache"
        if item and name not in open_items:
            known = self._remembered(here, name)
            if known is not None:
                return known
        descriptor = os.open(name, FOLDER_FLAGS, dir_fd=here)
        try:
            settled = cache or (item and name not in open_items)
            return self._folder(descriptor, depth + 1, name if depth == 0 else "", open_items, remember=settled)
        finally:
            os.close(descriptor)

    def _remembered(self, here: int, name: str) -> int | None:
        facts = os.stat(name, dir_fd=here, follow_symlinks=False)
        known = self._known.get((facts.st_dev, facts.st_ino))
        return known[1] if known and known[0] == facts.st_ctime_ns else None


def _by_path(path: str) -> int:
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(FileNotFoundError):
                facts = os.lstat(os.path.join(folder, name))
                total += facts.st_size
    return total
