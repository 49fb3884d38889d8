"""Bells: a submit wakes an idle worker of this machine at once, so that nobody has to poll quickly.

A named pipe beside the queue file: any process of the machine may ring (no port, no secret), and a bell without a listener
costs one failed `open`. Where named pipes do not exist (Windows, some mounted folders) only the listener's own process can
ring, and the listener looks more often instead. Rings are hints: losing one costs at most the poll interval.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from pathlib import Path

POLL_S = 1.0  # how often an idle listener looks without having been woken
POLL_WITHOUT_PIPE_S = 0.1
RING_LIMIT = 4096  # bytes taken from the pipe at once; a ring is one byte


def ring(path: Path) -> None:
    """Wake whoever listens at `path`; nobody listening is no error."""
    with suppress(OSError, AttributeError):  # ENXIO: no reader; ENOENT: never listened; EAGAIN: full, so it wakes anyway
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, b"!")
        finally:
            os.close(pipe)


class Listener:
    """Waits for rings. One listener a path; `close` it."""

    def __init__(self, path: Path, poll_s: float = POLL_S) -> None:
        self._path = path
        self._poll_s = poll_s
        self._local = threading.Event()  # rings of this process where there is no pipe
        self._pipe: int | None = None
        self._open()

    @property
    def poll_s(self) -> float:
        """How long one wait lasts at most."""
        return min(POLL_WITHOUT_PIPE_S, self._poll_s) if self._pipe is None else self._poll_s

    def ring(self) -> None:
        """Wake our own waiter, e.g. to stop."""
        self._local.set()
        ring(self._path)

    def wait(self) -> None:
        """Sleep until somebody rings or the poll interval is over."""
        if self._local.is_set() or self._pipe is None:
            self._local.wait(self.poll_s)
            self._local.clear()
            return
        ready, _, _ = select.select([self._pipe], [], [], self.poll_s)
        if ready:
            os.read(self._pipe, RING_LIMIT)
        elif not self._path.exists():  # the folder was emptied under us: nobody can ring any more
            self.close()
            self._open()
        self._local.clear()

    def close(self) -> None:
        """Let go of the pipe."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _open(self) -> None:
        with suppress(OSError, AttributeError):  # no named pipes here: `poll_s` is shorter then
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.mkfifo(self._path, 0o600)
            # Read and write: with a writer of its own, the pipe never reports the end of input.
            self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
