"""Is this sound the piece that was asked for? The length that fits a text.

Google has answered with nothing, with half, and with something else, each time under status 200. What can be known without
listening is the length: prose is spoken at about 15 characters a second, and a sound below a third or above three times of
that is suspicious. Characters differ, so each counts with what it may weigh at least and at most:

    letters                 1            a Chinese character takes as long as 4 letters, a Hangul syllable 3, kana 2
    digits                  1 .. 10      "1000000" is short, "777" is "seven hundred and seventy-seven"
    spelled-out letters     1 .. 5       USA, x86, words of more than 20 letters
    symbols                 0 .. 10      "%" may be "percent" or nothing
    punctuation             0 .. 6       silent, a pause, or "dot"
    marks on letters        0 .. 1       vowels of Indic scripts
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from utils.errors import EngineRefused
from utils.speech.engines.gtts_client import SERVICE, USE_ESPEAK

RATE_HZ = 24_000  # what Google sends
CHARS_A_SECOND = 15.0
TOLERANCE = 3.0  # a third to three times
LEAST_S = 0.1  # the shortest syllable
EDGES_S = 1.0  # silence that a piece may have around its words
SLACK_S = 2.0  # what an abbreviation may become, once a sound

_HEAVY = (  # code points from, to, weight
    (0x1100, 0x11FF, 1.5),  # Hangul letters
    (0x1200, 0x139F, 2.0),  # Ethiopic syllables
    (0x3040, 0x30FF, 2.0),  # kana
    (0x3400, 0x9FFF, 4.0),  # Chinese characters
    (0xAC00, 0xD7AF, 3.0),  # Hangul syllables
    (0xF900, 0xFAFF, 4.0),  # Chinese characters, compatibility forms
    (0x20000, 0x3FFFF, 4.0),  # Chinese characters, rare ones
)
_OTHER = {"N": (0.5, 15.0), "S": (0.0, 10.0), "P": (0.0, 6.0), "M": (0.0, 1.0), "Z": (1.0, 1.0), "C": (0.0, 0.0)}
_LONG_WORD = 20
_SAME_LETTERS = 3  # more of one letter in a row may be drawn into one sound


@dataclass(frozen=True)
class Window:
    """Plausible length of a sound in seconds."""

    low_s: float
    high_s: float

    def holds(self, seconds: float) -> bool:
        """Whether the length is plausible."""
        return self.low_s <= seconds <= self.high_s


def sayable(text: str) -> bool:
    """Whether there is a letter or digit in it; gTTS makes no request of punctuation alone."""
    return any(char.isalnum() for char in text)


def window(pieces: Sequence[str]) -> Window:
    """How long the sound of these pieces together may be."""
    low = high = 0.0
    for piece in pieces:
        for word in piece.split():
            low_weight, high_weight = _weights(word)
            low, high = low + low_weight + 1, high + high_weight + 1  # 1 for the space
    rate = CHARS_A_SECOND
    return Window(max(LEAST_S * len(pieces), low / rate / TOLERANCE), high / rate * TOLERANCE + EDGES_S * len(pieces) + SLACK_S)


def unfitting(seconds: float, fits: Window, what: str) -> EngineRefused:
    """The error for a sound whose length does not fit."""
    return EngineRefused(
        f"{SERVICE} sent {seconds:.1f} s of sound for {what}; between {fits.low_s:.1f} and {fits.high_s:.1f} s are plausible.",
        USE_ESPEAK,
    )


def _weights(word: str) -> tuple[float, float]:
    """Least and most of what a word weighs, in letters of prose."""
    has_digit = any(char.isdigit() for char in word)
    spelled = 5.0 if word.isupper() or has_digit or len(word) > _LONG_WORD else 1.0
    low = high = 0.0
    before, same = "", 0
    for char in word:
        same = same + 1 if char == before else 1
        before = char
        kind = unicodedata.category(char)
        if kind == "Nd":
            low, high = low + 1, high + 10
        elif kind[0] == "L":
            weight = next((weight for start, end, weight in _HEAVY if start <= ord(char) <= end), 1.0)
            low, high = low + (weight if same <= _SAME_LETTERS else 0.0), high + weight * (spelled if weight == 1.0 else 1.0)
        else:
            least, most = _OTHER[kind[0]]
            low, high = low + least, high + most
    return low, high
