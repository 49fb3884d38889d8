"""Transcript -> atoms: the smallest things that a subtitle never divides, with whole milliseconds.

An atom is a word with its punctuation, or a character of a script without spaces. Words of a transcript may be less (a Thai
vowel sign, a French question mark behind a space): then they are joined; or more (an overlong word, a Chinese phrase): then
they are cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from utils.subtitles import script
from utils.subtitles.script import Break
from utils.subtitles.words import narrow, shares
from utils.transcription.contract import Segment, Transcript, Word

# Words are divided by spaces and controls, but not by no-break spaces; lone surrogates cannot be written to any file.
_TOKEN = re.compile(r"[^\x00-\x20\x7f-\x9f\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000\ud800-\udfff]+")
_NO_BREAK = "\u00a0\u2007\u202f"  # spaces inside a word, but not at its ends
_CLOSERS = (script.SENTENCE_ENDS | script.CLAUSE_ENDS | script.CLOSING) - frozenset("\"'\u2013\u2014")  # a dash may begin a line
_MAX_MS = 10**10  # four months: beyond any recording


class Atom(NamedTuple):
    """A word with its punctuation, or a character of a script without spaces.

    Attributes:
        start_ms: Of its first word; never before the atom before it.
        end_ms: Not before `start_ms`.
        text: Without spaces at its ends.
        width: Columns.
        space: Whether a space stands before it in a line.
        after: How good a place its end is to break.
        segment: Index of its segment.
        inside: It continues the transcript's word that the atom before it began.
    """

    start_ms: int
    end_ms: int
    text: str
    width: int
    space: bool
    after: Break
    segment: int
    inside: bool


def tokens(text: str) -> list[str]:
    """The text divided at spaces and controls."""
    found: list[str] = _TOKEN.findall(text)
    if text.isascii():
        return found
    return [token for token in (each.strip(_NO_BREAK) for each in found) if token]


def pieces(text: str, max_columns: int) -> list[tuple[str, bool]]:
    """What the text may be divided into, and whether a space stands before each piece."""
    return [
        (piece, number == 0) for token in tokens(text) for number, piece in enumerate(narrow(script.clusters(token), max_columns))
    ]


def atoms(transcript: Transcript, max_columns: int) -> list[Atom]:
    """All text of a transcript in order; nothing is left out but spaces and control characters.

    Args:
        transcript: Segments with words, or without them: then the time is shared out by the length of the words.
        max_columns: What is wider is cut.
    """
    making = _Making(max_columns)
    for number, segment in enumerate(transcript.segments):
        making.add(number, segment)
    return _levelled(making.atoms)


def same_text(segment: Segment) -> bool:
    """Whether the words are the segment's text, spaces aside."""
    joined = "".join([word.text for word in segment.words])
    return joined.strip() == segment.text or "".join(joined.split()) == "".join(segment.text.split())


def milliseconds(at_s: float) -> int:
    """Rounded once; what is no time counts as 0."""
    try:
        at_ms = round(at_s * 1000)
    except (ValueError, OverflowError):
        return 0
    return at_ms if 0 <= at_ms <= _MAX_MS else 0 if at_ms < 0 else _MAX_MS


class _Making:
    """Atoms as they come; words that come again are divided only once."""

    def __init__(self, max_columns: int) -> None:
        self.atoms: list[Atom] = []
        self._max_columns = max_columns
        self._first = 0  # of the segment
        self._known: dict[str, list[tuple[str, bool, int]]] = {}  # text -> pieces, with space and width

    def add(self, number: int, segment: Segment) -> None:
        """A segment: its words, or where they are missing or not its text (a foreign file), its text with the time shared out."""
        self._first = len(self.atoms)
        words = segment.words if segment.words and same_text(segment) else (Word(segment.start, segment.end, segment.text),)
        for word in words:
            parts = self._known.get(word.text)
            if parts is None:
                parts = self._known[word.text] = self._divided(word.text)
            start_ms, end_ms = milliseconds(word.start), milliseconds(word.end)
            if len(parts) == 1:
                text, space, width = parts[0]
                self._add(Atom(start_ms, end_ms, text, width, space, Break.WORD, number, False))
            elif parts:
                self._add_shared(parts, start_ms, max(start_ms, end_ms), number)

    def _divided(self, text: str) -> list[tuple[str, bool, int]]:
        led = bool(text) and not _TOKEN.match(text)
        return [
            (piece, space if number else led, script.width(piece))
            for number, (piece, space) in enumerate(pieces(text, self._max_columns))
        ]

    def _add_shared(self, parts: Sequence[tuple[str, bool, int]], start_ms: int, end_ms: int, number: int) -> None:
        """Each piece with its share of the time, by the length of what is spoken."""
        texts = [text for text, _, _ in parts]
        following = [*texts[1:], ""]
        levels = [script.break_after(text, after) for text, after in zip(texts, following, strict=True)]
        spans = shares(texts, levels)
        length_ms = end_ms - start_ms
        for position, ((text, space, width), (begin, end)) in enumerate(zip(parts, spans, strict=True)):
            times = start_ms + round(length_ms * begin), start_ms + round(length_ms * end)
            self._add(Atom(*times, text, width, space, Break.WORD, number, position > 0 and not space))

    def _add(self, atom: Atom) -> None:
        """Keep times in order, whatever the transcript says, and join what no line may divide."""
        found = self.atoms
        before = found[-1] if found else None
        start_ms = max(atom.start_ms, before.start_ms) if before else atom.start_ms
        if start_ms > atom.start_ms or atom.end_ms < start_ms:
            atom = atom._replace(start_ms=start_ms, end_ms=max(atom.end_ms, start_ms))
        if before is not None:
            unseen = atom.width == 0 or before.width == 0
            if unseen or (len(found) > self._first and _inseparable(before, atom)):
                joined = _joined(before, atom)
                if joined.width <= self._max_columns:
                    found[-1] = joined
                    return
        found.append(atom)


def _inseparable(before: Atom, atom: Atom) -> bool:
    """Whether no line may break between two atoms of one segment."""
    if atom.space:
        return (atom.text[0] in _CLOSERS and _CLOSERS.issuperset(atom.text)) or (
            before.text[0] in script.OPENING and script.OPENING.issuperset(before.text)
        )
    return not atom.inside and not script.may_break(before.text[-1], atom.text[0])


def _joined(before: Atom, atom: Atom) -> Atom:
    """Both as one; what cannot be seen takes the times of the other."""
    if before.width == 0:
        return atom._replace(text=before.text + atom.text, space=before.space or atom.space)
    if atom.width == 0:
        return before._replace(text=before.text + atom.text)
    return before._replace(
        end_ms=max(before.end_ms, atom.end_ms),
        text=before.text + (" " if atom.space else "") + atom.text,
        width=before.width + atom.space + atom.width,
    )


def _levelled(found: list[Atom]) -> list[Atom]:
    """Spaces between segments, and how good a place the end of each atom is."""
    made: list[Atom] = []
    for number, atom in enumerate(found):
        following = found[number + 1] if number + 1 < len(found) else None
        if following is not None and following.segment != atom.segment:
            space = not script.joined_without_space(atom.text, following.text)
            if space != following.space:
                found[number + 1] = following = following._replace(space=space)
        level = script.break_after(atom.text, following.text if following else "")
        if following is not None and not following.space and (level is Break.WORD or atom.text[-1].isascii()):
            level = Break.INSIDE
        made.append(atom if level is Break.WORD else Atom(*atom[:5], level, *atom[6:]))
    return made
