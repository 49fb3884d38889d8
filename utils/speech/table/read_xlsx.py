"""XLSX: stored values of the first visible sheet. Formulas are not computed, links not followed, bombs and macros refused.

The workbook is opened in a limited process of its own (`xlsx_child`): what its XML costs is decided by whoever made it.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from utils.errors import BadTable, EngineUnreachable, TooLarge, UnsupportedMedia
from utils.sizes import size
from utils.speech.table.assemble import assemble
from utils.speech.table.contract import MAX_COLUMNS, Problem, Table

MAX_UNPACKED_BYTES = 200 * 2**20  # a sheet of 5,000 rows is below 10 MB; a bomb is far above
MAX_PARTS = 2_000
CHILD = Path(__file__).with_name("xlsx_child.py")
_ERRORS = frozenset({"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})


class Limits(NamedTuple):
    """What the child may use: bytes of address space, seconds of CPU, seconds by the clock."""

    memory_bytes: int = 768 * 2**20  # 5,000 rows of 5,000 characters pass
    cpu_s: int = 20
    wall_s: float = 60.0


def read(data: bytes, *, max_rows: int, limits: Limits | None = None) -> Table:
    """Read the first visible sheet.

    Raises:
        BadTable: Damaged, empty or too many rows.
        TooLarge: It would need more than a table can need.
        UnsupportedMedia: A macro file, a protected file or another kind of file.
    """
    _check(data)
    told = _told(data, max_rows + 2, limits or Limits())  # the header, and one more than allowed
    facts = next(told)
    if facts.get("end") == "hidden":
        raise BadTable("The workbook has no visible sheet.", "Show the sheet with the texts.")
    count = int(facts["sheets"])
    notes = (f"Only the first sheet, {str(facts['title'])[:40]!r}, was read; there are {count}.",) if count > 1 else ()
    records = _records(told)
    first = next(records, None)
    if first is None:
        raise BadTable("The sheet is empty.", "Add a header line and at least one row.")
    return assemble(first, records, max_rows=max_rows, kind="xlsx", notes=notes, flaws=_flaws)


def _told(data: bytes, max_records: int, limits: Limits) -> Iterator[Any]:
    """What the child says of the workbook, message by message."""
    numbers = (max_records, MAX_COLUMNS, limits.memory_bytes, limits.cpu_s)
    environ = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Windows starts nothing without it
    try:
        done = subprocess.run(  # noqa: S603 - our own program; its arguments are our own numbers
            [sys.executable, "-I", "-B", str(CHILD), *map(str, numbers)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            cwd=CHILD.anchor,
            timeout=limits.wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise _too_much() from exc
    except OSError as exc:
        raise EngineUnreachable("No process could be started to read the workbook.", "Try again, or save it as CSV.") from exc
    lines = done.stdout.splitlines()
    if done.returncode < 0:  # ended by a limit
        raise _too_much()
    if done.returncode or not lines:
        raise _damaged()
    yield from map(json.loads, lines)


def _records(told: Iterator[Any]) -> Iterator[tuple[int, list[str]]]:
    for message in told:
        if isinstance(message, list):
            yield message[0], message[1]
        elif message["end"] == "wide":
            raise BadTable(f"Row {message['line']} has more than {MAX_COLUMNS} columns.", "Remove columns that are not needed.")
        elif message["end"] == "large":
            raise _too_much()


def _too_much() -> TooLarge:
    return TooLarge("The workbook needs more memory or time than a table can need.", "Save the texts as CSV.")


def _damaged() -> BadTable:
    return BadTable("The workbook is damaged and cannot be read.", "Open it in your spreadsheet program and save it again.")


def _check(data: bytes) -> None:
    """Look at the parts of the archive before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as exc:
        if data.startswith(b"\xd0\xcf\x11\xe0"):  # OLE: the old XLS, or an XLSX with a password
            raise UnsupportedMedia(
                "This is an old XLS file or one with a password.", "Save it as XLSX without a password."
            ) from exc
        raise _damaged() from exc
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED_BYTES or len(parts) > MAX_PARTS:
        raise TooLarge(
            f"The workbook would unpack to {size(unpacked)} in {len(parts):,} parts, allowed are "
            f"{size(MAX_UNPACKED_BYTES)} in {MAX_PARTS:,}.",
            "Save the texts as CSV.",
        )
    names = {part.filename for part in parts}
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise UnsupportedMedia("The workbook carries macros, which are not accepted.", "Save it as XLSX without macros.")
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise UnsupportedMedia("The file is an archive but not an Excel workbook.", "Send CSV, TSV, XLSX, JSONL, TXT, SRT or VTT.")


def _flaws(cells: list[str]) -> list[Problem]:
    return [Problem("error", "formula_error", f"A cell holds the spreadsheet error {cell}.") for cell in cells if cell in _ERRORS]
