"""What the benchmarks share: prose, a server as a child process, its memory and CPU seen from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder for one benchmark."""
    with tempfile.TemporaryDirectory(prefix="sotto-bench-") as folder:
        yield Path(folder)


def free_port() -> int:
    """A port on loopback that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), dict(refused.headers)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: `http://127.0.0.1:<port>`.
        process: The web process; workers are its children.
        started_in_s: From the start of the process to the first 200 of the health route.
    """

    url: str
    process: psutil.Process
    started_in_s: float

    def cpu_s(self, *, workers: bool = False) -> float:
        """CPU seconds used so far, by the web process alone or with its workers."""
        family = [self.process, *self.process.children(recursive=True)] if workers else [self.process]
        return sum(sum(one.cpu_times()[:2]) for one in family)

    def rss_mb(self) -> float:
        """Resident memory of the web process."""
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def server(
    outputs: Path,
    *,
    app: str = "app:app",
    cwd: Path = ROOT,
    health: str = "/healthz",
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Server]:
    """Start `uvicorn <app>` and stop it at the end; what it prints goes to `log` if that is given."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    child_env = {**os.environ, "OUTPUTS_DIR": str(outputs), "TTS_ENGINE": "espeak", **(env or {})}
    began = time.perf_counter()
    printed = None if log is None else log.open("ab")
    child = subprocess.Popen(command, cwd=cwd, env=child_env, stdout=printed, stderr=printed)
    if printed is not None:
        printed.close()
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if get(url + health)[0] == 200:
                    break
            except OSError:
                pass
            if child.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError("the server did not start")
            time.sleep(0.005)
        yield Server(url, psutil.Process(child.pid), time.perf_counter() - began)
    finally:
        child.terminate()
        child.wait(30)
