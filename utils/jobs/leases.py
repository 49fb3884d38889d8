"""Leases: the right to run one attempt of a job, as a file that only one can create and that must be kept fresh."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CLOCK_AGE_S = 2.0  # how long one reading of the file server's clock is carried on with our own


@dataclass(frozen=True)
class Lease:
    """The right to run one attempt of a job, for as long as the file's mtime is kept fresh.

    Attributes:
        home: The item's folder.
        number: Of the attempt.
    """

    home: Path
    number: int

    @property
    def path(self) -> Path:
        """The file."""
        return self.home / f"lease.{self.number}"

    def take(self, machine: str) -> None:
        """Create the file. FileExistsError: somebody else was quicker. `machine` is written into it."""
        file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with suppress(OSError):  # a full disk: the lease holds without its owner's name
                os.write(file, machine.encode())
        finally:
            os.close(file)

    @property
    def is_lost(self) -> bool:
        """A later attempt began, or the item (or its lease) was removed under us."""
        return (self.home / f"lease.{self.number + 1}").exists() or not self.path.exists()

    @property
    def is_told_to_stop(self) -> bool:
        """Somebody asked for the job to be cancelled."""
        return (self.home / "cancel").exists()

    def beat(self) -> None:
        """Show that its holder lives. Raises OSError, e.g. when the item is gone."""
        os.utime(self.path)

    def release(self) -> None:
        """Give the attempt back at once instead of letting it go stale. Its heart must have stopped before."""
        with suppress(FileNotFoundError):
            os.utime(self.path, (0, 0))


class FileClock:
    """The clock of the file server, which also stamps the leases, so that machines need not agree on the time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._read_at = float("-inf")

    def now(self) -> float:
        """Seconds since the epoch, read from the disk every CLOCK_AGE_S and carried on in between."""
        with self._lock:
            mono = time.monotonic()
            if mono - self._read_at > CLOCK_AGE_S:
                self._path.touch()
                self._ahead = self._path.stat().st_mtime - mono
                self._read_at = mono
            return mono + self._ahead
