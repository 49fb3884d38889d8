"""Engines that could not be reached lately, told by the workers to the servers: an empty file a name, whose time says when."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from utils.errors import AppError
from utils.storage.atomic import write_whole

LATELY_S = 300.0
PREFIX = "away-"


def tell(folder: Path, engine: str) -> None:
    """An engine could not be reached just now."""
    with suppress(AppError):  # only the words of an estimate depend on it
        write_whole(folder / f"{PREFIX}{engine}", b"", durable=False)


def is_away(folder: Path, engine: str, now: float) -> bool:
    """A worker has told in the last minutes that it could not reach this engine."""
    try:
        return now - (folder / f"{PREFIX}{engine}").stat().st_mtime < LATELY_S
    except OSError:
        return False
