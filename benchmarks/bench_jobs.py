"""What the job layer adds to a short generation, over calling the engine in place."""

from __future__ import annotations

import os
import statistics
import time

from benchmarks.figure import Figure
from benchmarks.local_run import LocalRun
from benchmarks.rig import scratch_folder, server
from utils.jobs import build_jobs
from utils.jobs.contract import NewJob
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.choose import Chooser
from utils.speech.contract import SpeechRequest
from utils.speech.engines import build
from utils.speech.synthesize import synthesize

ROUNDS = 30
TEXT = "Good morning. The meeting is on Friday."


def run() -> list[Figure]:
    """Take turns: once as a job of a running server, once in place."""
    key = "benchmark-secret-key"
    request = SpeechRequest(TEXT, engine="espeak")
    with scratch_folder() as folder, server(folder / "outputs", env={"SECRET_KEY": key}):
        settings = Settings(outputs_dir=folder / "outputs", secret_key=key, tts_engine="espeak")
        sessions = SessionManager.from_settings(settings)
        jobs, _ = build_jobs(settings, sessions)
        session = sessions.create_session()
        chooser = Chooser(build(settings), default="espeak")
        as_job, in_place = [], []
        for _ in range(ROUNDS + 3):
            began = time.perf_counter()
            status = jobs.submit(session, NewJob("speech", "Benchmark", "speech", request.as_dict()))
            status = jobs.wait(session, status.id, 30)
            as_job.append(time.perf_counter() - began)
            if status.state != "done":
                raise RuntimeError(f"the job ended as {status.state}")
            began = time.perf_counter()
            item = sessions.create_item(session, folder="single", kind="speech", title="Benchmark", request=request.as_dict())
            with sessions.scratch(session, item.id) as scratch:
                made = synthesize(request, chooser=chooser, folder=scratch, stem="speech", run=LocalRun())
                for name, _ in made.files:
                    sessions.publish(session, item.id, scratch / name, name)
            sessions.update_item(session, item.id, result=made.as_dict())
            in_place.append(time.perf_counter() - began)
    job_ms, place_ms = (statistics.median(times[3:]) * 1000 for times in (as_job, in_place))
    detail = f"{job_ms:.0f} against {place_ms:.0f} ms, {ROUNDS} in turn, load {os.getloadavg()[0]:.1f}"
    return [Figure("latency added by the job layer, median", job_ms - place_ms, 20, unit=" ms", detail=detail)]
