# ruff: noqa: RUF001 - the marks of many scripts are its subject, also those that look like others
"""What writing systems demand of subtitles: width of a character, where a line may break, where a sentence ends."""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from functools import lru_cache

SENTENCE_ENDS = frozenset(".!?…。！？．｡؟۔।॥።፧៕။།‼⁇⁈⁉")
CLAUSE_ENDS = frozenset(",;:–—،؛、，；：､፣፤၊·")
CLOSING = frozenset("\"'»”’)]}」』】》〉）］｝›")
_CLOSING_MARKS = "".join(CLOSING)
_ENDS = SENTENCE_ENDS | CLAUSE_ENDS | CLOSING
OPENING = frozenset("「『【《〈（［｛“‘«‹¿¡([{")
# Japanese small letters and marks, and Thai and Lao vowels behind their consonant: never first in a line.
_NEVER_FIRST = frozenset("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶーゝゞヽヾ々〻ะาำๅๆຯະາຳໆ")
_NEVER_LAST = frozenset("เแโใไເແໂໃໄ「『【《〈（［｛“‘«¿¡([{$€£¥#")  # vowels before their consonant, and what opens
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "st", "prof", "rev", "gen", "col", "sgt", "capt", "jr", "sr", "vs", "no", "nos", "vol", "fig", "ch"}
    | {"art", "p", "pp", "e.g", "i.e", "cf", "al", "bzw", "z.b", "d.h", "u.a", "ca", "nr", "hr", "fr", "bd", "mme", "mlle"}
    | {"sra", "srta", "ud", "av", "núm", "pág"}
)


# Writing systems without spaces between words: first and last code point.
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x303F),  # CJK radicals and punctuation
    (0x3040, 0x312F),  # kana, bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese characters
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF01, 0xFF9F),  # full- and half-width forms
    (0x20000, 0x3FFFF),
)
_FIRST_CJK = 0x2E80
_FIRST_WITHOUT_SPACES = "\u0e00"


class Break(IntEnum):
    """How good a place the end of a word is to end a line or a cue."""

    INSIDE = 0  # between characters of a script without spaces, or inside a word too long for a line
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3


def width(text: str) -> int:
    """Columns that a text takes: 2 for full-width characters, 0 for combining and invisible ones, else 1."""
    if text.isascii():
        return len(text)
    return sum(_width(char) for char in text)


@lru_cache(4096)
def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


@lru_cache(4096)
def without_spaces(char: str) -> bool:
    """Whether the character belongs to a script that writes no spaces between words."""
    code = ord(char)
    return code >= _WITHOUT_SPACES[0][0] and any(first <= code <= last for first, last in _WITHOUT_SPACES)


def joined_without_space(before: str, after: str) -> bool:
    """Whether two texts that follow each other are written without a space: Chinese and Japanese on both sides."""
    return all(without_spaces(char) and ord(char) >= _FIRST_CJK for char in (before[-1], after[0]))


def clusters(token: str) -> list[str]:
    """Cut a token where its script lets a line break: never before a mark that belongs to the character before it."""
    if not token or max(token) < _FIRST_WITHOUT_SPACES:
        return [token] if token else []
    found: list[str] = []
    for char in token:
        if found and not may_break(found[-1][-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def may_break(before: str, after: str) -> bool:
    """Whether a line may break between two characters that have no space between them."""
    if belongs_to_previous(after) or before in _NEVER_LAST or before == "\u200d":
        return False
    if after in CLOSING or after in SENTENCE_ENDS or after in CLAUSE_ENDS or after in _NEVER_FIRST:
        return False
    return without_spaces(before) or without_spaces(after)


@lru_cache(4096)
def belongs_to_previous(char: str) -> bool:
    """Combining marks, joiners and variation selectors never stand alone."""
    return unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones


def break_after(text: str, following: str) -> Break:
    """How good a place the end of the word `text` is, when `following` (may be empty) comes next."""
    if text[-1:] not in _ENDS:
        return Break.WORD
    bare = text.rstrip(_CLOSING_MARKS)
    last = bare[-1:]
    if last in CLAUSE_ENDS and last:
        return Break.CLAUSE
    if not last or last not in SENTENCE_ENDS:
        return Break.WORD
    word = bare[:-1].lstrip("\"'(«“‘¿¡").lower()
    if last == "." and following:
        initial = len(word) == 1 and word.isalpha()
        if initial or word in _ABBREVIATIONS or following[0].islower():
            return Break.WORD
    return Break.SENTENCE


def has_words(text: str) -> bool:
    """Whether there is more in the text than punctuation and space."""
    return any(unicodedata.category(char)[0] not in "PZC" for char in text)
