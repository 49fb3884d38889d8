"""Answers that several workflows give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from utils.errors import NotFound


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
