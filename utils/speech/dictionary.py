"""How words are to be spoken: one `word = spoken` a line, kept with the session.

Whole words and phrases are replaced, the longest first, once (what was put in is not looked at again). An entry in small
letters stands for every spelling of the word, and a capital at its beginning is kept; an entry with capitals (`US`, `iOS`)
stands for exactly that. In scripts without spaces an entry is found anywhere. With nothing behind the `=`, the word is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from utils.errors import BadInput
from utils.speech.marks import UNSPACED

MAX_ENTRIES = 500
MAX_WORD_CHARS = 100
MAX_SPOKEN_CHARS = 300

Pairs = tuple[tuple[str, str], ...]

_TOKEN_CHAR = f"[^\\W{UNSPACED}]"
_TOKEN = re.compile(f"{_TOKEN_CHAR}+")


def parse(text: str) -> Pairs:
    """Read a dictionary as somebody typed it.

    Raises:
        BadInput: A line has no `=`, no word, a word twice, or is too long; the sentence names the line.
    """
    pairs: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        word, equals, spoken = line.partition(" = ") if " = " in line else line.partition("=")
        word, spoken = " ".join(word.split()), " ".join(spoken.split())
        if not equals:
            raise BadInput(f"Line {number} of the dictionary has no equals sign.", "Write one entry a line: word = spoken.")
        problem = _problem(word, spoken)
        if problem:
            raise BadInput(f"Line {number} of the dictionary {problem}.", "Write one entry a line: word = spoken.")
        if word in lines:
            raise BadInput(f"Line {number} of the dictionary repeats the word of line {lines[word]}.", "Keep one of the two.")
        pairs[word], lines[word] = spoken, number
    return check(tuple(pairs.items()))


def format(pairs: Sequence[tuple[str, str]]) -> str:
    """The inverse of `parse`: one `word = spoken` a line."""
    return "\n".join(f"{word} = {spoken}".rstrip() for word, spoken in pairs)


def check(pairs: Sequence[tuple[str, str]]) -> Pairs:
    """The pairs as they are, if they are within the limits.

    Raises:
        BadInput: Too many pairs, or one of them is empty or too long; the sentence names its number.
    """
    if len(pairs) > MAX_ENTRIES:
        raise BadInput(f"The dictionary has {len(pairs):,} entries; the limit is {MAX_ENTRIES}.", "Take some entries out.")
    for number, (word, spoken) in enumerate(pairs, 1):
        if problem := _problem(word, spoken):
            raise BadInput(f"Entry {number} of the dictionary {problem}.", "Write one entry a line: word = spoken.")
    return tuple((word, spoken) for word, spoken in pairs)


def _problem(word: str, spoken: str) -> str:
    if not word.strip():
        return "has no word before the equals sign"
    if len(word) > MAX_WORD_CHARS:
        return f"has a word of {len(word)} characters, the limit is {MAX_WORD_CHARS}"
    return f"has {len(spoken)} spoken characters, the limit is {MAX_SPOKEN_CHARS}" if len(spoken) > MAX_SPOKEN_CHARS else ""


def apply(text: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Replace the words of the dictionary in a text; pause marks are left alone."""
    by_token: dict[str, list[_Entry]] = {}
    loose: list[_Entry] = []
    for word, spoken in sorted(pairs, key=lambda pair: len(pair[0]), reverse=True):
        entry = _entry(unicodedata.normalize("NFC", word), spoken)
        token = _TOKEN.match(entry.word)
        (by_token.setdefault(token[0].lower(), []) if token else loose).append(entry)
    spots = [r"\[pause:[\d.]+s\]", *(entry.pattern.pattern for entry in loose), _TOKEN.pattern]
    spot = re.compile("|".join(f"(?:{pattern})" for pattern in spots), re.IGNORECASE)
    return "".join(_replaced(text, spot, by_token, loose))


@dataclass(frozen=True)
class _Entry:
    word: str
    spoken: str
    any_case: bool
    pattern: re.Pattern[str]

    def said(self, written: str) -> str:
        """The spoken form for the word as it is written, with its capital."""
        keeps = self.any_case and written[:1].isupper() and not written.isupper()
        return self.spoken[:1].upper() + self.spoken[1:] if keeps else self.spoken


def _entry(word: str, spoken: str) -> _Entry:
    any_case = word == word.lower()
    body = r"\s+".join(re.escape(part) for part in word.split())
    whole = f"{body}(?!{_TOKEN_CHAR})" if re.match(_TOKEN_CHAR, word[-1]) else body
    return _Entry(word, spoken, any_case, re.compile(whole, re.IGNORECASE if any_case else 0))


def _replaced(text: str, spot: re.Pattern[str], by_token: Mapping[str, list[_Entry]], loose: list[_Entry]) -> Iterator[str]:
    kept = at = 0
    while found := spot.search(text, at):
        at = found.end()
        first = found[0][0]
        candidates = by_token.get(found[0].lower(), ()) if re.match(_TOKEN_CHAR, first) else loose
        for entry in candidates:
            if match := entry.pattern.match(text, found.start()):
                yield text[kept : match.start()]
                yield entry.said(match[0])
                kept = at = match.end()
                break
        at = max(at, found.start() + 1)
    yield text[kept:]
