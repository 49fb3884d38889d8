"""One worker a pool and machine, and the sign of life that each worker leaves."""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from utils.storage.atomic import TEMPORARY

ALIVE = ".alive"
OLD_S = 3600.0  # what a killed worker left is removed after this long


@dataclass(frozen=True)
class Machine:
    """Where a worker runs.

    Attributes:
        lock: File that only one worker of the pool on this machine can hold; it must be local to the machine.
        name: Written into leases, so that a new worker knows those of its dead predecessor.
        is_only_one: No other machine works on this outputs folder, whatever the name.
    """

    lock: Path
    name: str
    is_only_one: bool

    @classmethod
    def here(cls, outputs: Path, pool: str, *, shared: bool) -> Machine:
        """This machine.

        Args:
            outputs: The deployment that the worker serves.
            pool: Of the worker.
            shared: Other machines share `outputs`, so the lock cannot lie there. The system's temporary folder then holds
                an empty SQLite file, named by a digest; nothing of a user.
        """
        name = socket.gethostname()
        if not shared:
            return cls(outputs / ".queue" / f"{pool}.lock", name, True)
        digest = hashlib.sha256(str(outputs.resolve()).encode()).hexdigest()[:12]
        account = os.getuid() if hasattr(os, "getuid") else "user"
        folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        return cls(folder / f"sotto-{account}-{digest}-{pool}.lock", name, False)


def hold_lock(path: Path, give_up: threading.Event, pause_s: float = 0.25) -> sqlite3.Connection | None:
    """Wait until this process is the only one with the lock; it is freed by the system when the process dies.

    While an orphan of the previous server finishes, its successor waits here, so that there are never two models in memory.

    Returns:
        What holds the lock: keep it. None when `give_up` was set first.

    Raises:
        OSError: The file cannot be made or opened.
        sqlite3.OperationalError: It cannot be locked at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))  # for this account only
    while not give_up.is_set():
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("begin exclusive")
            return connection
        except sqlite3.OperationalError as exc:
            connection.close()
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        give_up.wait(pause_s)
    return None


class Sign:
    """A file that says "this worker lives", touched every few seconds."""

    def __init__(self, folder: Path, pool: str) -> None:
        self._folder = folder
        self._path = folder / f"{pool}@{socket.gethostname()}.{os.getpid()}{ALIVE}"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def give(self) -> None:
        """Touch it. A disk that refuses is no reason to stop working."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        except OSError:
            return

    def take_back(self) -> None:
        """The worker ends."""
        self._path.unlink(missing_ok=True)


def tidy(folder: Path, older_than_s: float = OLD_S) -> None:
    """Remove what killed workers left behind: their signs, and files that they were writing."""
    for path in (*folder.glob(f"*{ALIVE}*"), *folder.glob(f"{TEMPORARY}*")):
        if time.time() - _mtime(path) > older_than_s:
            path.unlink(missing_ok=True)


def sign_of(folder: Path, pool: str, pid: int) -> Path:
    """The sign of a worker on this machine."""
    return folder / f"{pool}@{socket.gethostname()}.{pid}{ALIVE}"


def live_workers(folder: Path, pool: str, fresh_s: float, now: float) -> int:
    """How many workers of a pool gave a sign in the last `fresh_s` seconds, on all machines that share the folder."""
    return sum(now - _mtime(path) < fresh_s for path in folder.glob(f"{pool}@*{ALIVE}"))


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
