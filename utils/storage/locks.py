"""Holding a folder: many share it while they work, one alone may change or remove it.

On POSIX by flock on the folder itself: the kernel frees it when a process dies, so nothing goes stale. On Windows an open file
inside does the same work, because a folder with open files cannot be renamed there. On NFS an exclusive flock wants a file that is
open for writing: a folder shared by several machines relies on the job markers instead.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from utils.storage.atomic import Folder

if sys.platform != "win32":
    import fcntl


POLL_S = 0.005


class Busy(Exception):
    """Somebody else holds the folder."""


@contextmanager
def shared(folder: Folder) -> Iterator[None]:
    """Hold `folder` together with others until the end of the block.

    Raises:
        FileNotFoundError: It was moved or removed before we had it.
    """
    with _held(folder, exclusive=False, wait_s=None):
        yield


@contextmanager
def alone(folder: Folder, wait_s: float | None = None) -> Iterator[None]:
    """Hold `folder` and nobody else with us.

    Args:
        folder: Open folder.
        wait_s: How long to try; None waits until it is free.

    Raises:
        Busy: It is held by somebody else for longer than `wait_s`.
        FileNotFoundError: It was moved or removed before we had it.
    """
    with _held(folder, exclusive=True, wait_s=wait_s):
        yield


if sys.platform != "win32":

    @contextmanager
    def _held(folder: Folder, *, exclusive: bool, wait_s: float | None) -> Iterator[None]:
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        descriptor = folder.descriptor
        if descriptor is None:
            raise ValueError("the folder is closed")
        deadline = None if wait_s is None else time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, how if deadline is None else how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline is None or time.monotonic() >= deadline:
                    raise Busy from None
                time.sleep(POLL_S)
        try:
            if not folder.same():  # moved to the trash between open and flock: a hold on trash is none
                raise FileNotFoundError(folder.path)
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

else:  # not tried: no such machine where this was written
    import msvcrt

    @contextmanager
    def _held(folder: Folder, *, exclusive: bool, wait_s: float | None) -> Iterator[None]:
        beside = folder.path.with_name(f".lock-{folder.path.name}")  # inside, it would keep us from renaming the folder
        deadline = None if wait_s is None else time.monotonic() + wait_s
        with open(beside if exclusive else folder.path / ".lease", "ab") as file:
            while exclusive:
                try:
                    file.seek(0)
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    if deadline is not None and time.monotonic() >= deadline:
                        raise Busy from None
                    time.sleep(POLL_S)
            yield
