"""Answers that several workflows give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from utils.errors import AppError, Cancelled, NotFound
from utils.jobs.contract import JobStatus


@dataclass(frozen=True)
class FileAnswer:
    """A finished file, ready to be served.

    Attributes:
        path: On disk; a regular file inside the session.
        media_type: From our own map.
        download_name: What the person's computer shall call it, made from the title.
        size_bytes: Length.
        etag: Strong validator, quotes included.
    """

    path: Path
    media_type: str
    download_name: str
    size_bytes: int
    etag: str

    @classmethod
    def of(cls, path: Path, media_type: str, download_name: str) -> FileAnswer:
        """The answer for a file on disk. Raises NotFound when it is gone."""
        try:
            facts = path.stat()
        except FileNotFoundError as exc:
            raise NotFound("There is no such file.", "It may have been deleted.") from exc
        return cls(path, media_type, download_name, facts.st_size, f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"')


def failure_of(job: JobStatus) -> AppError:
    """Why a job that is over has no result, as the error that its worker met."""
    if job.state == "cancelled":
        return Cancelled("The work was stopped.", "Start it again.")
    told = job.error or {}
    kinds = {kind.code: kind for kind in _kinds(AppError) if kind.status == told.get("status")}
    made = kinds.get(str(told.get("code")), AppError)
    return made(str(told.get("sentence") or "The work failed."), str(told.get("hint", "")))


def _kinds(parent: type[AppError]) -> Iterator[type[AppError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _kinds(child)
