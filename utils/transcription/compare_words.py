"""Texts -> words that can be compared: case, punctuation, spelling of characters and of numbers make no difference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from utils.subtitles import script
from utils.transcription.compare_numbers import number_at

_APOSTROPHES = frozenset("'\u2019\u02bc\u2018`\u00b4\uff07")
_APART = frozenset({"fr", "it", "ca"})  # what stands before an apostrophe is a word of its own: l'homme
# Vowel marks that are written or left out as one likes: Arabic, Hebrew; the Arabic lengthening stroke; invisible marks.
_OPTIONAL = re.compile(
    "[\u0610-\u061a\u0640\u064b-\u065f\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u200b-\u200f\u00ad\u2060\ufeff]"
)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_HYPHENS = frozenset("-\u2010\u2011")
_LONGEST = 16  # words of a number
_POINT = MappingProxyType({"en": "point", "de": "komma", "fr": "virgule", "es": "coma"})
_SIGNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {"%": "percent", "&": "and"},
        "de": {"%": "prozent", "&": "und"},
        "fr": {"%": "pour cent", "&": "et"},
        "es": {"%": "por ciento", "&": "y"},
    }
)


@dataclass(frozen=True)
class Token:
    """A word for comparing.

    Attributes:
        key: What is compared.
        shown: As it was written, without punctuation.
        apart: Punctuation stands before it: it does not go on with a number.
    """

    key: str
    shown: str
    apart: bool = False


def tokens(text: str, language: str) -> list[Token]:
    """Words of a text; characters one by one in scripts without spaces.

    Args:
        text: Any.
        language: BCP 47 tag; numbers as words are known for English, German, French and Spanish.
    """
    main = language.partition("-")[0].lower()
    plain = _OPTIONAL.sub("", unicodedata.normalize("NFKC", text))
    return list(_counted(list(_words(plain, main)), main))


def normalised(text: str, language: str) -> str:
    """The words' keys with spaces between them: what any other tool may compare."""
    return " ".join(token.key for token in tokens(text, language))


def _words(text: str, language: str) -> Iterator[Token]:
    at, apart = 0, False
    while at < len(text):
        kind = _kind(text[at])
        if not kind:
            apart = apart or not (text[at].isspace() or text[at] in _HYPHENS)
            sign = _SIGNS.get(language, {}).get(text[at], "")
            yield from (Token(word, text[at], True) for word in sign.split())
            at += 1
            continue
        stop = _end_of_token(text, at, kind, language)
        if kind == "digit":
            yield from _number(text[at:stop], language)
        elif kind != "mark":
            key = "".join(mark for mark in text[at:stop].casefold() if mark not in _APOSTROPHES)
            yield Token(key, text[at:stop], apart)
        at, apart = stop, False


def _end_of_token(text: str, at: int, kind: str, language: str) -> int:
    if kind == "letter":
        return _end_of_word(text, at, language)
    match = _DIGITS.match(text, at) if kind == "digit" else None
    stop = match.end() if match else at + 1
    while kind == "alone" and stop < len(text) and script.belongs_to_previous(text[stop]):
        stop += 1
    return stop


def _end_of_word(text: str, at: int, language: str) -> int:
    stop, count = at, len(text)
    while stop < count:
        kind = _kind(text[stop])
        inside = kind in ("letter", "mark")
        apostrophe = (
            text[stop] in _APOSTROPHES and language not in _APART and stop + 1 < count and _kind(text[stop + 1]) == "letter"
        )
        if not inside and not apostrophe:
            break
        stop += 1
    return stop


@lru_cache(4096)
def _kind(char: str) -> str:
    """`letter`, `digit`, `mark`, `alone` (a character that is compared by itself) or ""."""
    category = unicodedata.category(char)
    if category == "Nd":
        return "digit"
    if category[0] in "LN":
        return "alone" if script.without_spaces(char) else "letter"
    return "mark" if category[0] == "M" else ""


def _number(written: str, language: str) -> Iterator[Token]:
    """Digits: without thousands marks, and with a spoken point."""
    thousands, point = (",", ".") if language in ("en", "zh", "ja", "ko", "th", "he") else (".", ",")
    digits = "".join(str(unicodedata.digit(mark)) if mark.isdigit() else mark for mark in written)
    digits = re.sub(rf"\{thousands}(?=\d{{3}}(?!\d))", "", digits)
    whole, _, parts = digits.partition(point)
    if not parts or not parts.isdigit():
        yield from (Token(_key(part), part) for part in re.split(r"[.,]", digits))
        return
    yield Token(_key(whole), written)
    yield Token(_POINT.get(language, "."), point)
    yield from (Token(part, part) for part in parts)


def _key(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _counted(found: list[Token], language: str) -> Iterator[Token]:
    """Numbers in words become digits."""
    keys = [token.key for token in found]
    at = 0
    while at < len(found):
        stop = at + 1
        while stop < min(len(found), at + _LONGEST) and not found[stop].apart:
            stop += 1
        spoken = number_at(keys[at:stop], 0, language)
        if spoken is None:
            yield found[at]
            at += 1
        else:
            number, length = spoken
            yield Token(str(number), " ".join(token.shown for token in found[at : at + length]))
            at += length
