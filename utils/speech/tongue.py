"""Which language a text probably is in, by its letters alone: only scripts that one language mostly uses are told apart."""

from __future__ import annotations

from collections import Counter

DEFAULT = "en"
LOOKED_AT = 2_000  # characters
# First and last character of a block, and the language that is written in it most.
_BLOCKS = (
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "ru"),
    (0x0530, 0x058F, "hy"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"),
    (0x0A80, 0x0AFF, "gu"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"),
    (0x0C80, 0x0CFF, "kn"),
    (0x0D00, 0x0D7F, "ml"),
    (0x0D80, 0x0DFF, "si"),
    (0x0E00, 0x0E7F, "th"),
    (0x1000, 0x109F, "my"),
    (0x10A0, 0x10FF, "ka"),
    (0x1200, 0x137F, "am"),
    (0x3040, 0x30FF, "ja"),
    (0x3400, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
)
_UKRAINIAN = frozenset("іїєґІЇЄҐ")
_KANA_SHARE = 0.05  # of the letters: Chinese texts have no kana, Japanese ones have many


def guess(text: str) -> str:
    """A tag for the language of a text; `en` for everything in Latin letters and for what has none."""
    letters = [char for char in text[:LOOKED_AT] if char.isalpha()]
    if not letters or text.isascii():
        return DEFAULT
    counts = Counter(_of(char) for char in letters)
    if counts["ja"] >= _KANA_SHARE * len(letters):
        return "ja"
    tag, _ = counts.most_common(1)[0]
    if tag == "ru" and _UKRAINIAN.intersection(letters):
        return "uk"
    return tag


def _of(char: str) -> str:
    code = ord(char)
    return next((tag for first, last, tag in _BLOCKS if first <= code <= last), DEFAULT)
