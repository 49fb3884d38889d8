"""Jobs whose course a test decides: queued, running and over when the test says so. The sessions and their files are real."""

from __future__ import annotations

import json
import math
import struct
import wave
from dataclasses import replace
from io import BytesIO
from typing import Any

from utils.errors import AppError, Conflict, NotFound
from utils.jobs.contract import JobStatus, NewJob
from utils.session_manager import SessionManager
from utils.storage.item import ItemFile

RATE_HZ = 8000


def tone(seconds: float) -> bytes:
    """A WAV file with a tone that swells and fades like syllables."""
    count = int(seconds * RATE_HZ)
    swell = (abs(math.sin(i / RATE_HZ * 4.1)) * (0.4 + 0.6 * abs(math.sin(i / RATE_HZ * 0.9))) for i in range(count))
    samples = [int(9000 * s * math.sin(i * 0.17)) for i, s in enumerate(swell)]
    out = BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(struct.pack(f"<{count}h", *samples))
    return out.getvalue()


class StageJobs:
    """Implements utils.jobs.contract.Jobs."""

    def __init__(self, sessions: SessionManager) -> None:
        self.sessions = sessions
        self.jobs: dict[str, JobStatus] = {}
        self.asked: list[NewJob] = []

    def submit(self, session_id: str, job: NewJob) -> JobStatus:
        self.asked.append(job)
        item = self.sessions.create_item(session_id, folder=job.folder, kind=job.item_kind, title=job.title, request=job.request)
        now = self.sessions.clock()
        status = JobStatus(item.id, session_id, job.kind, "queued", item.title, position=1, submitted_at=now)
        self.jobs[item.id] = status
        return status

    def status(self, session_id: str, job_id: str) -> JobStatus:
        job = self.jobs.get(job_id)
        if job is None or job.session_id != session_id:
            raise NotFound("There is no such work.")
        return job

    def of_session(self, session_id: str, *, open_only: bool = False) -> list[JobStatus]:
        mine = [job for job in self.jobs.values() if job.session_id == session_id and (job.is_open or not open_only)]
        return sorted(mine, key=lambda job: job.submitted_at, reverse=True)

    def cancel(self, session_id: str, job_id: str) -> JobStatus:
        if not self.status(session_id, job_id).is_open:
            raise Conflict("This work is over already.")
        return self.change(job_id, state="cancelled")

    def retry(self, session_id: str, job_id: str) -> JobStatus:
        if self.status(session_id, job_id).is_open:
            raise Conflict("This work is not over yet.")
        return self.change(job_id, state="queued", error=None)

    def is_open(self, session_id: str, job_id: str) -> bool:
        job = self.jobs.get(job_id)
        return job is not None and job.session_id == session_id and job.is_open

    def wait(self, session_id: str, job_id: str, timeout_s: float) -> JobStatus:
        return self.status(session_id, job_id)

    # ---- what a test decides

    def change(self, job_id: str, **changes: Any) -> JobStatus:
        """Let the job stand otherwise."""
        self.jobs[job_id] = replace(self.jobs[job_id], **changes)
        return self.jobs[job_id]

    def fail(self, job_id: str, error: AppError) -> None:
        """End the job with an error."""
        self.change(job_id, state="failed", error=error.as_dict())

    def finish(self, job_id: str, *, seconds: float = 2.0, extra_bytes: int = 0, **result: Any) -> None:
        """End the job well: sound, subtitles and facts are in the item."""
        job = self.jobs[job_id]
        item = self.sessions.get_item(job.session_id, job_id)
        words = str(item.request.get("text", "")).split() or ["Sample"]
        step = seconds / len(words)
        facts = {
            "seconds": seconds,
            "peaks": [int(100 * abs(math.sin(i / 7) * math.sin(i / 31 + 1))) for i in range(400)],
            "words": [[round(i * step, 3), round((i + 1) * step, 3), word] for i, word in enumerate(words)],
        }
        made = {
            "speech.wav": (tone(seconds) + bytes(extra_bytes), "audio/wav", "audio"),
            "speech.srt": (b"1\n00:00:00,000 --> 00:00:02,000\nHello\n", "application/x-subrip", "subtitles"),
            "speech.vtt": (b"WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n", "text/vtt", "subtitles"),
            "player.json": (json.dumps(facts).encode(), "application/json", "peaks"),
        }
        for name, (data, _, _) in made.items():
            self.sessions.write_file(job.session_id, job_id, name, data)
        files = tuple(ItemFile(name, media_type, len(data), role) for name, (data, media_type, role) in made.items())
        told = {"seconds": seconds, "engine": "espeak", "engine_label": "eSpeak NG", "voice_name": "English (America)"}
        told |= {"language": str(item.request.get("language", "en-US")), "fallback": ""} | result
        self.sessions.update_item(job.session_id, job_id, result=told, files=files)
        self.change(job_id, state="done", progress=1.0)
