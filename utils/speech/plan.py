"""From a request to what an engine is given: parts of plain text, the silences between them, and what it will cost.

A part ends only where silence is put in: at a pause mark, between paragraphs, between sentences if that was asked for. Where
several silences meet, the longest counts; pause marks that stand together add up, to MAX_PAUSE_S at most. Silence before the
first and after the last word (from pause marks only) is kept apart, so that trimming does not take it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from utils.audio.formats import FORMATS
from utils.errors import BadInput, NothingToSay, TextTooLong, UnknownFormat, UnknownVoice
from utils.speech import dictionary, voices
from utils.speech.contract import (
    LOUDNESS_RANGE_LUFS,
    PAUSE_RANGE_MS,
    PITCH_RANGE,
    SPEED_RANGE,
    Part,
    SpeechEngine,
    SpeechRequest,
)
from utils.speech.marks import HAN, HANGUL, KANA
from utils.speech.pack import pack
from utils.speech.sentences import split
from utils.speech.text import MAX_PAUSE_S, PAUSE, clean, sayable
from utils.speech.text_lines import closed

MAX_PART_CHARS = 3_000  # a longer part is cut at a sentence end: what fails or is spoken again stays small
MAX_SILENCE_S = 4 * 3600.0  # all pauses of one text together; bounds the disk that a small text can take
CHARS_A_SECOND = 15.0  # of normal prose at speed 1, in languages with letters
_WEIGHTS = tuple((re.compile(f"[{script}]"), weight) for script, weight in ((HAN, 4.0), (HANGUL, 3.0), (KANA, 2.0)))
_GROWTH = 2  # cleaning and the dictionary may lengthen a text by this factor, and
_GROWTH_CHARS = 1_000  # by this
MAX_TITLE_CHARS = 500


@dataclass(frozen=True)
class Plan:
    """What will be spoken.

    Attributes:
        parts: In order; none is empty; the last one has no pause after it.
        spoken_text: The same as one text, for people: paragraphs parted by an empty line, with pause marks.
        characters: Of all parts.
        seconds: Estimated length of the sound.
        language: Tag of the language that is spoken (the voice's, if a voice was chosen).
        lead_s: Silence before the first part.
        tail_s: Silence after the last part.
    """

    parts: tuple[Part, ...]
    spoken_text: str
    characters: int
    seconds: float
    language: str
    lead_s: float = 0.0
    tail_s: float = 0.0

    @property
    def words(self) -> str:
        """What an ear should hear: the parts' texts, without pause marks."""
        return " ".join(part.text for part in self.parts)

    def requests(self, engines: Mapping[str, SpeechEngine]) -> dict[str, int]:
        """How many requests to a service each engine would send."""
        return {name: engine.requests(self.parts) for name, engine in engines.items()}


def plan(request: SpeechRequest, max_chars: int = 100_000) -> Plan:
    """Check a request and lay out what will be spoken; quick, and nothing is sent anywhere.

    Args:
        request: As it came.
        max_chars: Longest text, the setting MAX_TEXT_CHARS.

    Raises:
        TextTooLong: The text, or what became of it by the dictionary, is over the limit.
        NothingToSay: No letter and no digit is left of the text.
        BadInput: or another of its children: an option is not allowed.
    """
    if len(request.text) > max_chars:
        raise TextTooLong(
            f"The text has {len(request.text):,} characters; the limit (MAX_TEXT_CHARS) is {max_chars:,}.",
            "Shorten it, or speak it in several pieces.",
        )
    language = check(request)
    spoken_text = clean(request.text, language, request.dictionary)
    if len(spoken_text) > _GROWTH * max_chars + _GROWTH_CHARS:
        raise TextTooLong(
            f"With the dictionary the text grows to {len(spoken_text):,} characters; the limit (MAX_TEXT_CHARS) is {max_chars:,}.",
            "Shorten the text or the entries of the dictionary.",
        )
    if not sayable(spoken_text):
        raise NothingToSay(
            "There is no letter and no digit in this text, so there is nothing to say.", "Write something that can be spoken."
        )
    lead_s, parts, tail_s = _laid_out(spoken_text, language, request)
    silence_s = lead_s + tail_s + sum(part.pause_after_s for part in parts)
    if silence_s > MAX_SILENCE_S:
        raise BadInput(
            f"The pauses add up to {silence_s / 3600:.1f} hours; the limit is {MAX_SILENCE_S / 3600:.0f} hours.",
            "Make the pauses shorter or fewer.",
        )
    seconds = sum(spoken_seconds(part.text) for part in parts) / request.speed + silence_s
    return Plan(tuple(parts), spoken_text, sum(len(part.text) for part in parts), seconds, language, lead_s, tail_s)


def spoken_seconds(text: str) -> float:
    """About how long a text takes at normal speed."""
    weight = float(len(text))
    if not text.isascii():
        weight += sum((heavy - 1) * len(pattern.findall(text)) for pattern, heavy in _WEIGHTS)
    return weight / CHARS_A_SECOND


# ---- options ------------------------------------------------------------------------------------------------------


def check(request: SpeechRequest) -> str:
    """Check everything but the text.

    Returns:
        Tag of the language that will be spoken.

    Raises:
        BadInput: or a child of it, with the option and what is allowed.
    """
    _within("The speed", request.speed, SPEED_RANGE)
    _within("The pitch", request.pitch, PITCH_RANGE, " semitones")
    _within("The pause between sentences", request.pause_ms, PAUSE_RANGE_MS, " ms")
    _within("The pause between paragraphs", request.paragraph_ms, PAUSE_RANGE_MS, " ms")
    if request.loudness is not None:
        _within("The loudness", request.loudness, LOUDNESS_RANGE_LUFS, " LUFS")
    if request.format not in FORMATS:
        raise UnknownFormat(f"There is no format {request.format[:20]!r}.", "Choose one of " + ", ".join(FORMATS) + ".")
    if len(request.title) > MAX_TITLE_CHARS:
        raise BadInput(f"The title has {len(request.title):,} characters; the limit is {MAX_TITLE_CHARS}.", "Shorten the title.")
    dictionary.check(request.dictionary)
    return _language(request)


def _within(what: str, value: float, allowed: tuple[float, float], unit: str = "") -> None:
    low, high = allowed
    if not low <= value <= high:  # also refuses NaN
        raise BadInput(f"{what} is {value:g}{unit}; allowed is {low:g} to {high:g}{unit}.", "Choose a value within these limits.")


def _language(request: SpeechRequest) -> str:
    if request.engine != "auto" and request.engine not in voices.ENGINES:
        raise BadInput(
            f"There is no engine {request.engine[:20]!r}.", "Choose one of " + ", ".join(("auto", *voices.ENGINES)) + "."
        )
    if request.voice:
        voice = voices.find(request.voice)
        if request.engine not in ("auto", voice.engine):
            raise UnknownVoice(
                f"The voice {voice.id} belongs to another engine than {request.engine}.", "Leave the engine open, or the voice."
            )
        return voice.language
    language = voices.find_language(request.language).tag
    if request.accent:
        voices.default("gtts", language, request.accent)
    if request.engine != "auto":
        voices.default(request.engine, language, request.accent)
    return language


# ---- layout -------------------------------------------------------------------------------------------------------


def _laid_out(text: str, language: str, request: SpeechRequest) -> tuple[float, list[Part], float]:
    """Silence before, the parts, silence after."""
    parts: list[Part] = []
    lead_s = asked_s = marked_s = 0.0
    for token in _tokens(text, language, request):
        if isinstance(token, _Gap):
            asked_s, marked_s = max(asked_s, token.asked_s), min(marked_s + token.marked_s, MAX_PAUSE_S)
        elif sayable(token):
            if parts:
                parts[-1] = replace(parts[-1], pause_after_s=max(asked_s, marked_s))
            else:
                lead_s = marked_s
            parts += [Part(piece) for piece in _cut(token, language)]
            asked_s = marked_s = 0.0
    return lead_s, parts, marked_s


@dataclass(frozen=True)
class _Gap:
    """Silence between two stretches of text: by an option, or by a pause mark."""

    asked_s: float = 0.0
    marked_s: float = 0.0


def _tokens(text: str, language: str, request: SpeechRequest) -> Iterator[str | _Gap]:
    """Stretches of text and the gaps between them, in order."""
    paragraphs = text.split("\n\n")
    if not request.paragraph_ms:
        paragraphs = [" ".join(map(closed, paragraphs))]
    between = _Gap(asked_s=max(request.paragraph_ms, request.pause_ms) / 1000)
    for paragraph in paragraphs:
        for index, piece in enumerate(PAUSE.split(paragraph)):
            if index % 2:
                yield _Gap(marked_s=float(piece))
            elif request.pause_ms:
                for sentence in split(piece, language):
                    yield sentence
                    yield _Gap(asked_s=request.pause_ms / 1000)
            else:
                yield piece.strip()
        yield between


def _cut(text: str, language: str) -> list[str]:
    """The text in stretches of at most MAX_PART_CHARS, cut at sentence ends where there are any."""
    if len(text) <= MAX_PART_CHARS:
        return [text]
    stretches: list[str] = []
    for sentence in split(text, language):
        for piece in pack(sentence, MAX_PART_CHARS, language):
            if stretches and len(stretches[-1]) + 1 + len(piece) <= MAX_PART_CHARS:
                stretches[-1] += " " + piece
            else:
                stretches.append(piece)
    return stretches
