"""The real server in a process of its own, as the README starts it, on a free port and an empty outputs folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import Port

ROOT = Path(__file__).resolve().parents[2]
UNREACHABLE = "http://127.0.0.1:9"  # the discard port: nobody listens, the refusal comes at once
COMMANDS = {
    "streamlit": ["-m", "streamlit", "run", "app.py", "--server.port"],
    "uvicorn": ["-m", "uvicorn", "app:app", "--no-access-log", "--port"],
}
START_S = 180.0  # only a guard


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: Without a slash at the end.
        outputs: Where it keeps what people make.
        process: Its process; workers are children of it.
    """

    url: str
    outputs: Path
    process: subprocess.Popen[bytes]


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=30) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running(command: str, folder: Path, **settings: str) -> Iterator[Server]:
    """Start the server, wait until it is healthy, and end it with all its workers.

    Args:
        command: A key of COMMANDS.
        folder: For outputs and the log.
        settings: Environment variables on top of those that keep it from the outside world.
    """
    outputs = folder / "outputs"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMLIT_", "GTTS_", "TTS_"))}
    # Without captions, whose worker would measure the machine.
    usual = {"GTTS_ENDPOINT": UNREACHABLE, "SPEECH_WORKERS": "2", "LIVE_WORKERS": "0", "JOBS_URL": ""}
    wanted = {"OUTPUTS_DIR": str(outputs)} | usual | settings
    with (folder / "server.log").open("wb") as log, Port() as port:
        url, called = f"http://localhost:{port.number}", [sys.executable, *COMMANDS[command], str(port.number)]
        process = subprocess.Popen(called, cwd=ROOT, env=clean | wanted, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_S
            while not _is_up(url):
                said = (folder / "server.log").read_text("utf-8", "replace")
                assert process.poll() is None, f"the server ended: {said[-2000:]}"
                assert time.monotonic() < deadline, f"the server did not become healthy: {said[-2000:]}"
                time.sleep(0.05)
            yield Server(url, outputs, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
