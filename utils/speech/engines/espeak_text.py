"""Text as eSpeak NG can take it without losing any of it, and the way back from its places to ours.

eSpeak drops what is too long for its tables, without a word: of a clause all after about 1,000 phonemes, of a word all after some
60 letters or 30 digits. Measured on 1.52: "1734 " again and again loses sound from 180 characters on, so does Hangul; Chinese from
250; kana in one run from 85. `"s'" * 80` even overruns a table and aborts the process. So a comma goes in before that; text that
people write hardly ever meets it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

MAX_RUN = 60  # characters of one word
MAX_DIGITS = 30
MAX_WEIGHT = 900  # of a clause; one unit is about a phoneme
BREATH_WEIGHT = 700  # from here on, a clause is broken at the next space
BREAK = ", "
MAX_PIECE = 200  # characters spoken in one go when a part is spoken again after a crash

# NUL ends eSpeak's text, other controls are its embedded commands, U+0530 and U+0557 its own marks for emphasis and break; lone
# surrogates have no UTF-8, U+FFFE and U+FFFF mean nothing. A space for each keeps the places.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u0530\u0557\ufffe\uffff\ud800-\udfff]")
_ENDS = frozenset("\n\u3001\u3002\uff0c\uff0e\uff01\uff1a\uff1b\uff1f\u2026\u0964\u061f\u060c\u061b")  # end a clause anywhere
_ENDS_BEFORE_SPACE = frozenset(",.;:!?")
_SENTENCE = re.compile(r".+?(?:[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f\u0964\u061f]+|\n|\Z)\s*", re.DOTALL)


@dataclass(frozen=True)
class Prepared:
    """What eSpeak is given.

    Attributes:
        text: The part with spaces for what cannot be spoken, and with breaks put in.
        breaks: Where in `text` each break begins, ascending.
    """

    text: str
    breaks: tuple[int, ...] = ()

    def index(self, place: int) -> int:
        """Index in the part of the character at eSpeak's 1-based `place`."""
        return place - 1 - len(BREAK) * bisect_right(self.breaks, place - 1)


def prepare(part: str) -> Prepared:
    """Make a part safe and loss-free for eSpeak. Its characters stay where they are, but for the breaks put in."""
    text = _UNSPEAKABLE.sub(" ", part)
    cuts = list(_cuts(text))
    pieces = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return Prepared(BREAK.join(pieces), tuple(cut + len(BREAK) * index for index, cut in enumerate(cuts)))


def sentences(text: str) -> list[str]:
    """Cut a part into its sentences; joined, they are the part."""
    return _SENTENCE.findall(text)


def pieces(sentence: str) -> list[str]:
    """Cut a sentence at spaces into pieces of at most MAX_PIECE characters, a longer word hard; joined, they are the sentence."""
    found = []
    while len(sentence) > MAX_PIECE:
        cut = sentence.rfind(" ", 1, MAX_PIECE) + 1 or MAX_PIECE
        found.append(sentence[:cut])
        sentence = sentence[cut:]
    return [*found, sentence]


def _cuts(text: str) -> Iterator[int]:
    """Indices in front of which a break has to go."""
    weight, run, digits = 0.0, 0, 0
    for index, char in enumerate(text):
        if char.isspace() or char in _ENDS:
            run = digits = 0
            if char in _ENDS:
                weight = 0.0
            elif weight >= BREATH_WEIGHT:
                yield index
                weight = 0.0
            continue
        if char in _ENDS_BEFORE_SPACE and text[index + 1 : index + 2].isspace():
            weight = 0.0
            continue
        own = _weight(char)
        digits = digits + 1 if char.isdigit() else 0
        run = 0 if _stands_alone(char) else run + 1
        if run > MAX_RUN or digits > MAX_DIGITS or weight + own > MAX_WEIGHT:
            yield index
            weight, run, digits = 0.0, 1, min(digits, 1)
        weight += own


def _weight(char: str) -> float:
    """About how many phonemes a character costs, on the high side."""
    code = ord(char)
    if char.isdigit():
        return 6.0  # "1734" is "one thousand seven hundred and thirty four"
    if code < 0x250:
        if char.isalpha():
            return 2.0 if char.isupper() else 1.0  # abbreviations are spelled
        return 1.0 if char in "-'.,:;!?\"()" else 5.0  # symbols have names
    if 0x3040 <= code <= 0x30FF:
        return 2.0  # kana
    if 0xAC00 <= code <= 0xD7AF:
        return 6.0  # Hangul
    if _is_ideograph(code):
        return 8.0  # 4 in a Chinese voice; others spell it
    return 1.5 if unicodedata.category(char)[0] in "LM" else 12.0  # other alphabets; emoji have long names


def _is_ideograph(code: int) -> bool:
    return 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF


def _stands_alone(char: str) -> bool:
    """eSpeak finds words by itself in scripts without spaces: ideographs, Thai, Lao, Myanmar, Khmer; but not in kana."""
    code = ord(char)
    if 0x3040 <= code <= 0x30FF:
        return False
    return _is_ideograph(code) or 0x0E00 <= code <= 0x0EFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF
