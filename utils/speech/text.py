"""What will be spoken: from what somebody typed or pasted to plain words that an engine reads as a person would.

In this order: markup goes (`text_markup`), characters are put in order, the dictionary is applied, addresses are shortened,
emoji go, and what engines read wrongly is spelled out (`text_words`). A mark such as `[pause:1.5s]` or `[pause:500ms]` stays
in the text in one spelling, for `plan` to turn into silence; it is capped at MAX_PAUSE_S.

Decisions: fenced code and emoji are left out (an emoji can be given words in the dictionary); a web address is spoken as its
host, without `www.`, path and query; an e-mail address is spoken whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from utils.speech import dictionary as words_as_spoken
from utils.speech.marks import CLOSERS
from utils.speech.text_markup import strip, without_brackets
from utils.speech.text_tables import words_of
from utils.speech.text_words import normalise

MAX_PAUSE_S = 10.0  # of one pause mark; a longer one is cut to this
PAUSE = re.compile(r"\[pause:(\d+(?:\.\d+)?)s\]")  # the one spelling in which pauses leave `clean`

_PAUSE_TYPED = re.compile(r"\[\s?pause\s?[: ]\s?(\d{1,6}(?:[.,]\d{1,6})?)\s?(ms|s)?\s?\]", re.IGNORECASE)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
# Format characters, private use, surrogates and non-characters; the two joiners are dealt with by _LOOSE_JOINERS.
_UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
_LOOSE_JOINERS = re.compile("(?:^|(?<=[\\s\x21-\u024f]))[\u200c\u200d]+|[\u200c\u200d]+(?=[\\s\x21-\u024f]|$)")
_MARK_PILE = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]+"
)
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b05-\u2b55\u23e9-\u23fa\u231a\u231b\u2328\u23cf\u25aa-\u25fe\u2934\u2935\u3030\u303d\u3297\u3299"
    "\u2190-\u21ff\ufe00-\ufe0f]\u20e3?|[0-9#*]\ufe0f?\u20e3|(?<=[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f])\u200d"
)
_MAYBE_EMOJI = re.compile("[\u20e3\u2190-\u27bf\u2934-\u2bff\u3030-\u303d\u3297\u3299\ufe00-\ufe0f\U0001f000-\U0001faff]")
_REPEATED = re.compile(r"([^\w\s])\1{3,}")
_URL = re.compile(r"(?<![\w+.-])(?:[a-z][a-z0-9+.-]{1,20}://|www\.)[^\s<>\"“”«»`|]*", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/?#@\s]*@)?(?:www\.)?([^/?#:\s\[\]]*)", re.IGNORECASE)
_LONG_PATH = re.compile(r"(?<![\w@./-])((?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24})/(?:\S{31,}+|[^\s?]*+\?\S*+)", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:(?=[^\s@]{1,64}@)", re.IGNORECASE)
_HOST_DOTS = re.compile(
    r"(?<![\w.-])(?:[\w.+-]{1,64}@)?(?:[a-z0-9-]{1,63}\.){1,5}(?:com|org|net|edu|gov|info|io|dev|app|eu|de|at|ch|fr|it|uk|us)\b",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[^\S\n]+")


def clean(raw: str, language: str = "", dictionary: Sequence[tuple[str, str]] = ()) -> str:
    """Make plain words of what somebody typed.

    Args:
        raw: Any text.
        language: BCP 47 tag; English, French, German, Italian, Portuguese and Spanish get their abbreviations, amounts and dates
            spelled out.
        dictionary: Pairs (word, spoken as), see `dictionary`.

    Returns:
        Paragraphs parted by an empty line, each of them one line, with pause marks. Empty when nothing is left.
    """
    words = words_of(language)
    text = _LINE_ENDS.sub("\n", raw)
    text = _characters(text)
    text = _PAUSE_TYPED.sub(_pause, text)
    text = strip(text, words.less if words else "", words.more if words else "")
    if "&" in raw:  # entities may have brought characters of their own
        text = _PAUSE_TYPED.sub(_pause, _characters(text))
    if dictionary:
        text = words_as_spoken.apply(text, dictionary)
        text = _PAUSE_TYPED.sub(_pause, without_brackets(_characters(text)))  # what was put in is somebody's text as well
    text = _addresses(text, words.dot if words else "")
    if _MAYBE_EMOJI.search(text):
        text = _EMOJI.sub(" ", text)
    if "\u200c" in text or "\u200d" in text:
        text = _LOOSE_JOINERS.sub("", text)
    text = _REPEATED.sub(_fewer, text)
    text = normalise(text, language)
    paragraphs = (_BLANKS.sub(" ", paragraph).strip() for paragraph in text.split("\n"))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def sayable(text: str) -> bool:
    """Whether there is a letter or a digit to speak, pause marks not counted."""
    return any(character.isalnum() for character in PAUSE.sub("", text))


def _characters(text: str) -> str:
    """NFC, without control, format and private characters, and without piles of accents."""
    if text.isascii():
        return _CONTROLS.sub("", text)
    text = _UNSPEAKABLE.sub("", unicodedata.normalize("NFC", text))
    return _MARK_PILE.sub(r"\1", text)


def _pause(found: re.Match[str]) -> str:
    length = float(found[1].replace(",", "."))
    seconds = min(length / 1000 if (found[2] or "s").lower() == "ms" else length, MAX_PAUSE_S)
    return f"[pause:{seconds:.3f}".rstrip("0").rstrip(".") + "s]"


_ORNAMENTS = "-_=~#*+/\\|<>·•—–"  # noqa: RUF001 - dashes of all lengths


def _fewer(found: re.Match[str]) -> str:
    return "..." if found[1] == "." else " " if found[1] in _ORNAMENTS else found[1]


def _addresses(text: str, dot: str) -> str:
    """Web addresses as their host; with `dot`, the dots of hosts and e-mail addresses as that word."""
    if "://" in text or "www." in text.lower():
        text = _URL.sub(_host, text)
    if "/" in text:
        text = _LONG_PATH.sub(r"\1", text)
    if "@" in text:
        text = _MAILTO.sub("", text)
    if dot and "." in text:
        text = _HOST_DOTS.sub(lambda found: found[0].replace(".", f" {dot} "), text)
    return text


def _host(found: re.Match[str]) -> str:
    url = found[0].rstrip(".,;:!?)]}'*_" + CLOSERS)
    named = _HOST.match(url)
    return (named[1] if named else "") + found[0][len(url) :]
