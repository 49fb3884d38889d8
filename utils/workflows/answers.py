"""Answers that several workflows give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
