"""The program of the warm process: it has imported av, and forks a child for each job. Imports what `decode_worker` does.

    python -I -B decode_warm_worker.py

Standard input is a Unix socket of packets. Each packet is a job as JSON, and carries three descriptors: the recording, the file for
the sound, and a socket for the reports. All of them go to a child, which limits itself and does that one job; of the three this
process keeps only the socket, to kill the child as soon as nobody listens at its other end.

It never touches what a recording holds. It ends when its standard input ends, or when it had nothing to do for a while; children
end with it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # `python -I` leaves it out

from utils.audio import decode_worker

IDLE_S = 600.0
DESCRIPTORS = 3
MAX_JOB_BYTES = 4_096
PR_SET_PDEATHSIG = 1


class _Warm:
    def __init__(self, jobs: socket.socket) -> None:
        self._libc = ctypes.CDLL(None)
        self._pid = os.getpid()
        self._jobs = jobs
        self._children: dict[int, socket.socket] = {}  # process id -> socket of its reports
        self._selector = selectors.DefaultSelector()
        self._selector.register(jobs, selectors.EVENT_READ, self._accept)
        ended, wake = os.pipe()
        for end in (ended, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._selector.register(ended, selectors.EVENT_READ, lambda: self._reap(ended))
        self._open = True

    def serve(self) -> None:
        """Until nobody sends jobs any more."""
        decode_worker.leave_network()
        decode_worker.library()
        gc.collect()
        gc.freeze()  # so that a child's collector does not touch, and copy, what it shares with us
        while self._open:
            ready = self._selector.select(IDLE_S)
            if not ready and not self._children:
                break
            for key, _ in ready:
                key.data()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _accept(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._jobs, MAX_JOB_BYTES, DESCRIPTORS)
        except OSError:
            data, descriptors = b"", []
        try:
            if not data:
                self._open = False
            elif len(descriptors) == DESCRIPTORS:
                self._begin(json.loads(data), *descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _begin(self, job: dict[str, Any], source: int, sink: int, reports: int) -> None:
        try:
            pid = os.fork()
        except OSError:  # no process to be had: the socket closes, and the owner tries another way
            return
        if not pid:
            try:
                self._child(job, source, sink, reports)
            finally:
                os._exit(1)
        ours = socket.socket(fileno=os.dup(reports))
        self._children[pid] = ours
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._gone(pid, ours))

    def _child(self, job: dict[str, Any], source: int, sink: int, reports: int) -> None:
        """One job in this new process, which nothing of the others' can reach."""
        self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._pid:  # the warm process ended before that line
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        first = max(source, sink, reports, nowhere) + 1
        for place, descriptor in enumerate((source, sink, nowhere, reports)):
            os.dup2(descriptor, first + place)
        for place in range(4):
            os.dup2(first + place, place)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        decode_worker.limit(job)
        decode_worker.work(job, 0, 1, lambda report: decode_worker.write(3, report))
        os._exit(0)

    def _gone(self, pid: int, reports: socket.socket) -> None:
        """Nobody listens to this child any more. As long as it is in the list nobody has waited for it: its id is its own."""
        if self._children.get(pid) is reports:  # else it ended just now
            self._selector.unregister(reports)
            os.kill(pid, signal.SIGKILL)

    def _reap(self, ended: int) -> None:
        with suppress(BlockingIOError):
            os.read(ended, 4_096)
        for pid in list(self._children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self._close(self._children.pop(pid))

    def _close(self, reports: socket.socket) -> None:
        """Tell whoever still listens that the child is gone; after a last report of its own nobody does."""
        if reports in self._selector.get_map():
            self._selector.unregister(reports)
        with reports, suppress(OSError):  # closed at the other end, or full because nobody reads
            reports.send(b'{"refused": "died"}\n', socket.MSG_DONTWAIT)


if __name__ == "__main__":
    with socket.socket(fileno=0) as standard_input:
        _Warm(standard_input).serve()
