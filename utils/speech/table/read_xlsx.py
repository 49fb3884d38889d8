"""XLSX: stored values of the first visible sheet. Formulas are not computed, links not followed, bombs and macros refused."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator
from typing import Any

from utils.errors import AppError, BadTable, TooLarge, UnsupportedMedia
from utils.speech.table.assemble import assemble
from utils.speech.table.contract import MAX_COLUMNS, Problem, Table

MAX_UNPACKED_BYTES = 200 * 2**20  # a sheet of 5,000 rows is below 10 MB; a bomb is far above
MAX_PARTS = 2_000
MAX_EMPTY_ROWS = 100_000  # a sheet may claim a million empty rows
_ERRORS = frozenset({"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})


def read(data: bytes, *, max_rows: int) -> Table:
    """Read the first visible sheet.

    Raises:
        BadTable: Damaged, empty or too many rows.
        TooLarge: It would unpack to more than a table can need.
        UnsupportedMedia: A macro file, a protected file or another kind of file.
    """
    _check(data)
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        return _first_sheet(book, max_rows)
    except AppError:
        raise
    except Exception as exc:  # the library lets through whatever damage leads to: KeyError, zlib.error, RuntimeError
        raise BadTable(
            "The workbook is damaged and cannot be read.", "Open it in your spreadsheet program and save it again."
        ) from exc


def _first_sheet(book: Any, max_rows: int) -> Table:
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        raise BadTable("The workbook has no visible sheet.", "Show the sheet with the texts.")
    notes = [f"Only the first sheet, {sheets[0].title[:40]!r}, was read; there are {len(sheets)}."] if len(sheets) > 1 else []
    return _table(_records(sheets[0]), max_rows, notes)


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
        raise BadTable(
            "The workbook is damaged and cannot be read.", "Open it in your spreadsheet program and save it again."
        ) from exc
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED_BYTES or len(parts) > MAX_PARTS:
        raise TooLarge(
            f"The workbook would unpack to {unpacked / 2**20:,.0f} MB in {len(parts):,} parts, allowed are "
            f"{MAX_UNPACKED_BYTES / 2**20:.0f} MB in {MAX_PARTS:,}.",
            "Save the texts as CSV.",
        )
    names = {part.filename for part in parts}
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise UnsupportedMedia("The workbook carries macros, which are not accepted.", "Save it as XLSX without macros.")
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise UnsupportedMedia("The file is an archive but not an Excel workbook.", "Send CSV, TSV, XLSX, JSONL, TXT, SRT or VTT.")


def _records(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    empty = 0
    # One column more than allowed is enough to see; a sheet of 5 kB may claim 16,384 columns of a million empty rows.
    for line, values in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), 1):
        cells = [_text(value) for value in values]
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            if len(cells) > MAX_COLUMNS:
                raise BadTable(f"Row {line} has more than {MAX_COLUMNS} columns.", "Remove columns that are not needed.")
            yield line, cells
        else:
            empty += 1
            if empty > MAX_EMPTY_ROWS:
                return


def _text(value: Any) -> str:
    """A stored value as a person reads it in the sheet."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
        case _:
            return str(value).replace("\0", "").replace("_x000D_", "")


def _table(records: Iterator[tuple[int, list[str]]], max_rows: int, notes: list[str]) -> Table:
    first = next(records, None)
    if first is None:
        raise BadTable("The sheet is empty.", "Add a header line and at least one row.")
    return assemble(first, records, max_rows=max_rows, kind="xlsx", notes=tuple(notes), flaws=_flaws)


def _flaws(cells: list[str]) -> list[Problem]:
    return [Problem("error", "formula_error", f"A cell holds the spreadsheet error {cell}.") for cell in cells if cell in _ERRORS]
