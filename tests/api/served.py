"""The real app in a process of its own, as `uvicorn app:app` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.ports import Port

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 180  # only a guard


@dataclass
class Served:
    """A running server.

    Attributes:
        url: Of its root.
        outputs: Its folder.
        log: What it printed so far.
    """

    url: str
    outputs: Path
    log_path: Path
    pid: int

    @property
    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace")

    def client(self, **options: object) -> httpx.Client:
        """A client for it."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, **options)  # type: ignore[arg-type]

    @property
    def sessions(self) -> list[str]:
        """Session folders on disk."""
        return [path.name for path in self.outputs.iterdir() if not path.name.startswith(".")]


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[Served]:
    """Start the app on a free port of the loopback; stop it at the end. No worker of captions: it would measure the machine."""
    outputs = folder / "outputs"
    outputs.mkdir(exist_ok=True)
    usual = {"OUTPUTS_DIR": str(outputs), "TTS_ENGINE": "espeak", "LIVE_WORKERS": "0", "PYTHONWARNINGS": "default"}
    environ = os.environ | usual | settings
    command = [sys.executable, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port"]
    log_path = folder / "server.log"
    with log_path.open("wb") as log, Port() as port:
        command.append(str(port.number))
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            found = Served(f"http://127.0.0.1:{port.number}", outputs, log_path, process.pid)
            wait_until_up(found, process)
            yield found
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_up(found: Served, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_WITHIN_S
    with found.client() as client:
        while time.monotonic() < ends and process.poll() is None:
            try:
                if client.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{found.log}")
