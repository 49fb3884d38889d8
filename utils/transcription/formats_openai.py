"""A transcript in the words of OpenAI's API: the objects that its client reads, and the text piece by piece as it becomes final."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from utils.subtitles import script
from utils.transcription.contract import Segment, Transcript, Word
from utils.transcription.cue_atoms import milliseconds
from utils.transcription.formats_notes import one_line

FRAMES_A_SECOND = 100  # of Whisper's `seek`
LEAST_LOGPROB = -9_999.0  # what OpenAI's own answers hold for "impossible": JSON has no minus infinity


class Text:
    """A text that grows: segments behind each other, with a space where their scripts write one.

    Attributes:
        whole: All of it so far.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._last = ""

    @property
    def whole(self) -> str:
        """All of it so far."""
        return "".join(self._pieces)

    def add(self, segment: Segment) -> str:
        """What a segment adds, with the space before it; "" for one without text."""
        text = one_line(segment.text)
        if not text:
            return ""
        delta = text if not self._last or script.joined_without_space(self._last, text) else " " + text
        self._pieces.append(delta)
        self._last = text
        return delta


def text_of(transcript: Transcript) -> str:
    """All text in one line."""
    text = Text()
    for segment in transcript.segments:
        text.add(segment)
    return text.whole


def plain(transcript: Transcript, *, logprobs: bool) -> dict[str, Any]:
    """`json`: the text, the language and the length. A translation has its text only."""
    told: dict[str, Any] = {"text": text_of(transcript)}
    if transcript.task == "translate":
        return told
    told["languages"] = [{"code": transcript.language}] if transcript.language else []
    if logprobs:
        told["logprobs"] = logprobs_of(transcript.segments)
    return told | {"usage": usage(transcript)}


def verbose(transcript: Transcript, granularities: Collection[str], language: str) -> dict[str, Any]:
    """`verbose_json`: also times.

    Args:
        transcript: What was said.
        granularities: `segment`, `word` or both.
        language: Its name in English, as OpenAI tells languages.
    """
    told: dict[str, Any] = {
        "task": transcript.task,
        "language": language.lower(),
        "duration": seconds(transcript.seconds),
        "text": text_of(transcript),
    }
    if "word" in granularities:
        told["words"] = [_word(word) for segment in transcript.segments for word in segment.words]
    if "segment" in granularities:
        told["segments"] = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    return told | {"usage": usage(transcript)}


def delta(text: str, segments: Sequence[Segment], *, logprobs: bool) -> dict[str, Any]:
    """The event of more text."""
    told: dict[str, Any] = {"type": "transcript.text.delta", "delta": text}
    return told | ({"logprobs": logprobs_of(segments)} if logprobs else {})


def done(transcript: Transcript, *, logprobs: bool) -> dict[str, Any]:
    """The last event, with the whole text."""
    told: dict[str, Any] = {"type": "transcript.text.done", "text": text_of(transcript)}
    if transcript.task != "translate":
        told["languages"] = [{"code": transcript.language}] if transcript.language else []
    return told | ({"logprobs": logprobs_of(transcript.segments)} if logprobs else {})


def logprobs_of(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """How sure the engine was of each word, as a natural logarithm. Our tokens are words, with the space before them."""
    tokens = [
        ((" " if word.text[:1].isspace() else "") + one_line(word.text), word.probability)
        for segment in segments
        for word in segment.words
        if word.probability is not None
    ]
    return [
        {"token": token, "logprob": _logarithm(probability), "bytes": list(token.encode("utf-8", "replace"))}
        for token, probability in tokens
    ]


def usage(transcript: Transcript) -> dict[str, Any]:
    """What was listened to."""
    return {"type": "duration", "seconds": seconds(transcript.seconds)}


def seconds(at_s: float) -> float:
    """From whole milliseconds, like every other format."""
    return milliseconds(at_s) / 1000


def _word(word: Word) -> dict[str, Any]:
    return {"word": one_line(word.text), "start": seconds(word.start), "end": seconds(max(word.start, word.end))}


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    text = one_line(segment.text)
    return {
        "id": number,
        "seek": int(seconds(segment.start) * FRAMES_A_SECOND),
        "start": seconds(segment.start),
        "end": seconds(max(segment.start, segment.end)),
        "text": text,
        "tokens": [],  # of a vocabulary that engines do not share; the list has to be there
        "temperature": _number(segment.temperature, 0.0),
        "avg_logprob": _number(segment.avg_logprob, _mean_logprob(segment.words)),
        "compression_ratio": _number(segment.compression_ratio, _compression(text)),
        "no_speech_prob": _number(segment.no_speech_prob, 0.0),
    }


def _number(value: float | None, otherwise: float) -> float:
    """Clients want a number where an engine may have none."""
    return value if value is not None and math.isfinite(value) else otherwise


def _mean_logprob(words: Sequence[Word]) -> float:
    known = [_logarithm(word.probability) for word in words if word.probability is not None]
    return sum(known) / len(known) if known else 0.0


def _logarithm(probability: float) -> float:
    return math.log(min(probability, 1.0)) if probability > 0 else LEAST_LOGPROB


def _compression(text: str) -> float:
    data = text.encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data)) if data else 0.0
