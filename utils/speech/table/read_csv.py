"""CSV and TSV: dialect, header, rows; a missing quote is found and named instead of swallowing rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice

from utils.errors import BadTable
from utils.speech.table.assemble import assemble
from utils.speech.table.contract import MAX_COLUMNS, Table

DELIMITERS = (",", ";", "\t", "|")
SNIFF_RECORDS = 50
SNIFF_CHARS = 1_000_000
SWALLOWED_LINES = 3  # a cell with so many lines that each look like a whole row has lost its closing quote


def read(text: str, *, max_rows: int, encoding: str, delimiter: str = "") -> Table:
    """Parse a delimited text.

    Args:
        text: The whole file, decoded.
        max_rows: More rows of data are refused.
        encoding: For the answer.
        delimiter: Instead of finding it out.

    Raises:
        BadTable: Quotes do not match, too many rows or columns, a name of a column twice, nothing inside.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    notes = []
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        notes.append(f"NUL characters were left out, the first one in line {line}.")
        text = text.replace("\0", "")
    delimiter = delimiter or _delimiter(text)
    records = _records(text, delimiter)
    first = next(records, None)
    if first is None:
        raise BadTable("The table is empty.", "Add a header line and at least one row.")
    kind = "tsv" if delimiter == "\t" else "csv"
    return assemble(first, records, max_rows=max_rows, kind=kind, encoding=encoding, delimiter=delimiter, notes=tuple(notes))


def _delimiter(text: str) -> str:
    """The delimiter that gives most columns, the same number in most of the first records."""
    best, most = ",", 0.0
    for candidate in DELIMITERS:
        widths = []
        try:
            for _, cells in _records(text[:SNIFF_CHARS], candidate):
                widths.append(len(cells))
                if len(widths) == SNIFF_RECORDS:
                    break
        except BadTable:  # the wrong delimiter makes good quotes look bad
            if not widths:
                continue
        width = max(set(widths), key=lambda w: (widths.count(w), w)) if widths else 1
        score = widths.count(width) / len(widths) if width > 1 else 0.0
        if score > most:
            best, most = candidate, score
    return best


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, cells) of every record that is not blank."""
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    width, begins = 0, 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            longest = max(map(len, islice(_lines(text), begins - 1, reader.line_num)), default=0)
            if longest > csv.field_size_limit():
                raise BadTable(
                    f"A line of the row that begins in line {begins} has {longest:,} characters, far more than a cell may have.",
                    "Put longer texts on the Speak page.",
                ) from exc
            raise BadTable(
                f"The quotes in the row that begins in line {begins} do not match, so later rows would be swallowed.",
                'Close the quote there; a quote inside a quoted cell is written twice ("").',
            ) from exc
        if any(cell.strip() for cell in cells):
            if len(cells) > MAX_COLUMNS:
                raise BadTable(
                    f"Line {begins} has {len(cells)} columns, allowed are {MAX_COLUMNS}.", "Remove columns that are not needed."
                )
            width = width or len(cells)
            _refuse_swallowed(cells, begins, width, delimiter)
            yield begins, cells
        begins = reader.line_num + 1


def _lines(text: str) -> Iterator[str]:
    """One by one: all lines of a table over its limit of rows, at once, would take thirty times the memory of the file."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _refuse_swallowed(cells: list[str], line: int, width: int, delimiter: str) -> None:
    for cell in cells:
        inner = cell.split("\n")[1:]
        if width > 1 and len(inner) >= SWALLOWED_LINES and all(part.count(delimiter) == width - 1 for part in inner[:-1]):
            raise BadTable(
                f"A cell of the row that begins in line {line} holds {len(inner)} lines that look like rows of their own.",
                "A closing quote is probably missing there; close it.",
            )
