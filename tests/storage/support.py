"""What the tests of the store share: a manual clock, a store in a fresh folder, and a look at all that lies in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.session_manager import SessionManager
from utils.storage import sweeps
from utils.storage.item import Item

HOUR = 3600.0
DAY = 24 * HOUR


class Clock:
    """Stands still until told otherwise. Begins a little ahead, so that times the kernel notes are never later."""

    def __init__(self) -> None:
        self.now = float(int(time.time()) + 120)

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def manager(folder: Path, clock: Clock, **options: Any) -> SessionManager:
    return SessionManager(folder / "outputs", clock=clock, **options)


def speech(store: SessionManager, session_id: str, title: str = "Hello", **more: Any) -> Item:
    return store.create_item(
        session_id, **{"folder": "single", "kind": "speech", "title": title, "request": {"text": title}} | more
    )


def everything(folder: Path) -> dict[str, bytes | str]:
    """Every entry below a folder with its bytes; links are shown, not followed. The diary of sweeps is left out."""
    found: dict[str, bytes | str] = {}
    for shown, entry in _below(folder):
        if entry.is_symlink():
            found[shown] = f"link to {os.readlink(entry)}"
        elif entry.is_file():
            found[shown] = Path(entry).read_bytes()
        else:
            found[shown] = "folder" if entry.is_dir() else "special"
    return found


def _below(folder: Path | str, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """What lies in a folder, by its path from there; what goes meanwhile is passed over."""
    try:
        with os.scandir(folder) as scan:
            entries = list(scan)
    except OSError:
        return
    for entry in entries:
        if entry.name != sweeps.FILE:
            yield prefix + entry.name, entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, f"{prefix}{entry.name}/")


def size_of_files(folder: Path) -> int:
    """How many bytes the files below a folder have."""
    return sum(entry.stat(follow_symlinks=False).st_size for _, entry in _below(folder) if entry.is_file(follow_symlinks=False))


def temporaries(folder: Path) -> list[str]:
    """What unfinished writing has left below a folder."""
    return [name for name, entry in _below(folder) if entry.name.startswith((".tmp-", ".work-"))]


def make_old(folder: Path, when: float) -> None:
    """Set all times below a folder."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in [*folders, *files]:
            os.utime(Path(path, name), (when, when), follow_symlinks=False)
    os.utime(folder, (when, when))
