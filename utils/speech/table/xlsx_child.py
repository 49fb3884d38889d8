"""The program that opens a stranger's workbook, in a limited process of its own. Stands alone: it imports nothing of ours.

Standard input: the workbook. Arguments: most records, most columns, bytes of address space, seconds of CPU. Standard output: one
JSON line a record, `[line, [cell, ...]]`; before them `{"sheets": count, "title": name}`; at the end `{"end": why}`, where `why` is
`whole`, `more` (than the most records), `wide` (than the most columns), `hidden` (no visible sheet) or `large` (too much text).
"""

from __future__ import annotations

import datetime
import io
import json
import sys
from collections.abc import Iterator
from typing import Any

MAX_EMPTY_ROWS = 100_000  # a sheet may claim a million empty rows
MAX_TEXT_CHARS = 32 * 2**20  # of all cells together; 5,000 rows of 5,000 characters are 25 MB


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Limit this process, where the platform can; the parent's own time limit holds everywhere."""
    try:
        import resource
    except ImportError:
        return
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def records(sheet: Any, max_columns: int) -> Iterator[tuple[int, list[str]]]:
    """(row of the sheet, its texts) of every row that is not empty."""
    empty = 0
    # One column more than allowed is enough to see; a sheet of 5 kB may claim 16,384 columns of a million empty rows.
    for line, values in enumerate(sheet.iter_rows(max_col=max_columns + 1, values_only=True), 1):
        cells = [text(value) for value in values]
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            yield line, cells
        else:
            empty += 1
            if empty > MAX_EMPTY_ROWS:
                return


def text(value: Any) -> str:
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


def told(book: Any, max_records: int, max_columns: int) -> Iterator[Any]:
    """What goes to standard output."""
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        yield {"end": "hidden"}
        return
    yield {"sheets": len(sheets), "title": sheets[0].title}
    characters = 0
    for count, (line, cells) in enumerate(records(sheets[0], max_columns)):
        characters += sum(map(len, cells))
        why = (
            "wide"
            if len(cells) > max_columns
            else "more"
            if count >= max_records
            else "large"
            if characters > MAX_TEXT_CHARS
            else ""
        )
        if why:
            yield {"end": why, "line": line}
            return
        yield [line, cells]
    yield {"end": "whole"}


def main(max_records: int, max_columns: int, memory_bytes: int, cpu_s: int) -> None:
    """Read, limit, open, tell."""
    data = sys.stdin.buffer.read()
    limit(memory_bytes, cpu_s)
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    for message in told(book, max_records, max_columns):
        sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
