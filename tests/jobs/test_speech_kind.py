"""The kinds "speech" and "sample" in the real worker process, as the server starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.jobs.rig import until
from utils.errors import Conflict
from utils.jobs import build_jobs
from utils.jobs.contract import NewJob
from utils.jobs.file_jobs import FileJobs
from utils.jobs.kinds import KINDS, pools_of
from utils.jobs.speech_kind import media_type_of
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.contract import SpeechRequest


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SessionManager, FileJobs]]:
    settings = Settings(outputs_dir=tmp_path_factory.mktemp("deployment") / "outputs", tts_engine="espeak", max_text_chars=200)
    sessions = SessionManager.from_settings(settings)
    jobs, supervisor = build_jobs(settings, sessions)
    supervisor.start()
    with closing(jobs):
        yield sessions, jobs
        supervisor.stop()


@pytest.mark.parametrize("kind", ["speech", "sample"])
def test_speech_is_spoken_and_published(served: tuple[SessionManager, FileJobs], kind: str) -> None:
    sessions, jobs = served
    session = sessions.create_session()
    request = SpeechRequest(text="Good morning to you.", format="wav")
    job = jobs.wait(session, jobs.submit(session, NewJob(kind, "Hello", kind, request.as_dict())).id, 60)
    assert (job.state, job.error, job.progress) == ("done", None, 1.0)
    item = sessions.get_item(session, job.id)
    assert (item.files[0].role, item.files[0].media_type) == ("audio", "audio/wav")
    assert {file.name for file in item.files} >= {"speech.wav", "speech.srt", "speech.vtt", "player.json"}
    assert item.result["engine"] == "espeak"
    for file in item.files:
        assert sessions.file_path(session, job.id, file.name).stat().st_size == file.size_bytes > 0


def test_speech_that_cannot_be_spoken_fails_with_its_sentence(served: tuple[SessionManager, FileJobs]) -> None:
    sessions, jobs = served
    session = sessions.create_session()
    request = SpeechRequest(text="word " * 100)
    job = jobs.wait(session, jobs.submit(session, NewJob("speech", "Long", "speech", request.as_dict())).id, 60)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "text_too_long"
    assert sessions.get_item(session, job.id).files == ()


def test_speech_cancelled_stops_soon(served: tuple[SessionManager, FileJobs]) -> None:
    sessions, jobs = served
    session = sessions.create_session()
    request = SpeechRequest(text="Good morning to you all. " * 8)
    ids = [jobs.submit(session, NewJob("speech", "T", "speech", request.as_dict())).id for _ in range(12)]
    until(lambda: any(job.state == "running" for job in jobs.of_session(session)))
    for job in jobs.of_session(session, open_only=True):
        with suppress(Conflict):  # over in this moment
            jobs.cancel(session, job.id)
    states = {jobs.wait(session, job_id, 60.0).state for job_id in ids}
    assert states <= {"done", "cancelled"}
    assert "cancelled" in states


def test_media_type_comes_from_our_own_map() -> None:
    assert media_type_of("speech.mp3") == "audio/mpeg"
    assert media_type_of("speech.vtt") == "text/vtt"


def test_worker_wrong_setting_is_told_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "utils.jobs.worker", "speech"]
    environ = os.environ | {"SPEECH_WORKERS": "many", "OUTPUTS_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("The setting SPEECH_WORKERS is 'many'")
    assert list(tmp_path.iterdir()) == []


def test_kinds_need_only_pools_that_have_settings() -> None:
    assert set(pools_of(KINDS)) <= {"speech", "transcribe", "live"}
