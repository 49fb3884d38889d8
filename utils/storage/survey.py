"""What lies in a session's folder: its newest time and its bytes; and tidying it up after killed writers."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from utils.storage.atomic import FOLDER_FLAGS, TEMPORARY, WORK, Folder
from utils.storage.sessions import FOLDERS, KEPT, PRESENCE, RECORD

CLOCK_SLACK_S = 300.0  # a file server's clock may be ahead by this much
DEEPEST = 32  # folders in folders; ours are 3


@dataclass
class Survey:
    """What lies in a folder.

    Attributes:
        newest: Newest time of anything inside and of the folder itself, up to now.
        size_bytes: All regular files.
        untidy: There are orphans of killed writers, or times in the future.
        has_record: The folder is a session that we made.
        has_kept: One of its items may be kept, see `sessions.KEPT`.
        seen_at: When a page was last known to be connected; 0 = never.
        items: The same for each item's folder, by (folder, id); only filled when asked for.
    """

    newest: float = 0.0
    size_bytes: int = 0
    untidy: bool = False
    has_record: bool = False
    has_kept: bool = False
    seen_at: float = 0.0
    items: dict[tuple[str, str], Survey] = field(default_factory=dict)


def survey(path: str | Path, now: float) -> Survey:
    """Look at everything in a folder without following links."""
    with Folder.open(Path(path)) as folder:
        return survey_folder(folder, now)


def survey_folder(folder: Folder, now: float, *, items: bool = False) -> Survey:
    """As `survey`, of an open folder; with `items` each item is looked at by itself, too.

    Raises:
        ValueError: Folders lie in folders deeper than we ever make them.
    """
    found = Survey()
    here: int | str = os.fspath(folder.path) if folder.descriptor is None else folder.descriptor
    facts = os.stat(here)
    found.newest = facts.st_mtime
    if facts.st_mtime > now + CLOCK_SLACK_S:
        found.untidy, found.newest = True, now
    _look(found, here, now, 0, "" if items else None)
    return found


def _look(found: Survey, here: int | str, now: float, depth: int, parent: str | None) -> None:
    """Add what is inside `here`. `parent` is the name of the folder, or None where items are not told apart."""
    if depth > DEEPEST:
        raise ValueError("folders in folders without end")
    latest = now + CLOCK_SLACK_S
    with os.scandir(here) as entries:
        for entry in entries:
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            name, mode, when = entry.name, facts.st_mode, facts.st_mtime
            if when > latest:
                if _is_elsewhere_too(facts):
                    when = 0.0
                else:
                    found.untidy, when = True, now
            if when > found.newest:
                found.newest = when
            if name[0] == "." and name.startswith((TEMPORARY, WORK)):
                found.untidy = True
            if stat.S_ISREG(mode):
                found.size_bytes += facts.st_size
                if depth == 0:
                    found.has_record = found.has_record or name == RECORD
                    found.has_kept = found.has_kept or name == KEPT
                    found.seen_at = facts.st_mtime if name == PRESENCE else found.seen_at
            elif stat.S_ISDIR(mode):
                with suppress(FileNotFoundError, NotADirectoryError):
                    _enter(found, entry, here, now, depth, parent, when)


def _enter(
    found: Survey, entry: os.DirEntry[str], here: int | str, now: float, depth: int, parent: str | None, when: float
) -> None:
    """Look into a folder inside; an item's folder is looked at by itself where that was asked for."""
    inside, own = found, depth == 1 and parent in FOLDERS
    if own:
        inside = Survey(newest=when)
    below = entry.name if parent is not None and depth == 0 else None
    if isinstance(here, str):
        _look(inside, os.path.join(here, entry.name), now, depth + 1, below)
    else:
        descriptor = os.open(entry.name, FOLDER_FLAGS, dir_fd=here)
        try:
            _look(inside, descriptor, now, depth + 1, below)
        finally:
            os.close(descriptor)
    if own:
        found.items[parent or "", entry.name] = inside
        found.newest = max(found.newest, inside.newest)
        found.size_bytes += inside.size_bytes
        found.untidy = found.untidy or inside.untidy


def _is_elsewhere_too(facts: os.stat_result) -> bool:
    """The file has a second name, perhaps outside: we never make such, so its times are not ours to read or to set."""
    return facts.st_nlink > 1 and not stat.S_ISDIR(facts.st_mode)


def tidy(folder: Folder, now: float) -> None:
    """Remove orphan temporaries of a session that nobody holds, and set times in the future to now.

    Removing moves the times of folders, which would make a dead session look young: they are set back, and that of the session
    becomes the newest time that was seen.
    """
    newest = 0.0
    for path, folders, files, here in _tree(folder):

        def at(name: str, path: str = path, here: int | None = here) -> str:
            return name if here is not None else os.path.join(path, name)

        own = os.stat(at("."), dir_fd=here, follow_symlinks=False)
        for name in [*folders, *files]:
            facts = os.stat(at(name), dir_fd=here, follow_symlinks=False)
            when = facts.st_mtime
            if when > now + CLOCK_SLACK_S:
                when = 0.0 if _is_elsewhere_too(facts) else now
                if when:
                    with suppress(OSError, NotImplementedError):
                        os.utime(at(name), (now, now), dir_fd=here, follow_symlinks=False)
            newest = max(newest, when)
            if name.startswith((TEMPORARY, WORK)):
                if stat.S_ISDIR(facts.st_mode):
                    shutil.rmtree(at(name), ignore_errors=True, dir_fd=here)
                else:
                    os.unlink(at(name), dir_fd=here)
        folders[:] = [name for name in folders if not name.startswith((TEMPORARY, WORK))]
        os.utime(at("."), (own.st_atime, min(own.st_mtime, now)), dir_fd=here)
        newest = max(newest, min(own.st_mtime, now))
    os.utime(folder.path if folder.descriptor is None else folder.descriptor, (newest, newest))


def _tree(folder: Folder) -> Iterator[tuple[str, list[str], list[str], int | None]]:
    if sys.platform == "win32" or folder.descriptor is None:
        yield from ((path, folders, files, None) for path, folders, files in os.walk(folder.path))
    else:
        yield from os.fwalk(".", dir_fd=folder.descriptor, follow_symlinks=False)
