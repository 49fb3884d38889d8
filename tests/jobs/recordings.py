"""Recordings for the tests of jobs and workflows: made of sentences, uploaded as a page would, transcribed here or by workers."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.jobs.listening import LENGTHS, kinds
from tests.jobs.rig import QUICK, Rig
from tests.transcription.clips import clip
from utils.jobs.contract import JobStatus
from utils.jobs.file_jobs import FileJobs
from utils.jobs.queue import Queue
from utils.jobs.runner import Runner, Timing
from utils.jobs.supervise import Supervisor
from utils.jobs.transcribe_files import current
from utils.services import Services
from utils.storage.item import Item
from utils.transcription.contract import RATE_HZ, Transcript, TranscriptionRequest
from utils.workflows import transcribe, uploads

SENTENCES = (  # their lengths differ by a fifth of a second and more
    "Good night.",
    "Close the door.",
    "No, thank you.",
    "The weather is hot today.",
    "Turn off the radio in the office.",
    "Can I get a small latte with milk?",
    "I'd like an iced coffee with some cream.",
)
PAUSE_S = 1.2
WORKER = (sys.executable, "-m", "tests.jobs.listening", "transcribe")


def lengths() -> dict[str, float]:
    """Seconds of the sentences; all are different enough to be told apart."""
    return {text: clip(text).seconds for text in SENTENCES}


def sentences(count: int, seed: int = 1) -> list[str]:
    """So many, drawn."""
    dice = random.Random(seed)
    return [dice.choice(SENTENCES) for _ in range(count)]


def spoken(texts: Sequence[str], *, rate_hz: int = RATE_HZ) -> bytes:
    """A WAV file of sentences with pauses."""
    pause = np.zeros(int(PAUSE_S * RATE_HZ), np.float32)
    parts = [part for text in texts for part in (clip(text).samples, pause)]
    samples = np.concatenate([pause, *parts]) if parts else pause
    return wav((np.clip(samples, -1, 1) * 32_767).astype("<i2"), rate_hz)


def wav(samples: Any, rate_hz: int = RATE_HZ) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return out.getvalue()


class Recordings(Rig):
    """A deployment with the pool of transcriptions, its workflows and a worker whose engine is quick."""

    def __init__(self, folder: Path, *, timing: Timing = QUICK, **limits: int) -> None:
        super().__init__(folder, timing=timing)
        self.queue.close()
        self.known = kinds(lengths())
        self.queue = Queue("", self.settings.queue_dir, ("speech", "transcribe"))
        self.jobs = FileJobs(self.journal, self.queue, self.known, self.rates, slots={"transcribe": 1}, **limits)
        self.services = Services(self.settings, self.sessions, self.jobs, {}, Supervisor(self.settings, []))

    def upload(self, data: bytes, name: str = "interview.wav", session: str = "") -> Item:
        """As a page does it."""
        with uploads.receive(self.services, session or self.session, name, len(data)) as upload:
            upload.write(data)
            return upload.finish()

    def start(self, data: bytes, session: str = "", **request: Any) -> str:  # type: ignore[override]
        """Upload a recording and start its transcription; the id of it."""
        item = self.upload(data, session=session)
        return transcribe.start(self.services, session or self.session, [item.id], TranscriptionRequest(**request))[0].id

    def transcriber(self) -> Runner:
        """A runner in this process, with a beating heart."""
        return self.runner(self.known)

    def run(self, job_id: str, session: str = "") -> JobStatus:
        """One attempt in this process."""
        self.transcriber()(str(self.name(job_id, session)))
        return self.jobs.status(session or self.session, job_id)

    def done(self, data: bytes, **request: Any) -> Item:
        """Transcribe well in this process; the item."""
        job_id = self.start(data, **request)
        status = self.run(job_id)
        assert (status.state, status.error) == ("done", None)
        return self.item(job_id)

    def item(self, job_id: str, session: str = "") -> Item:
        return self.sessions.get_item(session or self.session, job_id)

    def transcript(self, job_id: str) -> Transcript:
        text = current(self.item(job_id))
        assert text is not None
        return Transcript.from_dict(json.loads((self.home(job_id) / text.name).read_bytes()))

    def heard(self, job_id: str) -> list[str]:
        """The sentences of a transcript."""
        return [segment.text for segment in self.transcript(job_id).segments]

    def real_worker(self) -> subprocess.Popen[bytes]:
        """A worker process that may be killed."""
        return Rig.start(self, WORKER, **{LENGTHS: json.dumps(lengths())})

    def unfinished(self, job_id: str) -> list[str]:
        """What is in the item's folder and is neither listed nor a record or a correction."""
        names = {path.name for path in self.home(job_id).iterdir()}
        listed = {file.name for file in self.item(job_id).files}
        return sorted(names - listed - {"item.json", "job.json"})


@contextmanager
def recordings_in(folder: Path, **options: Any) -> Iterator[Recordings]:
    """A rig that is always taken down."""
    os.makedirs(folder, exist_ok=True)
    rig = Recordings(folder, **options)
    try:
        yield rig
    finally:
        rig.close()
