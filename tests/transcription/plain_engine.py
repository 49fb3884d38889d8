"""The smallest engine: faster-whisper with the model of tests/assets, for tests of what lies above the engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.transcription.contract import RATE_HZ, LanguageGuess, ModelInfo, Samples, Segment, Span, TranscriptionRequest, Word

MODEL = Path(__file__).parents[1] / "assets" / "micro-whisper"


class PlainDecoding:
    def __init__(self, whisper: Any, request: TranscriptionRequest) -> None:
        self._whisper = whisper
        self._request = request
        self.model = ModelInfo("micro", True, True, ("en", "de", "fr", "es"))

    def speech(self, samples: Samples) -> list[Span]:
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        found = get_speech_timestamps(samples, VadOptions(min_silence_duration_ms=160, speech_pad_ms=200)) if len(samples) else []
        return [Span(span["start"] / RATE_HZ, span["end"] / RATE_HZ) for span in found]

    def detect(self, samples: Samples) -> LanguageGuess:
        language, probability, _ = self._whisper.detect_language(samples)
        return LanguageGuess(language, probability)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        from faster_whisper import BatchedInferencePipeline

        common: dict[str, Any] = {
            "language": language or None,
            "task": self._request.task,
            "beam_size": self._request.beam_size,
            "word_timestamps": self._request.word_timestamps,
            "condition_on_previous_text": False,
            "without_timestamps": False,
            "multilingual": self._request.multilingual,
        }
        if self._request.batch:
            clips: Any = [{"start": span.start, "end": span.end} for span in spans]
            segments, info = BatchedInferencePipeline(self._whisper).transcribe(
                samples, batch_size=8, clip_timestamps=clips, **common
            )
        else:
            clips = [edge for span in spans for edge in (span.start, span.end)]
            segments, info = self._whisper.transcribe(samples, clip_timestamps=clips, **common)
        for segment in segments:
            if segment.text.strip():
                yield _segment(segment, info.language)

    def again(self, samples: Samples, language: str) -> list[Segment]:
        segments, info = self._whisper.transcribe(
            samples, language=language or None, task=self._request.task, word_timestamps=True, condition_on_previous_text=False
        )
        return [_segment(segment, info.language) for segment in segments]

    def close(self) -> None:
        return None


class PlainEngine:
    name = "whisper"

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        self._whisper = WhisperModel(str(MODEL), device="cpu", compute_type="int8", cpu_threads=2)

    def problem(self, request: TranscriptionRequest) -> str:
        return ""

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> PlainDecoding:
        return PlainDecoding(self._whisper, request)


def _segment(found: Any, language: str) -> Segment:
    return Segment(
        start=float(found.start),
        end=float(found.end),
        text=found.text.strip(),
        words=tuple(Word(float(w.start), float(w.end), w.word, float(w.probability)) for w in found.words or ()),
        language=language,
        avg_logprob=float(found.avg_logprob),
        no_speech_prob=float(found.no_speech_prob),
        compression_ratio=float(found.compression_ratio),
        temperature=None if found.temperature is None else float(np.float32(found.temperature)),
    )
