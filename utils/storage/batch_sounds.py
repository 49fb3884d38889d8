"""Names of the sounds in a batch's folder, and which of them nobody needs any more."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from utils.storage.batch_log import PlannedRow, RowResult
from utils.storage.names import slug

BESIDE = (".srt", ".vtt")


def stem_of(row: PlannedRow) -> str:
    """Name on disk of a row's files without suffix: its number and an ASCII form of its name."""
    name = slug(row.name)
    return name if name.partition("-")[0].lstrip("0") == str(row.number) else f"{row.number:04d}-{name}"


def beside(file: str) -> list[str]:
    """Names that subtitles of a sound have."""
    stem = file.rpartition(".")[0]
    return [stem + suffix for suffix in BESIDE]


def drop_orphans(folder: Path, rows: Iterable[PlannedRow], results: Iterable[RowResult]) -> None:
    """Remove files of rows that no result knows: the row failed later, or the work was killed before it was written down."""
    stems = {stem_of(row) for row in rows}
    known = {result.file for result in results if result.file}
    known |= {name for file in known for name in beside(file)}
    with suppress(OSError):  # gone meanwhile; and what stays does no harm
        for name in os.listdir(folder):
            if name.rpartition(".")[0] in stems and name not in known:
                os.unlink(folder / name)
