"""Where sentences end, in any language.

A mark such as `.` ends a sentence when white space follows, unless the word before it is an abbreviation or an initial, or the
next word goes on in small letters. The full stops of Chinese and Japanese need no white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from utils.speech.marks import CLOSERS, OPENERS, STOPS, TIGHT_STOPS
from utils.speech.text_tables import words_of

_CLOSERS = re.escape(CLOSERS)
_ANY = re.compile(rf"[{STOPS}]+[{_CLOSERS}]*(?=\s|$)|[{TIGHT_STOPS}]+[{_CLOSERS}]*")
_WORD_BEFORE = re.compile(rf"[^\s{re.escape(OPENERS)}]*$")
_NEXT_WORD = re.compile(rf"\s+[{re.escape(OPENERS)}]*(\S?)")
_LONGEST_WORD = 12  # no abbreviation is longer; bounds the look back
# In German a number with a dot after one of these is an ordinal: "am 3. Juni".
_ORDINAL = re.compile(
    r"(?:^|\s)(?:am|der|die|das|den|dem|des|vom|zum|im|beim|bis|seit|ab|jeder|jeden|und)\s+\d{1,2}$", re.IGNORECASE
)


def ends_here(text: str, mark: int, after: int, language: str = "") -> bool:
    """Tell whether marks that were found between `mark` and `after` end a sentence.

    Args:
        text: The whole text.
        mark: Index of the first mark.
        after: Index behind the last mark and the quotes or brackets that close with it.
        language: BCP 47 tag; empty counts as English.
    """
    following = _NEXT_WORD.match(text, after)
    first = following.group(1) if following else ""
    if first.islower():
        return False
    if text[mark] != "." or text[mark : mark + 2] == "..":
        return True
    found = _WORD_BEFORE.search(text, max(0, mark - _LONGEST_WORD), mark)
    word = found.group().casefold() if found else ""
    never, numbered, closing = _abbreviations(language.partition("-")[0].lower() or "en")
    if word in closing:
        return not first or first.isupper()
    if word in never or (word in numbered and first.isdigit()) or (len(word) == 1 and word.isalpha()):
        return not first
    ordinal = word.isdigit() and len(word) < 3 and language[:2] == "de" and _ORDINAL.search(text, max(0, mark - 16), mark)
    return not ordinal


def ends(text: str, language: str = "") -> Iterator[int]:
    """Yield, in order, the index behind each sentence of a paragraph, the last one excepted."""
    for found in _ANY.finditer(text):
        if found.end() < len(text) and (found.group()[0] in TIGHT_STOPS or ends_here(text, found.start(), found.end(), language)):
            yield found.end()


def split(text: str, language: str = "") -> list[str]:
    """The sentences of a paragraph, in order and without the white space around them; nothing is lost."""
    pieces = (text[start:end].strip() for start, end in pairwise([0, *ends(text, language), len(text)]))
    return [piece for piece in pieces if piece]


@cache
def _abbreviations(language: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Abbreviations of a language without their last dot: never an end, not before a number, perhaps an end."""
    words = words_of(language)
    if words is None:
        return frozenset(), frozenset(), frozenset()
    tables = (words.always, words.numbered, words.closing)
    never, numbered, closing = (frozenset("".join(short.split()).rstrip(".").casefold() for short in table) for table in tables)
    return never, numbered, closing
