"""Marks -> words with times: whole pieces of text are cut into words, their time shared out by length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from utils.subtitles import script
from utils.subtitles.cue import TimedText
from utils.subtitles.script import Break

_DIGIT_WEIGHT = 4.0  # "7" is spoken as a word
_WIDE_WEIGHT = 3.0  # a Chinese character is a syllable
_PAUSE_WEIGHTS = {Break.SENTENCE: 8.0, Break.CLAUSE: 4.0}  # a voice rests after these, about as long as so many letters
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")


@dataclass(frozen=True)
class Word:
    """The smallest thing that is not divided: a word, or a character of a script without spaces.

    Attributes:
        start: Seconds; exact when the mark was one word, else an estimate inside the mark.
        end: Seconds, not before `start`.
        text: Without spaces, with its punctuation.
        part: As the mark's.
        space: Whether a space stands before it.
        after: How good a place its end is to break.
    """

    start: float
    end: float
    text: str
    part: int
    space: bool
    after: Break


def words_from_marks(marks: Iterable[TimedText], max_columns: int = 42) -> list[Word]:
    """Cut marks into words, in order, never overlapping.

    A mark of several words (gTTS speaks pieces of up to 100 characters) has its time shared out by the length of the words, with
    more for digits and for the rests behind punctuation. Its own start and end stay exact.

    Args:
        marks: In order.
        max_columns: A word wider than a line is cut.
    """
    found: list[Word] = []
    rows = [row for mark in marks if (row := _row(mark, max_columns))]
    at = 0.0
    for number, (mark, pieces) in enumerate(rows):
        following = rows[number + 1][1][0][0] if number + 1 < len(rows) else ""
        start = max(at, mark.start)
        at = max(start, mark.end)
        levels = list(_levels([text for text, _ in pieces], [space for _, space in pieces], following))
        parts = shares([text for text, _ in pieces], levels)
        for (text, space), level, (begin, end) in zip(pieces, levels, parts, strict=True):
            first = space is None
            spaced = bool(found) and not script.joined_without_space(found[-1].text, text) if first else bool(space)
            found.append(Word(_at(start, at, begin), _at(start, at, end), text, mark.part, spaced, level))
    return found


def _at(start: float, end: float, share: float) -> float:
    return end if share >= 1 else start + (end - start) * share


def _row(mark: TimedText, max_columns: int) -> tuple[TimedText, list[tuple[str, bool | None]]] | None:
    pieces: list[tuple[str, bool | None]] = []
    for token in _UNSEEN.sub(" ", mark.text).split():
        for number, cluster in enumerate(narrow(script.clusters(token), max_columns)):
            pieces.append((cluster, None if not pieces else number == 0))
    return (mark, pieces) if pieces else None


def narrow(texts: Iterable[str], max_columns: int) -> Iterator[str]:
    """Cut what is wider than a line; marks stay with their character."""
    for text in texts:
        if script.width(text) <= max_columns:
            yield text
            continue
        line = ""
        for char in text:
            if line and script.width(line + char) > max_columns and not script.belongs_to_previous(char):
                yield line
                line = ""
            line += char
        yield line


def _levels(texts: list[str], spaces: list[bool | None], following: str) -> Iterator[Break]:
    for number, text in enumerate(texts):
        last = number + 1 == len(texts)
        level = script.break_after(text, following if last else texts[number + 1])
        inside = not last and not spaces[number + 1]
        # Between characters the punctuation of their own script is a good place ("。" has no space behind it), all else a poor one.
        if inside and (level == Break.WORD or text[-1].isascii()):
            level = Break.INSIDE
        yield level


def shares(texts: Sequence[str], levels: Sequence[Break]) -> Iterator[tuple[float, float]]:
    """Where each text begins and ends when all are spoken in one go, as parts of the whole (0 to 1).

    Args:
        texts: In order, at least one.
        levels: What stands behind each: a voice rests after clauses and sentences.
    """
    weights = [_weight(text) + _PAUSE_WEIGHTS.get(level, 0.0) for text, level in zip(texts, levels, strict=True)]
    weights[-1] = _weight(texts[-1])  # its rest is behind the mark
    total = sum(weights)
    at = 0.0
    for number, weight in enumerate(weights):
        begin, at = at, at + weight
        yield begin / total, 1.0 if number + 1 == len(weights) else at / total


def _weight(text: str) -> float:
    weight = 1.0  # the step from word to word
    for char in text:
        if char.isdigit():
            weight += _DIGIT_WEIGHT
        elif char.isalpha():
            weight += _WIDE_WEIGHT if script.width(char) == 2 else 1.0
    return weight
