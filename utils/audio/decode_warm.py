"""Children that start at once: forked from a process that has imported the media library and holds nothing of a user's.

Linux only. Everything else, and whatever goes wrong with the warm process, ends in a cold start.
"""

from __future__ import annotations

import atexit
import functools
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

from utils.audio.decode_process import ColdChild, Job, Running, Starter, environment
from utils.errors import EngineUnreachable

PROGRAM = Path(__file__).with_name("decode_warm_worker.py")
END_S = 5.0  # to end once its socket is closed; 0.01 measured


class WarmChild:
    """A forked child, known by the socket of its reports; when that is closed, the warm process kills it."""

    def __init__(self, reports: socket.socket) -> None:
        self._reports = reports

    def read(self) -> bytes:
        """See `Running`."""
        return self._reports.recv(65_536)

    def close(self) -> None:
        """See `Running`. The child is gone some milliseconds later."""
        try:
            self._reports.shutdown(socket.SHUT_RDWR)  # wakes `read` in its thread
        except OSError:
            return  # the other end is gone already
        finally:
            self._reports.close()


class WarmStarter:
    """Starts children by way of one warm process, and that process when there is none. Thread-safe."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._lock = threading.Lock()
        self._jobs: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0  # the process that this object started its own in; a fork of that starts another

    @property
    def pid(self) -> int | None:
        """The warm process, if it runs."""
        with self._lock:
            process = self._process
            return process.pid if process is not None and process.poll() is None else None

    def __call__(self, job: Job, source: BinaryIO, sink: BinaryIO | None) -> Running:
        """Start a child.

        Raises:
            EngineUnreachable: No process can be started.
        """
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as exc:
            raise EngineUnreachable("The process that decodes recordings cannot be started.", "Try again in a while.") from exc
        with theirs, open(os.devnull, "wb") as nowhere:
            descriptors = [source.fileno(), (nowhere if sink is None else sink).fileno(), theirs.fileno()]
            try:
                self._send(job.text.encode(), descriptors)
            except OSError as exc:
                ours.close()
                raise EngineUnreachable("The process that decodes recordings cannot be started.", "Try again in a while.") from exc
        return WarmChild(ours)

    def close(self) -> None:
        """End the warm process and its children."""
        with self._lock:
            self._close()

    def _send(self, data: bytes, descriptors: list[int]) -> None:
        with self._lock:
            if self._process is None or self._jobs is None or self._owner != os.getpid() or self._process.poll() is not None:
                jobs = self._begin()
            else:
                jobs = self._jobs
            try:
                socket.send_fds(jobs, [data], descriptors)
            except OSError:  # it ended just now
                socket.send_fds(self._begin(), [data], descriptors)

    def _begin(self) -> socket.socket:
        self._close()
        jobs, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryDirectory(prefix="sotto-empty-") as nowhere:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-B", str(PROGRAM)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
                cwd=nowhere,
                start_new_session=True,
            )
        self._jobs, self._owner = jobs, os.getpid()
        return jobs

    def _close(self) -> None:
        jobs, process, self._jobs, self._process = self._jobs, self._process, None, None
        if jobs is not None:
            jobs.close()
        if process is None or self._owner != os.getpid():
            return
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@functools.cache
def starter() -> Starter:
    """The one way to start children in this process."""
    if sys.platform != "linux":  # elsewhere a fork is not safe, or there is none
        return ColdChild
    warm = WarmStarter()
    atexit.register(warm.close)
    return warm
