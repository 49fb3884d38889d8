"""Whole or not at all: a name appears with all of its bytes, or what was there before stays.

Built under a dot name in the same folder, flushed to the disk, renamed, and the folder flushed too. Folders are held by
descriptor where the platform has that, so that a folder which is renamed or swapped for a link in between is never written by
its path. Raises plain OSError; `faults` turns that into sentences.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from utils.errors import NotFound
from utils.storage.faults import told

TEMPORARY = ".tmp-"  # files and folders that are being built
WORK = ".work-"  # scratch folders of running work
BY_DESCRIPTOR = {os.open, os.rename, os.unlink, os.mkdir, os.stat, os.utime} <= os.supports_dir_fd and os.scandir in os.supports_fd
_OPTIONS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _OPTIONS
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPTIONS
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _OPTIONS  # a FIFO in the place of a file must not block us


def temporary_name() -> str:
    """A name that nobody else uses and that the sweep knows as unfinished."""
    return TEMPORARY + secrets.token_hex(8)


class Folder:
    """An open folder. Names are single components; links are never followed."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open a folder; a link to one, or anything else that is no folder, is an OSError."""
        if BY_DESCRIPTOR:
            return cls(path, os.open(path, FOLDER_FLAGS))
        return _by_path(path)

    def sub(self, name: str) -> Folder:
        """Open a folder inside this one."""
        if self.descriptor is None:
            return _by_path(self.path / name)
        return Folder(self.path / name, os.open(name, FOLDER_FLAGS, dir_fd=self.descriptor))

    def close(self) -> None:
        """Let go of the descriptor."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _at(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)

    def names(self) -> list[str]:
        """Everything in the folder, in no order."""
        return os.listdir(self.path if self.descriptor is None else self.descriptor)

    def stat(self, name: str) -> os.stat_result:
        """Facts about an entry itself, never about what a link points to."""
        return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)

    def is_folder(self, name: str) -> bool:
        """A real folder of that name is here."""
        try:
            return stat.S_ISDIR(self.stat(name).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def make(self, name: str) -> None:
        """Make a folder that only this account can read; it must not exist."""
        os.mkdir(self._at(name), 0o700, dir_fd=self.descriptor)

    def read(self, name: str) -> bytes:
        """All bytes of a regular file."""
        with open(os.open(self._at(name), _READ, dir_fd=self.descriptor), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileNotFoundError(name)
            return file.read()

    def put(self, name: str, data: bytes, *, durable: bool = True, when: float | None = None) -> None:
        """Write a new file in place: only for folders that are not visible yet. `when` becomes its time of change."""
        with open(os.open(self._at(name), _NEW, 0o600, dir_fd=self.descriptor), "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if when is not None:
            os.utime(self._at(name), (when, when), dir_fd=self.descriptor)

    def write(self, name: str, data: bytes, *, durable: bool = True, when: float | None = None) -> None:
        """Make or replace a file, whole or not at all."""
        temporary = temporary_name()
        try:
            self.put(temporary, data, durable=durable, when=when)
            self.rename(temporary, name)
        except BaseException:
            with suppress(OSError):
                os.unlink(self._at(temporary), dir_fd=self.descriptor)
            raise
        if durable:
            self.flush()

    def date(self, name: str, when: float) -> None:
        """Set the time of change of an entry itself."""
        follow = os.utime in os.supports_follow_symlinks
        os.utime(self._at(name), (when, when), dir_fd=self.descriptor, follow_symlinks=not follow)

    def settle(self, name: str, when: float | None = None) -> None:
        """Flush a regular file that somebody else wrote; FileNotFoundError for anything else."""
        with open(
            os.open(self._at(name), _READ | (0 if hasattr(os, "O_NONBLOCK") else os.O_RDWR), dir_fd=self.descriptor), "rb"
        ) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileNotFoundError(name)
            os.fsync(file.fileno())
        if when is not None:
            os.utime(self._at(name), (when, when), dir_fd=self.descriptor)

    def rename(self, name: str, new: str, into: Folder | None = None) -> None:
        """Rename an entry, replacing a file of that name; into another folder of the same disk if given."""
        target = into or self
        for last in (False,) * 10 + (True,):
            try:
                return os.replace(self._at(name), target._at(new), src_dir_fd=self.descriptor, dst_dir_fd=target.descriptor)
            except PermissionError:  # Windows, while somebody reads the old file
                if last or sys.platform != "win32":
                    raise
                time.sleep(0.02)

    def flush(self) -> None:
        """Names made or changed here survive a power failure from now on."""
        if self.descriptor is not None:  # Windows cannot flush a folder
            os.fsync(self.descriptor)

    def same(self) -> bool:
        """The path still leads to this folder: it was not moved, removed or replaced."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        if self.descriptor is None:
            return stat.S_ISDIR(there.st_mode)
        return os.path.samestat(there, os.fstat(self.descriptor))

    @contextmanager
    def building(self, when: float | None = None) -> Iterator[tuple[str, Folder]]:
        """A new folder under a temporary name; the caller renames it in the end. What is left over is removed."""
        temporary = temporary_name()
        self.make(temporary)
        try:
            with self.sub(temporary) as folder:
                yield temporary, folder
        except BaseException:
            shutil.rmtree(self.path / temporary, ignore_errors=True)
            raise


def _by_path(path: Path) -> Folder:
    if not stat.S_ISDIR(os.stat(path, follow_symlinks=False).st_mode):
        raise NotADirectoryError(path)
    return Folder(path, None)


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Make or replace the file `path`, whole or not at all.

    Args:
        path: Its folder must exist.
        data: All of its bytes.
        durable: Return only when it would survive a power failure.

    Raises:
        NotFound: The folder is gone.
        StoreUnavailable: Disk full, read-only or no permission; what was there stays, no temporary is left.
    """
    with (
        told(NotFound("The folder to write in is gone.", "It may have been deleted meanwhile.")),
        Folder.open(path.parent) as folder,
    ):
        folder.write(path.name, data, durable=durable)
