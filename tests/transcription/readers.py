"""Readers of the formats that have no library: LRC and our plain text, written from their descriptions."""

from __future__ import annotations

import re

_LINE = re.compile(r"\[(\d{2,}):([0-5]\d)\.(\d{3})\]")
_WORD = re.compile(r"<(\d{2,}):([0-5]\d)\.(\d{3})>")
_HEAD = re.compile(r"\[([a-z]+):(.*)\]")
_SPAN = re.compile(r"\[(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})\] (.*)")


def lrc(data: bytes) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Head fields, and (milliseconds, text) of each line. As players do, several times before one text repeat it."""
    head: dict[str, str] = {}
    lines: list[tuple[int, str]] = []
    for row in data.decode().split("\n"):
        rest, found = row, []
        while match := _LINE.match(rest):
            found.append(_ms(match.groups()))
            rest = rest[match.end() :]
        if found:
            lines += [(at_ms, rest.strip()) for at_ms in found]
        elif field := _HEAD.fullmatch(row):
            head[field[1]] = field[2]
        else:
            assert not row, row
    return head, lines


def lrc_words(text: str) -> list[tuple[int, str]]:
    """(milliseconds, word) of a line in the extended format."""
    parts = _WORD.split(text)
    assert parts[0] == "", text
    return [(_ms(tuple(parts[at : at + 3])), parts[at + 3].strip()) for at in range(1, len(parts), 4)]


def timed_text(data: bytes) -> list[tuple[int, int, str]]:
    """(start, end, text) of each line that has times."""
    found = []
    for row in data.decode().split("\n"):
        if match := _SPAN.fullmatch(row):
            found.append((_of_clock(match.groups()[:4]), _of_clock(match.groups()[4:8]), match[9]))
    return found


def clock_ms(text: str) -> int:
    """`00:00:01.000` in milliseconds."""
    match = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})", text)
    assert match, text
    return _of_clock(match.groups())


def _ms(parts: tuple[str, ...]) -> int:
    return int(parts[0]) * 60_000 + int(parts[1]) * 1000 + int(parts[2])


def _of_clock(parts: tuple[str, ...]) -> int:
    return int(parts[0]) * 3_600_000 + _ms(parts[1:])
