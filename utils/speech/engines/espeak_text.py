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

MAX_RUN = 72  # characters of one word; the longest German word in law books has 67
MAX_DIGITS = 30
MAX_WEIGHT = 900  # of a clause; one unit is about a phoneme
BREATH_WEIGHT = 700  # from here on, a clause is broken at the next space
BREAK = ", "
BREAK_WITHOUT_LETTERS = "\n\n"  # eSpeak does not hear a comma after nothing but symbols and emoji; as long as the other
MAX_PIECE = 200  # characters spoken in one go when a part is spoken again after a crash

# NUL ends eSpeak's text, other controls are its embedded commands, U+0530 and U+0557 its own marks for emphasis and break; lone
# surrogates have no UTF-8, U+FFFE and U+FFFF mean nothing. A space for each keeps the places.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u0530\u0557\ufffe\uffff\ud800-\udfff]")
_ENDS = frozenset("\u3001\u3002\uff0c\uff0e\uff01\uff1a\uff1b\uff1f\u2026\u0964\u061f\u060c\u061b")  # end a clause anywhere
_ENDS_BEFORE_SPACE = frozenset(",.;:!?")
_SENTENCE = re.compile(r".+?(?:[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f\u0964\u061f]+|\n|\Z)\s*", re.DOTALL)

_COMMON = frozenset({"LATIN", "COMBINING", "MODIFIER"})  # first words of Unicode names
_SCRIPTS = (
    dict.fromkeys(("ba", "be", "bg", "bs", "cv", "kk", "ky", "mk", "nog", "ru", "sr", "tt", "uk", "uz"), "CYRILLIC")
    | dict.fromkeys(("ar", "fa", "ku", "sd", "ug", "ur"), "ARABIC")
    | dict.fromkeys(("hi", "kok", "mr", "ne"), "DEVANAGARI")
    | dict.fromkeys(("as", "bn", "bpy"), "BENGALI")
    | dict.fromkeys(("el", "grc"), "GREEK")
    | dict.fromkeys(("am", "ti"), "ETHIOPIC")
    | dict.fromkeys(("hy", "hyw"), "ARMENIAN")
    | dict.fromkeys(("my", "shn"), "MYANMAR")
    | {"he": "HEBREW", "pa": "GURMUKHI", "gu": "GUJARATI", "or": "ORIYA", "ta": "TAMIL", "te": "TELUGU", "kn": "KANNADA"}
    | {"ml": "MALAYALAM", "si": "SINHALA", "th": "THAI", "ka": "GEORGIAN", "chr": "CHEROKEE"}
)


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


def scripts_of(voice: str) -> frozenset[str]:
    """Scripts that a voice reads letter by letter as words, beside Latin; it spells all others by the letters' names."""
    return frozenset(_SCRIPTS.get(voice.lower().partition("+")[0].partition("-")[0], "").split())


def prepare(part: str, scripts: frozenset[str] = frozenset()) -> Prepared:
    """Make a part safe and loss-free for eSpeak. Its characters stay where they are, but for the breaks put in.

    Args:
        part: Any text.
        scripts: Of the voice, see `scripts_of`.
    """
    text = _UNSPEAKABLE.sub(" ", part)
    pieces, places, begin, length = [], [], 0, 0
    for cut, mark in _cuts(text, scripts | _COMMON):
        pieces += [text[begin:cut], mark]
        length += cut - begin
        places.append(length)
        length += len(mark)
        begin = cut
    return Prepared("".join([*pieces, text[begin:]]), tuple(places))


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


def _cuts(text: str, scripts: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Indices in front of which a break has to go, and the break."""
    weight, run, digits, letters = 0.0, 0, 0, False
    for index, char in enumerate(text):
        if _ends_clause(text, index) and letters:
            weight, run, digits, letters = 0.0, 0, 0, False
            continue
        space = char.isspace()
        own = 0.0 if space else _weight(char, scripts)
        digits = digits + 1 if char.isdigit() else 0
        run = 0 if space or _stands_alone(char) else run + 1
        if run > MAX_RUN or digits > MAX_DIGITS or weight + own > MAX_WEIGHT or (space and weight >= BREATH_WEIGHT):
            yield index, BREAK if letters else BREAK_WITHOUT_LETTERS
            weight, run, digits, letters = 0.0, min(run, 1), min(digits, 1), False
        weight += own
        letters = letters or char.isalnum()


def _ends_clause(text: str, index: int) -> bool:
    """Whether eSpeak ends a clause with this character, if there is a letter in it: a full stop does not before a small letter."""
    char = text[index]
    if char not in _ENDS_BEFORE_SPACE:
        return char in _ENDS
    after = text[index + 1 : index + 16]
    return after[:1].isspace() and not (char == "." and after.lstrip()[:1].islower())


def _weight(char: str, scripts: frozenset[str]) -> float:
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
    # Names of letters and of emoji are long; 0.7 s for a Cyrillic letter in a German voice.
    return 1.5 if unicodedata.name(char, "").partition(" ")[0] in scripts else 12.0


def _is_ideograph(code: int) -> bool:
    return 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF


def _stands_alone(char: str) -> bool:
    """eSpeak finds words by itself in scripts without spaces: ideographs, Thai, Lao, Myanmar, Khmer; but not in kana."""
    code = ord(char)
    if 0x3040 <= code <= 0x30FF:
        return False
    return _is_ideograph(code) or 0x0E00 <= code <= 0x0EFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF
