"""Writes down how rows of a batch ended, for the one who has the batch's job; see `batch_log` for the files.

An attempt begins by copying the log into a new file of the same name and keeps that open: whoever had the job before and wakes from
a freeze still writes into the old one, which nobody reads any more. Cues of rows go into a file of their own, one line a row, and
only lines that a result points to count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from utils.storage.batch_log import DONE, RowResult, line
from utils.storage.faults import no_item, told

CUES = "cues.jsonl"
TimedLine = tuple[float, float, str]  # start and end in seconds, text
_APPEND = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Ledger:
    """The log of one attempt. Close it. Raises NotFound when the batch is gone, StoreUnavailable when the disk refuses."""

    def __init__(self, folder: Path, write: Callable[[str, bytes], object]) -> None:
        """Make the log ours.

        Args:
            folder: Of the batch.
            write: Replaces a file of the batch whole, as SessionManager.write_file does.
        """
        self._folder, self._write = folder, write
        self._done = self._open_copy()
        self._torn = False  # the last line has no end, because the disk refused to take half of it back
        self._cues: int | None = None

    def close(self) -> None:
        """Let go of the files."""
        for descriptor in (self._done, self._cues):
            if descriptor is not None:
                os.close(descriptor)

    def append(self, results: Sequence[RowResult]) -> None:
        """Add results; once this returns they survive a power cut. After an error none of them was added."""
        if not self._is_ours():
            copy = self._open_copy()
            os.close(self._done)
            self._done, self._torn = copy, False
        data = "".join(line(asdict(result)) for result in results).encode("utf-8")
        with told(no_item()):
            before = os.fstat(self._done).st_size
            try:
                _add(self._done, b"\n" + data if self._torn else data)
            except OSError:
                self._torn = True
                os.ftruncate(self._done, before)
                self._torn = False
                raise
            self._torn = False

    def add_cues(self, rows: Iterable[Sequence[TimedLine]]) -> list[int]:
        """Keep cues of rows; where each one's line begins, for `RowResult.cues_at`."""
        lines = [json.dumps(list(map(list, cues)), ensure_ascii=False).encode("utf-8") + b"\n" for cues in rows]
        with told(no_item()):
            if self._cues is None:
                self._cues = os.open(self._folder / CUES, _APPEND | os.O_CREAT, 0o600)
            # Where they begin is asked for afterwards: a predecessor may have woken and appended to the same file.
            at = _add(self._cues, b"".join(lines)) - sum(map(len, lines))
        places = []
        for data in lines:
            places.append(at)
            at += len(data)
        return places

    def _is_ours(self) -> bool:
        """The log that others read is the one that we write. A predecessor may have woken in the middle of its own beginning."""
        try:
            return os.path.samestat(os.stat(self._folder / DONE, follow_symlinks=False), os.fstat(self._done))
        except FileNotFoundError:
            return False

    def _open_copy(self) -> int:
        """Copy what was accepted, byte by byte so that readers need not begin anew, and open the copy."""
        with told(no_item()):
            try:
                data = (self._folder / DONE).read_bytes()
            except FileNotFoundError:
                data = b""
            self._write(DONE, data[: data.rfind(b"\n") + 1])
            return os.open(self._folder / DONE, _APPEND)


def _add(descriptor: int, data: bytes) -> int:
    """Append all of it and flush it to the disk; the place behind it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    behind = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.fsync(descriptor)
    return behind


def read_cues(folder: Path, at: int) -> list[TimedLine]:
    """The cues that begin at this place of cues.jsonl."""
    with (folder / CUES).open("rb") as file:
        file.seek(at)
        return [(float(start), float(end), str(text)) for start, end, text in json.loads(file.readline())]
