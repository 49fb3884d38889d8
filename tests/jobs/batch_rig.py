"""Batches for the tests: started as the page would, run in this process, and looked at for everything that must hold."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.jobs.rig import Rig
from utils.audio.decoder import decode_trusted
from utils.errors import AppError
from utils.jobs.contract import JobStatus, NewJob
from utils.jobs.file_jobs import FileJobs
from utils.jobs.kinds import KINDS
from utils.jobs.runner import Runner
from utils.speech.contract import SpeechRequest
from utils.storage.batch_log import DONE, ROWS, WISHES, PlannedRow, Progress, RowResult, Wish, append, read_rows, rows_data
from utils.storage.item import Item

DEFAULTS = SpeechRequest("", engine="espeak", format="wav", loudness=None)
KNOWN = {"item.json", "job.json", ROWS, WISHES, DONE, "cues.jsonl", "manifest.csv", "merged.m4b", "merged.mp3", "merged.srt"}


def planned(texts: Iterable[str], **more: Any) -> list[PlannedRow]:
    return [PlannedRow(number, f"{number:04d}-row", {"text": text, **more}) for number, text in enumerate(texts, 1)]


class Batches:
    """Batches of a rig's deployment."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.jobs = FileJobs(rig.journal, rig.queue, KINDS, rig.rates, slots={"speech": 4})

    def put(
        self,
        rows: Sequence[PlannedRow],
        *,
        session: str = "",
        options: Mapping[str, Any] | None = None,
        defaults: SpeechRequest = DEFAULTS,
    ) -> str:
        """Submit a batch; the id of it."""
        request = {"defaults": defaults.as_dict(), "options": dict(options or {})}
        job = NewJob("batch", "Lesson", "batch", request, folder="bulk", files={ROWS: rows_data(list(rows))})
        return self.jobs.submit(session or self.rig.session, job).id

    def wish(self, job_id: str, *wishes: Wish) -> None:
        """Ask for rows again and submit the batch anew, as the workflow does."""
        append(self.home(job_id), WISHES, list(wishes))
        item = self.item(job_id)
        job = NewJob("batch", item.title, "batch", item.request, folder="bulk", item_id=job_id)
        self.jobs.submit(self.rig.session, job)

    def runner(self) -> Runner:
        return self.rig.runner(KINDS)

    def run(self, job_id: str) -> JobStatus:
        """Run the job in this process to the end of its attempt."""
        self.runner()(str(self.rig.name(job_id)))
        return self.status(job_id)

    def spoken(self, rows: Sequence[PlannedRow], **more: Any) -> str:
        """Submit a batch and run it well; the id of it."""
        job_id = self.put(rows, **more)
        status = self.run(job_id)
        assert (status.state, status.error) == ("done", None)
        return job_id

    def status(self, job_id: str, session: str = "") -> JobStatus:
        return self.jobs.status(session or self.rig.session, job_id)

    def item(self, job_id: str) -> Item:
        return self.rig.sessions.get_item(self.rig.session, job_id)

    def home(self, job_id: str, session: str = "") -> Path:
        return self.rig.home(job_id, session)

    def results(self, job_id: str, session: str = "") -> dict[int, RowResult]:
        return Progress(self.home(job_id, session)).refresh().results

    def manifest(self, job_id: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO((self.home(job_id) / "manifest.csv").read_bytes().decode("utf-8-sig"))))


def wrong(home: Path) -> Iterator[str]:
    """Everything in the folder of an ended batch that is not as it should be."""
    rows, progress = read_rows(home), Progress(home).refresh()
    lines = [json.loads(line) for line in (home / DONE).read_bytes().splitlines()]  # none is torn
    numbers = Counter(line["number"] for line in lines if not line.get("over_s"))
    wishes = {number: count for number, (count, _) in progress.wishes.items()}
    for row in rows:
        if row.skip:
            continue
        result = progress.results.get(row.number)
        if progress.is_open(row) or result is None:
            yield f"row {row.number} is open"
        elif result.state != "done":
            yield f"row {row.number} failed: {result.error}"
        elif numbers[row.number] > 1 + wishes.get(row.number, 0):
            yield f"row {row.number} was written down {numbers[row.number]} times"
        else:
            yield from wrong_sound(home, result)
    listed = [int(line["number"]) for line in csv.DictReader(io.StringIO((home / "manifest.csv").read_bytes().decode("utf-8-sig")))]
    if listed != [row.number for row in rows]:
        yield f"the manifest lists {listed}"
    files = {result.file for result in progress.results.values()}
    left = [path.name for path in home.iterdir() if path.name not in KNOWN | files and path.suffix not in (".srt", ".vtt")]
    if left:
        yield f"left behind {sorted(left)}"


def wrong_sound(home: Path, result: RowResult) -> Iterator[str]:
    try:
        sound = decode_trusted(home / result.file)
    except (AppError, OSError) as exc:
        yield f"row {result.number} cannot be read: {type(exc).__name__}"
        return
    if abs(sound.seconds - result.seconds) > 0.05 or not np.any(sound.samples):
        yield f"row {result.number} has {sound.seconds:.3f} s of {result.seconds:.3f}"
    if (home / result.file).stat().st_size != result.size_bytes:
        yield f"row {result.number} has another size than it should"


def with_google(rig: Rig, url: str, *, workers: int = 16) -> Batches:
    """Batches of a deployment that asks the stand-in, as quickly as it answers."""
    rig.settings = replace(rig.settings, gtts_endpoint=url, gtts_requests_per_second=1000.0, gtts_workers=workers)
    return Batches(rig)
