"""What lies in a session's folder: its newest time and its bytes; and tidying it up after killed writers."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from utils.storage.atomic import TEMPORARY, WORK, Folder

CLOCK_SLACK_S = 300.0  # a file server's clock may be ahead by this much


@dataclass
class Survey:
    """What lies in a folder: newest time, bytes, and whether something wants tidying (orphans, times in the future)."""

    newest: float = 0.0
    size_bytes: int = 0
    untidy: bool = False


def survey(path: str | Path, now: float) -> Survey:
    """Look at everything in a folder without following links."""
    found, waiting = Survey(), [os.fspath(path)]
    _note(found, os.stat(path, follow_symlinks=False), now)
    while waiting:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    _note(found, facts, now)
                    if entry.name[0] == "." and entry.name.startswith((TEMPORARY, WORK)):
                        found.untidy = True
                    if stat.S_ISDIR(facts.st_mode):
                        waiting.append(entry.path)
                    elif stat.S_ISREG(facts.st_mode):
                        found.size_bytes += facts.st_size
    return found


def _note(found: Survey, facts: os.stat_result, now: float) -> None:
    when = facts.st_mtime
    if when > now + CLOCK_SLACK_S:
        if _is_elsewhere_too(facts):
            return
        found.untidy = True
        when = now
    if when > found.newest:
        found.newest = when


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
