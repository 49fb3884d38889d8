"""The Transcribe page without a browser, over the real services; how its jobs go is decided by the test."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import FRAME, Clock
from tests.pages.stage import StageJobs, tone
from utils.jobs.contract import JobStatus, NewJob
from utils.jobs.transcribe_files import PLAYER, listed, partial_name, result_of, run_of, transcript_data, transcript_name
from utils.services import Services
from utils.storage.item import Item, ItemFile
from utils.transcription.contract import RATE_HZ, Segment, Transcript, Word
from utils.transcription.partial import Partial, WindowResult
from utils.ui.transcribe_fields import key
from utils.workflows import uploads


class HearingJobs(StageJobs):
    """Implements utils.jobs.contract.Jobs; what is heard is said by the test."""

    def submit(self, session_id: str, job: NewJob) -> JobStatus:
        """As StageJobs, for items that have files at once, and for items that are there already."""
        self.asked.append(job)
        if job.item_id:
            item = self.sessions.update_item(session_id, job.item_id, request=job.request)
        else:
            item = self.sessions.create_item(
                session_id,
                folder=job.folder,
                kind=job.item_kind,
                title=job.title,
                request=job.request,
                built=dict(job.built),
                listed=job.listed,
            )
        place = 1 + sum(one.is_open for one in self.jobs.values())
        now = self.sessions.clock()
        self.jobs[item.id] = JobStatus(item.id, session_id, job.kind, "queued", item.title, position=place, submitted_at=now)
        return self.jobs[item.id]

    def hears(self, job_id: str, *texts: str, total_s: float = 60.0, **changes: Any) -> None:
        """The work goes on: its text grows by some segments of two seconds each."""
        job = self.jobs[job_id]
        item = self.sessions.get_item(job.session_id, job_id)
        partial = Partial(self.sessions.item_path(job.session_id, job_id) / partial_name(run_of(item.request)))
        before = partial.windows()
        at = before[-1].next if before else 0
        said = tuple(segment(text, at / RATE_HZ + 2 * n) for n, text in enumerate(texts))
        after = at + 2 * RATE_HZ * len(texts)
        partial.append(WindowResult(at, after, int(total_s * RATE_HZ), said, language="en"))
        told = {"state": "running", "position": 0, "done": after / RATE_HZ, "total": total_s, "progress": after / RATE_HZ / total_s}
        self.change(job_id, **told | changes)

    def heard(self, job_id: str, transcript: Transcript, **result: Any) -> None:
        """The work is done: text and player's facts are in the item."""
        job = self.jobs[job_id]
        item = self.sessions.get_item(job.session_id, job_id)
        run = run_of(item.request)
        data, facts = transcript_data(transcript), json.dumps({"seconds": transcript.seconds, "peaks": [50] * 200, "words": []})
        self.sessions.write_file(job.session_id, job_id, transcript_name(run), data)
        self.sessions.write_file(job.session_id, job_id, PLAYER, facts.encode())
        peaks = ItemFile(PLAYER, "application/json", len(facts), "peaks")
        files = listed(item, transcript_name(run), len(data), more=(peaks,))
        told = result_of(transcript, {"losses": [], "fallback": ""} | result)
        self.sessions.update_item(job.session_id, job_id, result=told, files=files)
        self.change(job_id, state="done", progress=1.0, position=0)


def segment(text: str, at: float, *, sure: float = 0.95, doubt: str = "") -> Segment:
    """Two seconds of text with words of equal length."""
    said = text.split()
    step = 1.8 / max(1, len(said))
    words = tuple(Word(at + n * step, at + (n + 1) * step, (" " if n else "") + word, sure) for n, word in enumerate(said))
    return Segment(at, at + 1.8, text, words, "en", doubt=doubt)


def transcript(*texts: str, **more: Any) -> Transcript:
    """Texts of two seconds each."""
    found = tuple(segment(text, 2.0 * n) for n, text in enumerate(texts))
    made = Transcript(found, "en", 0.98, "whisper", "Whisper base", max(2.0, 2.0 * len(texts)))
    return replace(made, **more)


@dataclass
class TranscribeStage:
    """One browser's view of a server.

    Attributes:
        services: Real sessions, staged jobs.
        jobs: The same jobs, for the test to move.
        session_id: Whose browser.
        clock: The server's.
    """

    services: Services
    jobs: HearingJobs
    session_id: str
    clock: Clock

    def open(self) -> AppTest:
        """A new tab of the browser, on the Transcribe page."""
        page = AppTest.from_file(FRAME, default_timeout=60).run()
        page = page.switch_page("../../pages/transcribe.py").run()
        assert not page.exception
        return page

    def sent(self, name: str = "kitchen.wav", data: bytes = b"") -> Item:
        """A recording that has arrived by the route."""
        self.clock.now += 1
        with uploads.receive(self.services, self.session_id, name) as upload:
            upload.write(data or tone(1.0))
            return upload.finish()

    def started(self, name: str = "kitchen.wav") -> tuple[AppTest, str]:
        """A recording that was sent and started; the page and the job's id."""
        self.sent(name)
        page = press(self.open(), "go")
        return page, self.jobs.of_session(self.session_id, open_only=True)[0].id

    def done(self, made: Transcript, name: str = "kitchen.wav", **result: Any) -> str:
        """A transcript that is ready. Answers its id."""
        self.sent(name)
        press(self.open(), "go")
        job_id = self.jobs.of_session(self.session_id, open_only=True)[0].id
        self.jobs.heard(job_id, made, **result)
        return job_id


def press(page: AppTest, name: str) -> AppTest:
    """Click a button of the page."""
    page.button(key=key(name)).click().run()
    assert not page.exception
    return page


MODEL = Path(__file__).resolve().parents[1] / "assets" / "micro-whisper"
