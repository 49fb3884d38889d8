"""Live captions in simulated real time: does lag grow? `python -m benchmarks.bench_captions 30`: thirty minutes of one speaker.

The speaker has a clock; calls of the engine cost the processor time that they really take, and wait for one of two cores. So thirty
minutes take less, and the figures hardly depend on what else the machine does.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from benchmarks.captions_kit import CHUNK_S, CORES, PAUSE_S, opened, small_model
from benchmarks.figure import Figure
from tests.transcription import clips
from tests.transcription.live_kit import Clock, Heard
from utils.transcription.captions import Captions
from utils.transcription.captions_run import LOOK_S
from utils.transcription.contract import RATE_HZ, Decoding, LanguageGuess, ModelInfo, Samples, Segment, Span, TranscriptionEngine

T = TypeVar("T")

MAX_GROWTH_S = 0.5


class Cores:
    """Which of the simulated cores is free when; one call takes one of them."""

    def __init__(self, count: int) -> None:
        self._free = [0.0] * count

    def take(self, now: float, cost_s: float) -> float:
        """When a call that is made now is through."""
        done = max(now, self._free[0]) + cost_s
        heapq.heapreplace(self._free, done)
        return done


class Timed:
    """A Decoding whose calls move a clock."""

    def __init__(self, decoding: Decoding, clock: Clock, cores: Cores) -> None:
        self._decoding, self._clock, self._cores = decoding, clock, cores
        self.spent_s = 0.0

    @property
    def model(self) -> ModelInfo:
        """See `Decoding`."""
        return self._decoding.model

    def speech(self, samples: Samples) -> list[Span]:
        """See `Decoding`."""
        return self._timed(lambda: self._decoding.speech(samples))

    def detect(self, samples: Samples) -> LanguageGuess:
        """See `Decoding`."""
        return self._timed(lambda: self._decoding.detect(samples))

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        """See `Decoding`."""
        return iter(self._timed(lambda: list(self._decoding.decode(samples, spans, language))))

    def again(self, samples: Samples, language: str) -> list[Segment]:
        """See `Decoding`."""
        return self._timed(lambda: self._decoding.again(samples, language))

    def close(self) -> None:
        """See `Decoding`."""
        self._decoding.close()

    def _timed(self, call: Callable[[], T]) -> T:
        began = time.process_time()
        answer = call()
        cost_s = time.process_time() - began
        self.spent_s += cost_s
        self._clock.now = self._cores.take(self._clock.now, cost_s)
        return answer


@dataclass
class Speaker:
    """Somebody who speaks from 0 on, and what came of it."""

    said: clips.Clip
    decoding: Timed
    clock: Clock
    captions: Captions
    heard: Heard = field(default_factory=Heard)
    fed: int = 0

    @property
    def is_done(self) -> bool:
        """Everything was said and heard."""
        return self.fed >= len(self.said.samples) and not self.captions.waiting_s

    def step(self) -> None:
        """One turn of the loop of a live job."""
        chunk = int(CHUNK_S * RATE_HZ)
        there = min(len(self.said.samples), int(self.clock.now * RATE_HZ) // chunk * chunk)
        new = there > self.fed
        self.captions.feed(self.said.samples[self.fed : max(self.fed, there)])
        self.fed = max(self.fed, there)
        self.heard.add(self.captions.step(), self.clock.now)
        if self.is_done:
            self.heard.add(self.captions.finish(), self.clock.now)
        elif not new:
            self.clock.now += LOOK_S


def grow(minutes: float) -> list[Figure]:
    """Does lag grow? One speaker for long."""
    speaker = speak(small_model(), 1, sentences=max(2, int(minutes * 60 / 2.1)))[0]
    said, heard = speaker.said, speaker.heard
    late = [(word.end, now - word.end) for found, now in zip(heard.captions, heard.at, strict=True) for word in found.words]
    first, last = ([lag for end, lag in late if low <= end < low + 60] for low in (0.0, said.seconds - 60))
    growth = float(np.median(last)) - float(np.median(first))
    detail = (
        f"{said.seconds / 60:.0f} min; first minute {np.median(first):.2f} s, last {np.median(last):.2f} s; "
        f"WER {clips.wer(said.text, heard.text):.1f} %"
    )
    return [Figure("Lag of the last minute minus lag of the first", growth, MAX_GROWTH_S, unit=" s", detail=detail)]


def speak(engine: TranscriptionEngine, count: int, *, sentences: int) -> list[Speaker]:
    """So many speakers at once, each saying so many sentences."""
    cores, speakers = Cores(CORES), []
    for number in range(count):
        said, clock = clips.joined(clips.drawn(sentences, seed=20 + number), pause_s=PAUSE_S), Clock()
        decoding = Timed(opened(engine), clock, cores)
        speakers.append(Speaker(said, decoding, clock, Captions(decoding, language="en", clock=clock)))
    while waiting := [speaker for speaker in speakers if not speaker.is_done]:
        min(waiting, key=lambda speaker: speaker.clock.now).step()
    for speaker in speakers:
        speaker.decoding.close()
    return speakers
