"""eSpeak from text to a stored MP3 against eSpeak and an encoder in one bare process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.local_run import LocalRun
from benchmarks.rig import ROOT, scratch_folder
from tests.speech.prose import prose
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.choose import Chooser
from utils.speech.contract import SpeechRequest
from utils.speech.engines import build
from utils.speech.synthesize import synthesize

ROUNDS = 5


def run() -> list[Figure]:
    """Alternate between the two and compare the best of each."""
    text = prose(5_000, seed=3, paragraphs=True)
    with scratch_folder() as folder:
        (folder / "text.txt").write_text(text, "utf-8")
        sessions = SessionManager(folder / "outputs", secret_key="benchmark-secret-key")
        session = sessions.create_session()
        chooser = Chooser(build(Settings(tts_engine="espeak")), default="espeak")
        _store(sessions, session, chooser, "Warm up.")
        mine, bare = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            _store(sessions, session, chooser, text)
            mine.append(time.perf_counter() - began)
            bare.append(_bare(folder))
    detail = f"{min(mine):.2f} against {min(bare):.2f} s, best of {ROUNDS}"
    return [
        Figure(
            "eSpeak end to end, 5,000 characters, against bare eSpeak + MP3", min(mine) / min(bare), 1.3, unit=" x", detail=detail
        )
    ]


def _store(sessions: SessionManager, session: str, chooser: Chooser, text: str) -> None:
    request = SpeechRequest(text, engine="espeak")
    item = sessions.create_item(session, folder="single", kind="speech", title="Benchmark", request=request.as_dict())
    with sessions.scratch(session, item.id) as scratch:
        made = synthesize(request, chooser=chooser, folder=scratch, stem="speech", run=LocalRun())
        for name, _ in made.files:
            sessions.publish(session, item.id, scratch / name, name)
    sessions.update_item(session, item.id, result=made.as_dict())


def _bare(folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.bare_espeak", str(folder / "text.txt"), str(folder), "2"]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
