"""From lines to paragraphs: which line ends are only where an editor wrapped, and which ones mean something.

A line end is soft when the next word would not have fitted into the paragraph's width; all others are hard: a list item, a
heading, a line of an address. A hard line is closed with a full stop when it has no mark of its own, so that it does not run
into the next one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from utils.speech.marks import CLOSERS, ENDING, HAN, KANA, TIGHT

HARD_BREAK = "  \n"  # Markdown's own: two spaces at the line's end
_LEAST_WIDTH = 40  # nobody wraps a text narrower than this; shorter paragraphs are lists, addresses, verse

_RULE = re.compile(r"(?:[-_*=~#+•·.]\s?){3,}$")
_HEADING = re.compile(r"#{1,6}\s++(.*)")
_ITEM = re.compile(r"[-*+\u2022\u2023\u25e6\u25aa\u2013]\s++(?:\[[ xX]\]\s)?(.*)")
_NUMBER = re.compile(r"[ \t>]*+(\d{1,3})[.)]\s++(.*)")
_DEFINITION = re.compile(r"\[[^\[\]]{1,200}\]:\s*+<?(?:[a-z][a-z0-9+.-]*+:|/|#|\w[\w.-]*+\.\w)\S*+", re.IGNORECASE)
_FOOTNOTE_LABEL = re.compile(r"\[\^[^\[\]]{1,40}\]:\s*+")
_QUOTE = re.compile(r"(?:>\s?)+")
_TABLE_RULE = re.compile(r"\|?\s*+:?-+:?\s*+(?:\|\s*+:?-+:?\s*+)*+\|?\s*+$")

_HAN_GAP = re.compile(f"(?<=[{KANA}{HAN}{TIGHT}]) (?=[{KANA}{HAN}])")
_HAN_END = re.compile(f"[{KANA}{HAN}]$")
_EMPHASIS = "*_`~"


@dataclass(frozen=True)
class _Line:
    """One line without its marks of Markdown.

    Attributes:
        text: What is left of it.
        hard: It does not flow on into the next one.
        starts: It begins something: a list item, a table row.
        flows: It goes on with the list item before it.
        alone: It is a paragraph of its own.
    """

    text: str
    hard: bool = False
    starts: bool = False
    flows: bool = False
    alone: bool = False


def lines_to_paragraphs(text: str) -> str:
    """Join lines to paragraphs, each on one line, parted by an empty line; take the line marks of Markdown away."""
    paragraphs: list[str] = []
    current: list[_Line] = []
    raw_lines = text.split("\n")
    numbered = _numbered(raw_lines)
    table = False
    for index, raw in enumerate(raw_lines):
        following = raw_lines[index + 1] if index + 1 < len(raw_lines) else ""
        table = "|" in raw and (table or _is_table_rule(following))
        line = _table_row(raw) if table else _read(raw, current, index in numbered)
        if line is None or line.alone:
            _flush(current, paragraphs)
            current = []
        if line is not None and line.text:
            current.append(line)
            if line.alone:
                _flush(current, paragraphs)
                current = []
    _flush(current, paragraphs)
    return "\n\n".join(paragraphs)


def closed(line: str) -> str:
    """The line with a full stop, unless it ends with a mark already."""
    bare = line.rstrip(CLOSERS + _EMPHASIS + " ")
    if not bare or bare[-1] in ENDING or (line.endswith("]") and "[pause:" in line):
        return line
    return line + ("。" if _HAN_END.search(bare) else ".")


def _numbered(lines: list[str]) -> set[int]:
    """Indices of the lines of numbered lists: a number is one only when the number before or after it is there as well."""
    found = [(index, int(match[1])) for index, line in enumerate(lines) if (match := _NUMBER.match(line))]
    numbers = [0, *(number for _, number in found), 0]
    return {
        index
        for (index, number), before, after in zip(found, numbers, numbers[2:], strict=False)
        if after == number + 1 or (before == number - 1 and before)
    }


def _read(raw: str, before: list[_Line], numbered: bool) -> _Line | None:
    """What one line says; None ends the paragraph."""
    text = raw.strip()
    if not text:
        return None
    if text[0] == ">":
        text = _QUOTE.sub("", text, count=1).strip()
        if not text:
            return None
    if not text[0].isalnum():
        if _RULE.match(text):
            if before and text[0] in "=-" and len(before) == 1:  # underlined: the line above is a heading
                before[0] = _Line(before[0].text, alone=True)
            return None
        if heading := _HEADING.match(text):
            return _Line(closed(heading[1].rstrip("# ")), alone=True)
        if _DEFINITION.match(text):
            return _Line("")
        text = _FOOTNOTE_LABEL.sub("", text, count=1)
    if numbered and (item := _NUMBER.match(text)):
        return _Line(f"{item[1]}: {item[2]}", starts=True)
    if item := _ITEM.match(text):
        return _Line(item[1], starts=True)
    flows = raw[:2].isspace() and bool(before) and (before[-1].starts or before[-1].flows)
    return _Line(text.rstrip("\\"), hard=raw.endswith(HARD_BREAK[:2]) or text.endswith("\\"), flows=flows)


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and _TABLE_RULE.match(line.strip()) is not None


def _table_row(raw: str) -> _Line:
    if _is_table_rule(raw):
        return _Line("")
    cells = (cell.strip() for cell in raw.strip().strip("|").split("|"))
    return _Line(closed(", ".join(cell for cell in cells if cell)), hard=True, starts=True)


def _flush(lines: list[_Line], paragraphs: list[str]) -> None:
    """Join the lines of one paragraph: softly where it was wrapped, with a full stop where a line stands for itself."""
    if not lines:
        return
    width = max(len(line.text) for line in lines)
    said: list[str] = []
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        if following is None:
            said.append(closed(line.text) if line.alone or line.starts else line.text)
            break
        word = following.text.split(None, 1)[0]
        wrapped = width >= _LEAST_WIDTH and len(line.text) + 1 + len(word) > width
        hard = line.hard or following.starts or not (wrapped or following.flows)
        said.append(closed(line.text) if hard else line.text)
    paragraphs.append(_HAN_GAP.sub("", " ".join(said)))
