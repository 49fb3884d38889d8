"""The parent's side of the child process that decodes: start it, hear what it reports, end it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from utils.errors import EngineUnreachable

PROGRAM = Path(__file__).with_name("decode_worker.py")
MEMORY_BYTES = 2**30  # enough for every file of the tests
TICK_S = 0.08  # how often `check` is called while the child is silent
WALL_S, WALL_SHARE = 60.0, 5.0  # a decoding may take 60 s and five times the sound decoded so far
CPU_S, CPU_SHARE = 60.0, 0.1  # and on the CPU a tenth of the longest recording; the slowest codec seen needs a hundredth
MAX_LINE_BYTES = 1 << 20  # of a report; 17 tracks with titles are 20 kB
Report = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What a child is to do; see `decode_worker`."""

    mode: str
    max_s: float = 0.0
    track: int | None = None
    memory: int = MEMORY_BYTES
    follow: bool = False

    @property
    def text(self) -> str:
        """As the child reads it."""
        return json.dumps({**asdict(self), "cpu_s": int(CPU_S + CPU_SHARE * self.max_s)})


class Running(Protocol):
    """A child at work."""

    def read(self) -> bytes:
        """Some bytes of its reports, blocking; b"" when it has ended."""
        ...

    def close(self) -> None:
        """Kill it if it still runs, and free what belongs to it."""
        ...


class Starter(Protocol):
    """How a child is started: `cold` or warm."""

    def __call__(self, job: Job, source: BinaryIO, sink: BinaryIO | None) -> Running:
        """Start one."""
        ...


class ColdChild:
    """A child in a fresh interpreter."""

    def __init__(self, job: Job, source: BinaryIO, sink: BinaryIO | None) -> None:
        """Start it.

        Raises:
            EngineUnreachable: No process can be started.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="sotto-empty-", ignore_cleanup_errors=True) as nowhere:
                self._process = subprocess.Popen(  # noqa: S603 - our own program, and nothing of the file's
                    [sys.executable, "-I", "-B", str(PROGRAM), job.text],
                    stdin=source,
                    stdout=subprocess.DEVNULL if sink is None else sink,
                    stderr=subprocess.PIPE,
                    env=environment(),
                    cwd=nowhere,  # gone before the child looks at the recording
                    start_new_session=True,  # an interrupt from the terminal is for the server, which ends the child itself
                )
        except OSError as exc:
            raise EngineUnreachable("The process that decodes recordings cannot be started.", "Try again in a while.") from exc

    def read(self) -> bytes:
        """See `Running`."""
        assert self._process.stderr is not None  # noqa: S101 - for the type checker: it was asked for as a pipe
        return os.read(self._process.stderr.fileno(), 65_536)

    def close(self) -> None:
        """See `Running`."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def environment() -> dict[str, str]:
    """Nothing; but Windows starts no program without its SYSTEMROOT."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if sys.platform == "win32" and name in os.environ}


def run(
    running: Running,
    *,
    hear: Callable[[Report], float],
    check: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Follow a child to its end.

    Args:
        running: Closed in every case.
        hear: Takes each report in; answers the seconds of sound decoded so far.
        check: Called at least 10 times a second; what it raises kills the child and passes.
        clock: Seconds.

    Returns:
        Its last report, or one that says why there is none (`died`, `too_slow`, or `vanished` when its reports end).
    """
    reports: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(running, reports), name="decode-reports", daemon=True)
    began = clock()
    decoded_s, rest = 0.0, b""
    try:
        _start(listener)
        while True:
            check()
            if clock() - began > WALL_S + WALL_SHARE * decoded_s:
                return {"refused": "too_slow"}
            try:
                data = reports.get(timeout=TICK_S)
            except queue.Empty:
                continue
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                return {"refused": "died"}
            for report in map(_parsed, lines):
                if report.keys() & {"done", "refused"} or ("facts" in report and "track" not in report):
                    return report
                decoded_s = hear(report)
            if not data:
                return {"refused": "vanished"}
    finally:
        running.close()
        if listener.ident is not None:  # it was started
            listener.join()


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as exc:
        raise EngineUnreachable("No thread can be started to follow the decoding of a recording.", "Try again in a while.") from exc


def _listen(running: Running, reports: queue.SimpleQueue[bytes]) -> None:
    """Hand bytes over as they come; empty ones are the end."""
    data = b"."
    while data:
        try:
            data = running.read()
        except OSError:
            data = b""
        reports.put(data)


def _parsed(line: bytes) -> Report:
    """A report, or one that says that the child is no longer ours."""
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return {"refused": "died"}
    return report if isinstance(report, dict) else {"refused": "died"}
