"""Rows of a batch through a running server, against a bare loop over the same texts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.rig import ROOT, scratch_folder, server
from tests.fakes.google import FakeGoogle, speak
from tests.speech.prose import prose
from utils import services
from utils.settings import Settings
from utils.speech.contract import SpeechRequest
from utils.speech.table.rows import Template
from utils.workflows import batches, bulk

ESPEAK_ROWS, ESPEAK_CHARS = 200, 80
GOOGLE_ROWS, GOOGLE_CHARS = 300, 12  # vocabulary: each row is one request, however short
LIBRARY_ROWS = 24  # of them spoken by the library's own loop, whose time grows exactly with the rows
ANSWER_AFTER_S = 0.2
WORKERS = 16
SUBMIT_ROWS = 1000
ROUNDS = 3
KEY = "benchmark-secret-key"


@dataclass(frozen=True)
class Stage:
    """A running server seen through the workflows."""

    services: services.Services
    session: str

    def submit(self, texts: list[str], engine: str) -> str:
        """Start a batch; the id of it."""
        upload = bulk.Upload("rows.txt", "\n".join(texts).encode("utf-8"))
        wanted = bulk.Wanted(Template(SpeechRequest("", engine=engine)), paragraphs=False)
        return bulk.start(self.services, self.session, upload, wanted).id

    def spoken_s(self, texts: list[str], engine: str) -> float:
        """Seconds from the start of a batch to its end."""
        began = time.perf_counter()
        job_id = self.submit(texts, engine)
        status = self.services.jobs.wait(self.session, job_id, 600)
        took_s = time.perf_counter() - began
        counts = batches.view(self.services, self.session, job_id).counts
        if status.state != "done" or counts["done"] != len(texts):
            raise RuntimeError(f"the batch ended as {status.state}: {counts}")
        return took_s

    def cancel_all(self) -> None:
        """Stop what is open and wait for its end."""
        for job in self.services.jobs.of_session(self.session, open_only=True):
            self.services.jobs.cancel(self.session, job.id)
            self.services.jobs.wait(self.session, job.id, 30)


@contextmanager
def stage(folder: Path, **env: str) -> Iterator[Stage]:
    """A server, warm."""
    outputs = folder / "outputs"
    with server(outputs, env={"SECRET_KEY": KEY, **env}):
        settings = Settings.load({"OUTPUTS_DIR": str(outputs), "SECRET_KEY": KEY, "TTS_ENGINE": "espeak", **env})
        built = services.build(settings)
        made = Stage(built, built.sessions.create_session())
        made.spoken_s(["Warm up."], "espeak" if "GTTS_ENDPOINT" not in env else "gtts")
        yield made


def run() -> list[Figure]:
    """Rows of eSpeak, rows of Google, and the start of a large batch."""
    return [_espeak(), _google(), _submit()]


def _espeak() -> Figure:
    texts = [prose(ESPEAK_CHARS, seed=number) for number in range(ESPEAK_ROWS)]
    mine, bare = [], []
    with scratch_folder() as folder, stage(folder) as ready:
        (folder / "texts").write_text("\n".join(texts), "utf-8")
        for _ in range(ROUNDS):
            mine.append(ready.spoken_s(texts, "espeak"))
            bare.append(_bare(folder))
    detail = f"{ESPEAK_ROWS} rows: {min(mine):.2f} against {min(bare):.2f} s, best of {ROUNDS}, {_load()}"
    return Figure("eSpeak rows of a batch against a bare eSpeak + MP3 loop", min(bare) / min(mine), 1.7, False, " x", detail)


def _bare(folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.bare_rows", str(folder / "texts"), str(folder)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _google() -> Figure:
    texts = [prose(GOOGLE_CHARS, seed=number) for number in range(GOOGLE_ROWS)]
    mine = []
    with scratch_folder() as folder, FakeGoogle() as google, stage(folder, **_google_env(google.url)) as ready:
        for text in texts:
            speak(text)  # the stand-in makes each of its tones once; that is not what is measured
        google.delay_s = ANSWER_AFTER_S
        for number in range(ROUNDS):  # other texts each time: none comes from the cache
            mine.append(ready.spoken_s([f"{number}. {text}" for text in texts], "gtts"))
        library_s = _library(texts[:LIBRARY_ROWS], google.url, folder) / LIBRARY_ROWS * GOOGLE_ROWS
    rows = f"{GOOGLE_ROWS} rows of {GOOGLE_CHARS} characters"
    detail = f"{rows}: {min(mine):.2f} against {library_s:.1f} s, {WORKERS} workers, best of {ROUNDS}, {_load()}"
    return Figure("gTTS rows of a batch against the library's own loop", library_s / min(mine), 10.0, False, " x", detail)


def _google_env(url: str) -> Mapping[str, str]:
    return {"GTTS_ENDPOINT": url, "GTTS_WORKERS": str(WORKERS), "GTTS_REQUESTS_PER_SECOND": "1000", "TTS_ENGINE": "auto"}


def _library(texts: list[str], url: str, folder: Path) -> float:
    """Seconds that the library takes, one text after the other."""
    import gtts.tts
    from gtts import gTTS

    original = gtts.tts._translate_url
    gtts.tts._translate_url = lambda tld="com", path="": f"{url}/{path}"
    try:
        began = time.perf_counter()
        for number, text in enumerate(texts):
            gTTS(text).save(str(folder / f"{number}.mp3"))
        return time.perf_counter() - began
    finally:
        gtts.tts._translate_url = original


def _submit() -> Figure:
    texts = [prose(ESPEAK_CHARS, seed=number) for number in range(SUBMIT_ROWS)]
    times = []
    with scratch_folder() as folder, stage(folder) as ready:
        for number in range(ROUNDS):
            began = time.perf_counter()
            ready.submit([f"{number}. {text}" for text in texts], "espeak")  # other texts each time: no remembered check
            times.append(time.perf_counter() - began)
            ready.cancel_all()
    detail = f"read, checked, planned and queued; best of {ROUNDS}, {_load()}"
    return Figure(f"start of a batch of {SUBMIT_ROWS:,} rows", min(times), 1.0, unit=" s", detail=detail)


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"
