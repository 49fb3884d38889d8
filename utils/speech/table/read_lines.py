"""Formats of lines: JSONL (an object a line), TXT (a line or a paragraph a row), SRT and VTT (a cue a row, with its times)."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from utils.errors import BadTable
from utils.speech.table.assemble import too_many
from utils.speech.table.contract import MAX_COLUMNS, Problem, Table, TableRow

_TIMES = re.compile(
    r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})\s*-->\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})(?:[ \t].*)?", re.ASCII
)
_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")  # halves of surrogate pairs come in by JSON and have no UTF-8 form
_TAG = re.compile(r"</?(?:[bius]|font|c|v|ruby|rt|lang|\d\d:)[^<>\n]{0,200}>|<\d[\d:.]*>|\{\\[^}\n]{0,100}\}", re.I)


def read_jsonl(text: str, *, max_rows: int, encoding: str) -> Table:
    """One JSON object a line; the columns are all keys in the order of their first use. A bad line is an error of that row."""
    found: list[tuple[int, dict[str, str], tuple[Problem, ...]]] = []
    columns: dict[str, None] = {}
    for line, raw in enumerate(text.split("\n"), 1):  # not splitlines: other ends of lines may stand inside JSON's texts
        if not raw.strip():
            continue
        if len(found) >= max_rows:
            raise too_many(max_rows)
        cells, problems = _object(raw)
        columns.update(dict.fromkeys(cells))
        if len(columns) > MAX_COLUMNS:
            raise BadTable(
                f"The objects up to line {line} have {len(columns):,} different keys, allowed are {MAX_COLUMNS}.",
                "Remove keys that are not needed.",
            )
        found.append((line, cells, problems))
    if not columns:
        raise BadTable("No line of the file is a JSON object.", 'Write one object a line, such as {"text": "Good morning."}.')
    rows = tuple(
        TableRow(number, line, tuple(cells.get(name, "") for name in columns), problems)
        for number, (line, cells, problems) in enumerate(found, 1)
    )
    return Table("jsonl", tuple(columns), rows, encoding)


def _object(raw: str) -> tuple[dict[str, str], tuple[Problem, ...]]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return {}, (Problem("error", "not_json", "The line is not valid JSON."),)
    if not isinstance(data, dict):
        return {}, (Problem("error", "not_json", "The line is JSON but not an object."),)
    problems = [
        Problem("error", "nested", f"The value of {str(key)[:40]!r} is a list or an object; only text and numbers can be spoken.")
        for key, value in data.items()
        if isinstance(value, dict | list)
    ]
    return {_plain(key): _plain(value) for key, value in data.items()}, tuple(problems)


def _plain(value: Any) -> str:
    match value:
        case None | dict() | list():
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return _UNPRINTABLE.sub("", str(value))


def read_txt(text: str, *, max_rows: int, encoding: str, paragraphs: bool) -> Table:
    """One row a line, or one row a paragraph (separated by blank lines)."""
    lines = text.replace("\0", "").splitlines()
    blocks: list[tuple[int, list[str]]] = []
    open_block = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            open_block = False
        elif paragraphs and open_block:
            blocks[-1][1].append(line.strip())
        else:
            if len(blocks) >= max_rows:
                raise too_many(max_rows)
            blocks.append((number, [line.strip()]))
            open_block = True
    if not blocks:
        raise BadTable("The file holds no text.", "Write one text a line.")
    rows = tuple(TableRow(n, line, (" ".join(block),)) for n, (line, block) in enumerate(blocks, 1))
    return Table("txt", ("text",), rows, encoding)


def read_cues(text: str, *, max_rows: int, encoding: str, kind: str) -> Table:
    """Cues of SRT or VTT; tags and speaker marks are taken out, lines of a cue are joined."""
    lines = text.replace("\0", "").splitlines()
    rows: list[TableRow] = []
    index = 0
    while index < len(lines):
        times = _TIMES.fullmatch(lines[index].strip())
        index += 1
        if not times:
            continue
        if len(rows) >= max_rows:
            raise too_many(max_rows)
        line, words = index, []
        while index < len(lines) and lines[index].strip():
            words.append(lines[index].strip())
            index += 1
        rows.append(_cue(len(rows) + 1, line, times.groups(), " ".join(words)))
    if not rows:
        raise BadTable(f"No cue was found in the {kind.upper()} file.", "A cue has a line such as 00:00:01,000 --> 00:00:02,500.")
    return Table(kind, ("text",), tuple(rows), encoding)


def _cue(number: int, line: int, times: tuple[str | None, ...], text: str) -> TableRow:
    start, end = _seconds(times[:4]), _seconds(times[4:])
    problems = () if end > start else (Problem("warning", "bad_times", "The cue ends before it begins; only its start is used."),)
    spoken = html.unescape(_TAG.sub("", text)).strip()
    return TableRow(number, line, (spoken,), problems, start, end if end > start else None)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + int((fraction or "0").ljust(3, "0")) / 1000
