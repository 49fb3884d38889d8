"""Rows of a table to speech requests: variables filled in, cells understood, what is wrong told row by row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from utils.errors import AppError, UnknownVoice
from utils.speech import voices
from utils.speech.contract import PAUSE_RANGE_MS, PITCH_RANGE, SPEED_RANGE, SpeechRequest, Voice
from utils.speech.table.columns import variable
from utils.speech.table.contract import MAX_CELL_CHARS, Problem, Row, Table, TableRow

_VARIABLE = re.compile(r"\{\{|\}\}|\{([^{}\n]{1,80})\}")
MAX_NAME_CHARS = 200  # what becomes of it is at most 120 bytes
_ENGINES = {"auto": "auto", "gtts": "gtts", "google": "gtts", "espeak": "espeak", "espeakng": "espeak"}


@dataclass(frozen=True)
class Template:
    """What a row leaves open, and texts with `{column}` in them that are used instead of the cell.

    Attributes:
        defaults: A request whose options hold where a row says nothing.
        text: Instead of the text column, e.g. "Dear {name}, ..."; empty uses the column.
        name: Instead of the file name column; empty uses the column.
    """

    defaults: SpeechRequest
    text: str = ""
    name: str = ""


def render(table: Table, mapping: Mapping[str, int], template: Template) -> list[Row]:
    """Make every row ready. Never raises for what stands in a row: that becomes its problem.

    Args:
        table: As it was read.
        mapping: Role -> index of the column (see columns.recognise).
        template: Defaults and texts with variables.
    """
    names = {variable(name): index for index, name in enumerate(table.columns)}
    return [_row(row, names, mapping, template) for row in table.rows]


def _row(row: TableRow, names: Mapping[str, int], mapping: Mapping[str, int], template: Template) -> Row:
    problems = list(row.problems)

    def cell(role: str) -> str:
        index = mapping.get(role)
        return row.cells[index].strip() if index is not None and index < len(row.cells) else ""

    text = _fill(template.text or cell("text"), row.cells, names, problems)
    name = _fill(template.name or cell("filename") or cell("title"), row.cells, names, problems)[:MAX_NAME_CHARS]
    if not text.strip():
        problems.append(Problem("error", "empty", "The row has no text."))
    elif len(text) > MAX_CELL_CHARS:
        problems.append(
            Problem("error", "too_long", f"The text has {len(text):,} characters, allowed are {MAX_CELL_CHARS:,} a row.")
        )
    changes = _options(cell, template.defaults, problems)
    failed = any(problem.level == "error" for problem in problems)
    draft = replace(template.defaults, text=text[:MAX_CELL_CHARS] if failed else text, title=cell("title"), **changes)
    return Row(row.number, row.line, name.strip(), None if failed else draft, tuple(problems), row.start, row.end, draft)


def _fill(text: str, cells: tuple[str, ...], names: Mapping[str, int], problems: list[Problem]) -> str:
    """Put columns in for `{column}`; `{{` and `}}` stand for braces.

    Columns that come after the longest text allowed are left out, so that a thousand variables cannot make a text without end.
    """
    room = MAX_CELL_CHARS + 1

    def value(match: re.Match[str]) -> str:
        nonlocal room
        if match[0] in ("{{", "}}"):
            return match[0][0]
        index = names.get(variable(match[1]))
        if index is None:
            problems.append(Problem("error", "unknown_variable", f"There is no column {match[1]!r} for the variable {match[0]}."))
            return match[0]
        if not cells[index].strip():
            problems.append(Problem("warning", "empty_variable", f"The variable {match[0]} is empty in this row."))
        filled = cells[index].strip()[:room]
        room -= len(filled)
        return filled

    return _VARIABLE.sub(value, text)


def _options(cell: Any, defaults: SpeechRequest, problems: list[Problem]) -> dict[str, Any]:
    """What the row says about how to speak; wrong values become problems."""
    changes: dict[str, Any] = {}
    readers = {"language": _language, "engine": _engine, "format": _format, "speed": _speed, "pitch": _pitch, "pause": _pause}
    for role, reader in readers.items():
        if said := cell(role):
            try:
                changes["pause_ms" if role == "pause" else role] = reader(said)
            except _Unreadable as exc:
                problems.append(Problem("error", f"bad_{role}", f"{said[:40]!r} is no {role}: {exc}."))
    if accent := cell("accent"):
        changes["accent"] = accent.lower()
    if "language" in changes and changes["language"] != defaults.language:
        changes.setdefault("voice", None)  # the default voice speaks the default language
        changes.setdefault("accent", None)
    if said := cell("voice"):
        try:
            voice = _voice(said, changes.get("language", defaults.language), changes.get("engine", defaults.engine))
            changes |= {"voice": voice.id, "language": changes.get("language", voice.language)}
        except AppError as exc:
            problems.append(Problem("error", exc.code, exc.sentence))
    return changes


class _Unreadable(ValueError):
    """Carries what is allowed."""


def _voice(said: str, language: str, engine: str) -> Voice:
    """A voice by its id, or by its name among those of the language."""
    wanted = variable(said)
    for voice in voices.for_language(language):
        if wanted in (variable(voice.name), variable(voice.id)) and engine in ("auto", voice.engine):
            return voice
    return voices.find(said if ":" in said else f"{'espeak' if engine == 'auto' else engine}:{said}")


def _language(said: str) -> str:
    try:
        return voices.find_language(said).tag
    except UnknownVoice:
        raise _Unreadable("give a tag such as en-US or a name such as German") from None


def _engine(said: str) -> str:
    try:
        return _ENGINES[variable(said)]
    except KeyError:
        raise _Unreadable("auto, gtts or espeak") from None


def _format(said: str) -> str:
    from utils.audio.codec import FORMATS

    key = said.lower().lstrip(".")
    if key not in FORMATS:
        raise _Unreadable("one of " + ", ".join(FORMATS))
    return key


def _number(said: str, low: float, high: float) -> float:
    try:
        value = float(said.replace(",", "."))
    except ValueError:
        raise _Unreadable(f"a number from {low:g} to {high:g}") from None
    if not low <= value <= high:
        raise _Unreadable(f"a number from {low:g} to {high:g}")
    return value


def _speed(said: str) -> float:
    if said.endswith("%"):
        return _number(said[:-1], SPEED_RANGE[0] * 100, SPEED_RANGE[1] * 100) / 100
    return _number(said.lower().removesuffix("x"), *SPEED_RANGE)


def _pitch(said: str) -> float:
    return _number(said, *PITCH_RANGE)


def _pause(said: str) -> int:
    lowered = said.lower().replace(" ", "")
    if lowered.endswith("ms"):
        return int(_number(lowered[:-2], *PAUSE_RANGE_MS))
    if lowered.endswith("s"):
        return int(_number(lowered[:-1], PAUSE_RANGE_MS[0] / 1000, PAUSE_RANGE_MS[1] / 1000) * 1000)
    return int(_number(lowered, *PAUSE_RANGE_MS))
