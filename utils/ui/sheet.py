"""The sheet: the first rows of a table as they were read, with what each column was taken for."""

from __future__ import annotations

from utils.speech.table.contract import Table
from utils.speech.table.memo import Checked
from utils.ui import figures
from utils.ui.components import component

ROLES = {
    "text": "Text",
    "filename": "File name",
    "language": "Language",
    "voice": "Voice",
    "engine": "Engine",
    "accent": "Accent",
    "speed": "Speed",
    "pitch": "Pitch",
    "format": "Format",
    "pause": "Pause",
    "title": "Title",
}
SHOWN_ROWS, SHOWN_CHARS = 5, 160
KINDS = {"csv": "CSV", "tsv": "TSV", "xlsx": "workbook", "jsonl": "JSON lines", "txt": "text", "srt": "SRT", "vtt": "VTT"}
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_sheet = component("sheet")


def sheet(found: Checked, name: str, *, key: str, marked: bool) -> None:
    """Draw the first rows of a table that was checked, `marked` where something is wrong with them."""
    table, used = found.table, {index: role for role, index in found.mapping.items()}
    times = [{"name": "Time", "role": "When it is heard", "wide": False}] if table.timed else []
    roles = [used.get(place, "") for place in range(len(table.columns))]
    columns = [
        {"name": name, "role": ROLES.get(role, ""), "wide": role == "text"} for name, role in zip(table.columns, roles, strict=True)
    ]
    rows = [
        {
            "number": row.number,
            "mark": _mark(found, place) if marked else "",
            "cells": [_time(row.start)] * len(times) + [cell[:SHOWN_CHARS] for cell in row.cells],
        }
        for place, row in enumerate(table.rows[:SHOWN_ROWS])
    ]
    _sheet(key=key, data={"label": f"First rows of {name}", "columns": times + columns, "rows": rows, "rest": rest(table)})


def _mark(found: Checked, place: int) -> str:
    levels = {problem.level for problem in found.check.rows[place].problems}
    return "failed" if "error" in levels else "warned" if levels else ""


def _time(start: float | None) -> str:
    if start is None:
        return ""
    whole = round(start * 10)
    return f"{whole // 600}:{whole // 10 % 60:02d}.{whole % 10}"


def rest(table: Table) -> str:
    """What is not shown, and how the table was read: `and 494 more rows · CSV, semicolon, cp1252`."""
    more = len(table.rows) - SHOWN_ROWS
    words = [f"and {figures.count(more, 'more row', 'more rows')}"] if more > 0 else []
    read = [KINDS.get(table.kind, table.kind), DELIMITERS.get(table.delimiter, ""), table.encoding]
    return " · ".join([*words, ", ".join(filter(None, read))])
