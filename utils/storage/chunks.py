"""The sound of a recording as it comes: one file that only grows, and the index of its audio chunks.

    sound.pcm, sound.webm   the bytes of all chunks, one after the other
    chunks.idx              16 bytes a chunk, written once its bytes are there: number, length (u32), offset (u64), little-endian

A chunk counts from the moment its record is whole. What lies behind the last whole record whose bytes are there is cut off when the
recording is opened again, so that a writer which was killed at any moment leaves neither a gap nor a doubled chunk. What was
written survives the death of the process by itself; `sync` makes it survive that of the machine.

The index is locked by whoever writes (flock: the kernel frees it when the process dies), so there is one writer whatever happens.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from utils.storage.atomic import Folder
from utils.storage.locks import POLL_S, Busy

if sys.platform != "win32":
    import fcntl

INDEX = "chunks.idx"
ENTRY = struct.Struct("<IIQ")
_OPTIONS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class ChunkFile:
    """The one writer of a recording's sound. Raises plain OSError; not thread-safe, but for `sync`.

    Attributes:
        next_seq: Number of the chunk that is missing next; they begin at 0.
        size_bytes: Of all chunks so far.
    """

    def __init__(self, folder: Folder, sound: str, *, wait_s: float = 0.0) -> None:
        """Open, lock and repair.

        Args:
            folder: The item's.
            sound: Name of the file that grows.
            wait_s: How long to wait for the writer before us.

        Raises:
            Busy: It did not let go.
        """
        self._path = folder.path / INDEX
        self._index = _opened(folder, INDEX)
        try:
            _lock(self._index, wait_s)
            self._sound = _opened(folder, sound)
        except BaseException:
            os.close(self._index)
            raise
        try:
            self.next_seq, self.size_bytes = self._repair()
        except BaseException:
            self.close()
            raise

    def append(self, chunks: Sequence[bytes]) -> None:
        """Write the next chunks. If the disk refuses, nothing of them counts."""
        records = bytearray()
        offset = self.size_bytes
        for number, chunk in enumerate(chunks, self.next_seq):
            records += ENTRY.pack(number, len(chunk), offset)
            offset += len(chunk)
        try:
            _write(self._sound, b"".join(chunks), self.size_bytes)
            _write(self._index, records, self.next_seq * ENTRY.size)
        except OSError:
            os.ftruncate(self._index, self.next_seq * ENTRY.size)  # making a file shorter needs no room
            os.ftruncate(self._sound, self.size_bytes)
            raise
        self.next_seq += len(chunks)
        self.size_bytes = offset

    def sync(self) -> None:
        """Have all that was written survive a power failure, the sound before its index."""
        for descriptor in (self._sound, self._index):
            (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)

    def beat(self) -> None:
        """Say that somebody is here though no sound comes: see `fed_at`."""
        os.utime(self._index if os.utime in os.supports_fd else self._path)

    @property
    def is_there(self) -> bool:
        """The files still lie where they were opened: nobody deleted or moved the item."""
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._index))
        except OSError:
            return False

    def close(self) -> None:
        """Let go. Not while another thread syncs."""
        for descriptor in (self._sound, self._index):
            os.close(descriptor)

    def _repair(self) -> tuple[int, int]:
        """Cut off what does not count; number of the next chunk, and where it begins."""
        count, end = _whole(self._index, os.fstat(self._sound).st_size)
        os.ftruncate(self._index, count * ENTRY.size)
        os.ftruncate(self._sound, end)
        return count, end


def confirmed(home: Path, sound: str) -> int:
    """How many bytes of a recording count by now, for readers; 0 when nothing does."""
    try:
        index = os.open(home / INDEX, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return 0
    try:
        return _whole(index, (home / sound).stat().st_size)[1]
    except FileNotFoundError:
        return 0
    finally:
        os.close(index)


def count(home: Path) -> int:
    """How many chunks were written, for readers of a recording that has ended."""
    try:
        return (home / INDEX).stat().st_size // ENTRY.size
    except FileNotFoundError:
        return 0


def fed_at(home: Path) -> float | None:
    """When a chunk last came or its writer last said that somebody is here, by the file server's clock; None = no recording."""
    try:
        return (home / INDEX).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None


def _whole(index: int, sound_bytes: int) -> tuple[int, int]:
    """How many records are whole and right, and where the last one's bytes end."""
    count = os.fstat(index).st_size // ENTRY.size
    while count:
        os.lseek(index, (count - 1) * ENTRY.size, os.SEEK_SET)
        number, length, offset = ENTRY.unpack(os.read(index, ENTRY.size))
        if number == count - 1 and offset + length <= sound_bytes:
            return count, offset + length
        count -= 1
    return 0, 0


def _opened(folder: Folder, name: str) -> int:
    by_descriptor = folder.descriptor is not None
    return os.open(name if by_descriptor else folder.path / name, _OPTIONS, 0o600, dir_fd=folder.descriptor)


def _lock(descriptor: int, wait_s: float) -> None:
    if sys.platform == "win32":  # not tried: there an open file cannot be removed, and two servers are not meant to share a folder
        return
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Busy from None
            time.sleep(POLL_S)


def _write(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    """All of it, at its place."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    left = memoryview(data)
    while len(left):
        left = left[os.write(descriptor, left) :]
