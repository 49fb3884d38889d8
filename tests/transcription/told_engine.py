"""An engine that hears what a list says: each sample tells its own time, so it knows which words lie in what it is given.

A word that is cut at an edge comes out as another one, as with real engines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from utils.transcription.contract import RATE_HZ, LanguageGuess, ModelInfo, Samples, Segment, Span, TranscriptionRequest, Word

BASE = 9_000  # of a sample's value; the rest of it counts hundredths of a second
_HUNDREDTH = RATE_HZ // 100


def told_sound(seconds: float) -> NDArray[np.float32]:
    """Noise whose samples tell the time, at most 200 s; there is no pause in it."""
    index = np.arange(int(seconds * RATE_HZ))
    sign = np.random.default_rng(3).choice([-1, 1], len(index))
    told: NDArray[np.float32] = ((BASE + index // _HUNDREDTH) * sign / 32_767).astype(np.float32)
    return told


class ToldEngine:
    """Knows its words; `voices` are its stretches of speech, all of the sound unless given."""

    name = "whisper"

    def __init__(
        self, words: Sequence[Word], *, languages: dict[float, str] | None = None, voices: Sequence[Span] | None = None
    ) -> None:
        self.words = words
        self.voices = voices
        self.languages = languages or {0.0: "en"}
        self.calls: list[str] = []
        self.decoded: list[Span] = []
        self.asked: list[float] = []
        self.slow: threading.Event | None = None
        self.opened = self.closed = 0
        self.model = ModelInfo("told", True, True, ("en", "nl"))

    def problem(self, request: TranscriptionRequest) -> str:
        return ""

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> ToldEngine:
        self.opened += 1
        return self

    def close(self) -> None:
        self.closed += 1

    def speech(self, samples: Samples) -> list[Span]:
        length = len(samples) / RATE_HZ
        if self.voices is None:
            return [Span(0.0, length)]
        base = _time_of(samples)
        found = [Span(max(0.0, voice.start - base), min(length, voice.end - base)) for voice in self.voices]
        return [span for span in found if span.end > span.start]

    def detect(self, samples: Samples) -> LanguageGuess:
        now = _time_of(samples)
        self.asked.append(now)
        return LanguageGuess([tag for start, tag in self.languages.items() if start <= now][-1], 0.9)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        self.calls.append(language)
        base = _time_of(samples)
        for span in spans:
            if self.slow is not None and base > 0:
                self.slow.wait(100)
            self.decoded.append(Span(base + span.start, base + span.end))
            words = [
                _heard(word, base, span) for word in self.words if word.end > base + span.start and word.start < base + span.end
            ]
            if words:
                text = "".join(word.text for word in words).strip()
                yield Segment(words[0].start, words[-1].end, text, tuple(words), language, avg_logprob=-0.2, no_speech_prob=0.0)

    def again(self, samples: Samples, language: str) -> list[Segment]:
        return list(self.decode(samples, [Span(0, len(samples) / RATE_HZ)], language))


def _time_of(samples: Samples) -> float:
    return (round(abs(float(samples[0])) * 32_768) - BASE) / 100


def _heard(word: Word, base: float, span: Span) -> Word:
    start, end = max(word.start - base, span.start), min(word.end - base, span.end)
    whole = word.start - base >= span.start - 0.011 and word.end - base <= span.end + 0.011
    return Word(start, end, word.text if whole else " cut", 0.9)
