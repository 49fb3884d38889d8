"""The server's side: workers are started, replaced when they die or freeze, and ended; and what they are handed."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from tests.jobs.rig import Rig, until
from utils.jobs import build_jobs
from utils.jobs.machine import Machine, Sign, hold_lock, live_workers, tidy
from utils.jobs.supervise import Supervisor, environment
from utils.session_manager import SessionManager
from utils.settings import Settings


def test_environment_makes_a_child_load_the_same_settings(tmp_path: Path) -> None:
    given = Settings(
        outputs_dir=tmp_path / "out puts",
        secret_key="0123456789abcdef",
        gtts_requests_per_second=0.5,
        hf_hub_offline=True,
        speech_workers=2,
        jobs_url="redis://127.0.0.1:1/0",
    )
    environ = environment(given, {"SPEECH_WORKERS": "9", "TTS_ENGINE": "gtts", "PYTHONPATH": "/elsewhere"})
    assert Settings.load(environ, tmp_path / "none.env") == given
    assert environ["PYTHONPATH"].endswith("/elsewhere")
    assert Settings.load(environment(Settings(), {}), tmp_path / "none.env") == dataclasses.replace(
        Settings(), outputs_dir=Path("outputs").resolve()
    )


def test_environment_wins_over_a_dotenv_file_beside_the_child(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SPEECH_WORKERS=9\nGTTS_ENDPOINT=http://127.0.0.1:1\n")
    loaded = Settings.load(environment(Settings(outputs_dir=tmp_path), {}), tmp_path / ".env")
    assert loaded == Settings(outputs_dir=tmp_path)


def test_build_jobs_opens_and_starts_nothing(tmp_path: Path) -> None:
    settings = Settings(outputs_dir=tmp_path, transcribe_workers=1)
    jobs, supervisor = build_jobs(settings, SessionManager.from_settings(settings))
    assert supervisor.pools == ("live", "speech", "transcribe")
    assert supervisor.alive() == {}
    assert not settings.queue_dir.exists()
    _, none = build_jobs(dataclasses.replace(settings, speech_workers=0, transcribe_workers=0, live_workers=0), jobs._sessions)
    assert none.pools == ()


def test_supervisor_dead_worker_is_replaced_and_the_last_one_ended(rig: Rig) -> None:
    supervisor = rig.supervisor()
    first = until(lambda: supervisor.alive().get("speech"))
    until(lambda: rig.jobs.health().workers["speech"])
    os.kill(first, signal.SIGKILL)
    second = until(lambda: supervisor.alive().get("speech") not in (None, first) and supervisor.alive()["speech"])
    assert rig.end(rig.put("small")).state == "done"
    supervisor.stop()
    assert supervisor.alive() == {}
    assert not psutil.pid_exists(second)


def test_supervisor_running_job_is_handed_back_at_the_stop(rig: Rig) -> None:
    supervisor = rig.supervisor()
    job_id = rig.put("steps", steps=200, seconds=0.05)
    until(lambda: rig.state(job_id) == "running")
    supervisor.stop()
    assert (rig.record(job_id)["state"], rig.record(job_id)["handed_back"]) == ("queued", 1)
    supervisor.stop()  # once more does no harm


def test_supervisor_worker_that_cannot_start_is_tried_with_growing_pauses(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    script = f"open({str(starts)!r}, 'a').write('x'); raise SystemExit(1)"
    supervisor = Supervisor(Settings(outputs_dir=tmp_path), ["speech"], command=(sys.executable, "-c", script))
    supervisor.start()
    until(lambda: starts.exists() and len(starts.read_text()) >= 3)
    assert supervisor._children["speech"].pause_s >= 1.0
    supervisor.stop()


def test_supervisor_frozen_worker_is_replaced(rig: Rig) -> None:
    supervisor = rig.supervisor(frozen_s=1.0)
    first = until(lambda: supervisor.alive().get("speech"))
    until(lambda: live_workers(rig.settings.queue_dir, "speech", 20.0, rig.journal.now()))
    os.kill(first, signal.SIGSTOP)
    until(lambda: supervisor.alive().get("speech") not in (None, first))
    assert rig.end(rig.put("small")).state == "done"


def test_lock_is_held_by_one_and_freed_by_death(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    code = "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    code += "c.execute('begin exclusive'); print('held', flush=True); time.sleep(60)"
    path.parent.mkdir()
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    given_up = threading.Event()
    threading.Timer(0.3, given_up.set).start()
    assert hold_lock(path, given_up, 0.05) is None
    threading.Timer(0.3, holder.kill).start()
    held = hold_lock(path, threading.Event(), 0.05)
    assert isinstance(held, sqlite3.Connection)
    held.close()
    holder.wait()
    holder.stdout.close()


def test_lock_lies_in_the_outputs_folder_unless_machines_share_it(tmp_path: Path) -> None:
    alone = Machine.here(tmp_path, "speech", shared=False)
    shared = Machine.here(tmp_path, "speech", shared=True)
    assert alone.lock.is_relative_to(tmp_path)
    assert alone.is_only_one
    assert not shared.lock.is_relative_to(tmp_path)
    assert not shared.is_only_one
    assert tmp_path.name not in str(shared.lock)
    assert shared.lock != Machine.here(tmp_path, "transcribe", shared=True).lock


def test_signs_count_live_workers_and_old_ones_go(tmp_path: Path) -> None:
    sign = Sign(tmp_path, "speech")
    sign.give()
    (tmp_path / "speech@elsewhere.77.alive").touch()
    old = tmp_path / "speech@dead.78.alive"
    old.touch()
    os.utime(old, (1.0, 1.0))
    now = (tmp_path / "speech@elsewhere.77.alive").stat().st_mtime
    assert live_workers(tmp_path, "speech", 20.0, now) == 2
    assert live_workers(tmp_path, "transcribe", 20.0, now) == 0
    sign.take_back()
    assert live_workers(tmp_path, "speech", 20.0, now) == 1
    tidy(tmp_path)
    assert live_workers(tmp_path, "speech", 20.0, now) == 1
    assert not old.exists()
