"""A transcription that a request waits for: how it stands, and its text while it grows, read from the job's own files.

Nothing of it is remembered beyond the object, unlike in `texts`, which serves pages that look again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import AppError, NotFound
from utils.jobs.contract import JobStatus
from utils.jobs.transcribe_files import current, partial_name, run_of, so_far
from utils.services import Services
from utils.transcription import transcript_file
from utils.transcription.contract import Transcript
from utils.workflows.answers import failure_of


@dataclass
class Hearing:
    """One job. Used by one thread at a time."""

    services: Services = field(repr=False)
    session_id: str
    job_id: str
    _stamp: tuple[int, int] | None = None
    _grown: Transcript | None = None

    def stands(self) -> JobStatus:
        """How the job stands. Raises NotFound."""
        return self.services.jobs.status(self.session_id, self.job_id)

    def so_far(self) -> Transcript | None:
        """The text as far as it is final, or None while there is none. The same object while nothing was added."""
        try:
            item = self.services.sessions.get_item(self.session_id, self.job_id)
            folder = self.services.sessions.item_path(self.session_id, self.job_id)
            stamp = _stamp(folder / partial_name(run_of(item.request)))
        except (NotFound, FileNotFoundError):  # not begun, or just over
            return self._grown
        if stamp != self._stamp:
            found = so_far(folder, item.request)
            self._stamp, self._grown = stamp, found[0] if found else self._grown
        return self._grown

    def result(self) -> Transcript:
        """The text of a job that is over.

        Raises:
            AppError: What the worker met.
        """
        job = self.stands()
        item = self.services.sessions.get_item(self.session_id, self.job_id)
        text = current(item)
        if job.state != "done":
            raise failure_of(job)
        if text is None:
            raise AppError("The work left no text.", "Try again.")
        return transcript_file.load(self.services.sessions.item_path(self.session_id, self.job_id) / text.name)


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size
