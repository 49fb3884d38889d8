"""One job's use of a loaded Whisper model: batched or one after the other, always with explicit clips and with timestamps.

The library is given a few spans at a time (`batch_size`, or one), so that its features need no memory that grows with the window,
and its generators are closed in every case. What it reports is brought into order: times inside the span they come from and
rising.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from utils.errors import BadInput, EngineRefused
from utils.transcription.contract import RATE_HZ, LanguageGuess, ModelInfo, Samples, Segment, Span, TranscriptionRequest, Word
from utils.transcription.engines.voice import LONGEST_S, Voice
from utils.transcription.engines.whisper_library import Library

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # the library's own list; batched decoding would use the first one only
SURE = 0.5  # from this probability on a span's language is believed; below it the language before it stays


@dataclass(frozen=True)
class Loaded:
    """A model in memory: the library's object, and what it is."""

    model: Any
    info: ModelInfo


class WhisperDecoding:
    """A Decoding, see `contract`. Used by one thread."""

    def __init__(
        self,
        library: Library,
        loaded: Loaded,
        voice: Voice,
        request: TranscriptionRequest,
        *,
        batch_size: int,
        on_close: Callable[[], None],
        short: bool = False,
    ) -> None:
        """Begin a job.

        Args:
            library: faster-whisper.
            loaded: The model.
            voice: The voice detector.
            request: The job's options.
            batch_size: Spans that are decoded at once.
            on_close: Called once, by `close`.
            short: Batched windows may be shorter than 30 s.
        """
        self._library, self._loaded, self._voice, self._request = library, loaded, voice, request
        self._batch_size, self._short = batch_size, short
        self._on_close: Callable[[], None] | None = on_close
        self._pipeline: Any = None

    @property
    def model(self) -> ModelInfo:
        """What is loaded."""
        return self._loaded.info

    def speech(self, samples: Samples) -> list[Span]:
        """Where there is a voice, in stretches of at most 30 s, with 0.2 s around them."""
        return self._voice.spans(checked(samples))

    def detect(self, samples: Samples) -> LanguageGuess:
        """Language of at most 30 s."""
        if not self.model.multilingual:
            return LanguageGuess("en", 1.0)
        if not len(samples):
            return LanguageGuess("", 0.0)
        language, probability, _ = self._library.detect(self._loaded.model, checked(samples)[: round(LONGEST_S * RATE_HZ)])
        return LanguageGuess(language, float(probability))

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        """Text of the spans, lazily, in order of time."""
        whole = Span(0.0, len(checked(samples)) / RATE_HZ)
        kept = [span for span in (_inside(span, whole) for span in spans) if span.end > span.start]
        return self._decode(samples, kept, language)

    def again(self, samples: Samples, language: str) -> list[Segment]:
        """One stretch alone, with temperatures, thresholds and word times, without prompt and names, which may be the trouble."""
        if not len(samples):
            return []
        whole = Span(0.0, len(samples) / RATE_HZ)
        options = self._options(language) | {
            "temperature": self._temperatures,
            "word_timestamps": True,
            "vad_filter": False,
            "initial_prompt": None,
            "hotwords": None,
        }
        found, info = self._library.transcribe(self._loaded.model, checked(samples), **options)
        with closing(_generator(found)) as segments:
            return list(in_order((segment_of(each, 0.0, language or info.language) for each in segments), whole))

    def close(self) -> None:
        """Give the model back; may be called again."""
        done, self._on_close = self._on_close, None
        self._pipeline = None
        if done is not None:
            done()

    def _decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        step = self._batch_size if self._request.batch else 1
        for spoken, group in self._in_languages(samples, spans, language):
            for first in range(0, len(group), step):
                yield from self._decode_group(samples, group[first : first + step], spoken)

    def _in_languages(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[tuple[str, Sequence[Span]]]:
        """The spans in groups of one language. A multilingual request looks at each: the library would not tell what it found."""
        if not self._request.multilingual or not self.model.multilingual:
            yield language or "en" if not self.model.multilingual else language, spans
            return
        group: list[Span] = []
        spoken = language
        for span in spans:
            guess = self.detect(_cut(samples, span))
            found = guess.language if guess.probability >= SURE or not spoken else spoken
            if group and (found != spoken or len(group) >= self._batch_size):
                yield spoken, group
                group = []
            spoken = found
            group.append(span)
        if group:
            yield spoken, group

    def _decode_group(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        """A few spans at once."""
        if not self._request.batch:
            for span in spans:
                yield from self._decode_one(samples, span, language)
            return
        pipeline, self._pipeline = self._pipeline or self._library.pipeline(self._loaded.model, short=self._short), None
        clips = [{"start": span.start - spans[0].start, "end": span.end - spans[0].start} for span in spans]
        stretch = _cut(samples, Span(spans[0].start, spans[-1].end))
        options = self._options(language) | {"batch_size": self._batch_size, "clip_timestamps": clips}
        options["temperature"] = self._request.temperature
        found, info = self._library.transcribe_batched(pipeline, stretch, **options)
        with closing(_generator(found)) as segments:
            yield from in_order(_by_span(segments, spans, language or info.language), Span(spans[0].start, spans[-1].end))
        self._pipeline = pipeline  # one that was left in the middle keeps the time where it stood, and is not used again

    def _decode_one(self, samples: Samples, span: Span, language: str) -> Iterator[Segment]:
        """A span alone, as the library does it without a pipeline."""
        options = self._options(language) | {"temperature": self._temperatures, "vad_filter": False}
        found, info = self._library.transcribe(self._loaded.model, _cut(samples, span), **options)
        with closing(_generator(found)) as segments:
            yield from in_order((segment_of(each, span.start, language or info.language) for each in segments), span)

    @property
    def _temperatures(self) -> tuple[float, ...]:
        """The request's, then those of the library's list that are higher."""
        first = self._request.temperature
        return (first, *(higher for higher in TEMPERATURES if higher > first))

    def _options(self, language: str) -> dict[str, Any]:
        """What both ways share."""
        request = self._request
        return {
            "language": language or None,
            "task": request.task,
            "beam_size": request.beam_size,
            "initial_prompt": request.prompt or None,
            "hotwords": request.hotwords or None,
            "word_timestamps": request.word_timestamps,
            "without_timestamps": False,
            "condition_on_previous_text": False,
        }


def checked(samples: Samples) -> Samples:
    """The samples, if they are what the library can bear.

    Raises:
        BadInput: Not float32 in one dimension, or not finite: the library would let that through into the features.
    """
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise BadInput("The sound for the engine is not one channel of float32 samples.", "Decode the recording again.")
    if not np.isfinite(samples).all():
        raise BadInput("The sound holds samples that are no numbers.", "Decode the recording again.")
    return samples


def segment_of(found: Any, offset: float, language: str) -> Segment:
    """The library's segment as ours, moved by `offset` seconds."""
    words = tuple(
        Word(float(offset + word.start), float(offset + word.end), word.word, float(word.probability))
        for word in found.words or ()
        if word.word
    )
    return Segment(
        start=float(offset + found.start),
        end=float(offset + found.end),
        text=found.text.strip(),
        words=words,
        language=language,
        avg_logprob=float(found.avg_logprob),
        no_speech_prob=float(found.no_speech_prob),
        compression_ratio=float(found.compression_ratio),
        temperature=None if found.temperature is None else float(found.temperature),
    )


def in_order(segments: Iterator[Segment], bounds: Span) -> Iterator[Segment]:
    """Leave out what has no text, and make all times rise and stay inside the bounds; rounded to whole milliseconds."""
    last = bounds.start
    for segment in segments:
        if not segment.text:
            continue
        words = []
        for word in segment.words:
            start = min(max(word.start, last), bounds.end)
            end = min(max(word.end, start), bounds.end)
            words.append(replace(word, start=round(start, 3), end=round(end, 3)))
            last = start
        start = words[0].start if words else min(max(segment.start, last), bounds.end)
        end = words[-1].end if words else min(max(segment.end, start), bounds.end)
        last = end
        yield replace(segment, start=round(start, 3), end=round(end, 3), words=tuple(words))


def _by_span(segments: Iterator[Any], spans: Sequence[Span], language: str) -> Iterator[Segment]:
    """Batched segments, each kept inside the span that it comes from; `seek` tells which, in hundredths of a second."""
    offset = spans[0].start
    at = {int(int((span.start - offset) * RATE_HZ) / RATE_HZ * 100): span for span in spans}  # counted as the library does
    for found in segments:
        segment = segment_of(found, offset, language)
        span = at.get(found.seek) or next((span for span in reversed(spans) if span.start <= segment.start), spans[0])
        yield from in_order(iter([segment]), span)


def _generator(found: Any) -> Generator[Any, None, None]:
    """What the library answered, as something that can be closed, whatever it is."""
    yield from found


def _cut(samples: Samples, span: Span) -> Samples:
    return samples[round(span.start * RATE_HZ) : round(span.end * RATE_HZ)]


def _inside(span: Span, whole: Span) -> Span:
    """The part of a span that lies in the window.

    Raises:
        EngineRefused: It is longer than Whisper can take: the rest would be lost without a word.
    """
    if span.end - span.start > LONGEST_S + 0.01:
        raise EngineRefused(f"A span of {span.end - span.start:.1f} s was given to Whisper, which takes at most {LONGEST_S:.0f} s.")
    return Span(max(span.start, whole.start), min(span.end, whole.end))
