"""A scratch deployment for the tests: outputs folder, queue, jobs, and worker processes that the tests may kill."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.jobs.made_up import KINDS, TIMING
from tests.ports import Port
from utils.jobs.contract import JobStatus, NewJob
from utils.jobs.file_jobs import FileJobs
from utils.jobs.journal import Journal
from utils.jobs.kinds import Kind
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName, Record
from utils.jobs.runner import Runner, Timing
from utils.jobs.supervise import Supervisor, environment
from utils.session_manager import SessionManager
from utils.settings import Settings

QUICK = Timing(lease_s=1.0, tend_s=0.2, slice_s=0.3, grace_s=0.5, retry_s=0.2, settle_s=(0.05,))
WORKER = (sys.executable, "-m", "tests.jobs.made_up")
SERVER = (sys.executable, "-m", "tests.jobs.server")


def until(condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """Wait for something to become true, and return it; fail loudly when it does not."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s: {condition}")


class Rig:
    """One outputs folder, and everything that works on it."""

    def __init__(self, folder: Path, *, url: str = "", timing: Timing = QUICK, threads: int = 4, **limits: int) -> None:
        self.settings = Settings(outputs_dir=folder / "outputs", jobs_url=url, speech_workers=threads)
        self.timing = timing
        self.sessions = SessionManager.from_settings(self.settings)
        self.journal = Journal(self.sessions, lease_s=timing.lease_s, machine="here", marker_grace_s=0.3)
        self.queue = Queue(url, self.settings.queue_dir, ("speech",))
        self.rates = Rates(self.settings.queue_dir / "rates.json")
        self.jobs = FileJobs(self.journal, self.queue, KINDS, self.rates, slots={"speech": threads}, **limits)
        self.session = self.sessions.create_session()
        self.log = folder / "log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._supervisors: list[Supervisor] = []

    # ---- jobs

    def put(self, kind: str, session: str = "", **request: Any) -> str:
        """Submit a job; the id of it."""
        return self.jobs.submit(session or self.session, self.new(kind, **request)).id

    def new(self, kind: str, item_id: str | None = None, **request: Any) -> NewJob:
        return NewJob(kind, "Title", "speech", request, item_id=item_id)

    def end(self, job_id: str, session: str = "", timeout_s: float = 120.0) -> JobStatus:
        """Wait for the end of a job."""
        status = self.jobs.wait(session or self.session, job_id, timeout_s)
        assert not status.is_open, f"{status}\n{self.log_text()[-4000:]}"
        return status

    def state(self, job_id: str, session: str = "") -> str:
        return self.jobs.status(session or self.session, job_id).state

    def name(self, job_id: str, session: str = "") -> JobName:
        return JobName(session or self.session, job_id)

    def record(self, job_id: str, session: str = "") -> Record:
        return self.journal.read(self.name(job_id, session))

    def home(self, job_id: str, session: str = "") -> Path:
        return self.sessions.item_path(session or self.session, job_id)

    def leftovers(self, job_id: str) -> list[str]:
        """What is in the item's folder and neither finished nor the two records."""
        names = {path.name for path in self.home(job_id).iterdir()}
        finished = {file.name for file in self.sessions.get_item(self.session, job_id).files}
        return sorted(names - finished - {"item.json", "job.json", "computed.log"})

    def runner(self, kinds: Mapping[str, Kind] = KINDS) -> Runner:
        """A runner in this process, with a beating heart."""
        runner = self.runner_without_heart(kinds)
        runner.heart.start()
        return runner

    def runner_without_heart(self, kinds: Mapping[str, Kind] = KINDS) -> Runner:
        """The same without a thread, for work that is quicker than its lease."""
        return Runner(self.journal, self.queue, kinds, self.rates, self.settings, self.timing)

    # ---- processes

    def environment(self, **more: str) -> dict[str, str]:
        return environment(self.settings) | {TIMING: json.dumps(asdict(self.timing))} | more

    def worker(self, **more: str) -> subprocess.Popen[bytes]:
        """A worker of its own, as on another machine."""
        return self.start((*WORKER, "speech"), **more)

    def server(self) -> subprocess.Popen[bytes]:
        """A stand-in for the web server: a process whose supervisor keeps a worker alive."""
        return self.start(SERVER)

    def supervisor(self, **options: float) -> Supervisor:
        """A supervisor in this process."""
        os.environ[TIMING] = json.dumps(asdict(self.timing))
        supervisor = Supervisor(self.settings, ["speech"], command=WORKER, max_pause_s=0.5, **options)
        supervisor.start()
        self._supervisors.append(supervisor)
        return supervisor

    def start(self, command: tuple[str, ...], **more: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment(**more), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._processes.append(process)
        return process

    def workers_of(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Worker processes that a stand-in server has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child for child in psutil.Process(process.pid).children() if child.status() != psutil.STATUS_ZOMBIE]
        return []

    def log_text(self) -> str:
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def close(self) -> None:
        """End everything that was started."""
        for supervisor in self._supervisors:
            supervisor.stop(1.0)
        os.environ.pop(TIMING, None)
        self.queue.close()
        for process in self._processes:
            children = self.workers_of(process)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()


class RedisServer:
    """A redis-server of our own on a free loopback port, without persistence."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("redis-server"):
            if os.environ.get("CI") == "true":
                pytest.fail("redis-server is not installed")
            pytest.skip("redis-server is not installed")
        self._port = Port()
        self._folder = folder
        self.url = f"redis://127.0.0.1:{self._port.number}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self._port.number), "--dir", str(self._folder)]
        self._process = subprocess.Popen([*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port.number), 0.5):
            return True
        return False

    def kill(self) -> None:
        """Everything that was queued is gone."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Not to be started again."""
        self.kill()
        self._port.close()


@contextlib.contextmanager
def rig_in(folder: Path, **options: Any) -> Iterator[Rig]:
    """A rig that is always taken down."""
    rig = Rig(folder, **options)
    try:
        yield rig
    finally:
        rig.close()
