"""Live captions with 1, 2 and 4 people who speak at once: how late words are, how right, how restless; and whether lag grows.

Real time is simulated: each speaker has a clock, calls of the engine cost the processor time that they really take, and wait for
one of two cores. So the figures hardly depend on what else the machine does.

`python -m benchmarks.bench_captions 30` is the long form: thirty minutes of one speaker.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TypeVar

import numpy as np

from benchmarks.figure import Figure, table
from benchmarks.rig import scratch_folder
from tests.transcription import clips
from tests.transcription.live_kit import Clock, Heard
from utils.settings import Settings
from utils.transcription.captions import Captions
from utils.transcription.captions_agree import plain
from utils.transcription.captions_rules import Caption, live_request
from utils.transcription.captions_run import LOOK_S
from utils.transcription.contract import (
    RATE_HZ,
    Decoding,
    LanguageGuess,
    ModelInfo,
    Samples,
    Segment,
    Span,
    TranscriptionEngine,
    TranscriptionRequest,
)
from utils.transcription.engines import build

T = TypeVar("T")

CORES = 2
SPEAKERS = (1, 2, 4)
SENTENCES = 16  # about half a minute
PAUSE_S = 0.8
CHUNK_S = 0.1  # as a browser sends them
COMMIT_P50_S, COMMIT_P95_S, TENTATIVE_P50_S = 1.5, 3.0, 0.7
MAX_WER, MAX_FLICKER, MAX_GROWTH_S = 5.0, 1.0, 0.5


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


@dataclass(frozen=True)
class Late:
    """Seconds from the end of a word's sound until it stood there as it stayed, and until it was committed."""

    tentative: list[float]
    committed: list[float]


def run() -> list[Figure]:
    """All speakers; the committed text against the final pass over the same sound; tentative words that were replaced."""
    engine = _engine()
    figures: list[Figure] = []
    for count in SPEAKERS:
        speakers = _speak(engine, count)
        late = [lateness(speaker.heard, speaker.said) for speaker in speakers]
        committed = [value for each in late for value in each.committed]
        tentative = [value for each in late for value in each.tentative]
        spent = sum(speaker.decoding.spent_s / speaker.said.seconds for speaker in speakers) / count
        detail = f"{len(committed)} words, {spent:.2f} s of a core for a second of sound, small test model, {CORES} simulated cores"
        p50, p95 = (float(np.percentile(committed, share)) for share in (50, 95))
        name = f"{count} at once"
        figures += [
            Figure(f"End of sound to committed word, median, {name}", p50, COMMIT_P50_S, unit=" s", detail=detail),
            Figure(f"End of sound to committed word, p95, {name}", p95, COMMIT_P95_S, unit=" s", detail=detail),
            Figure(
                f"End of sound to tentative word, median, {name}",
                float(np.percentile(tentative, 50)), TENTATIVE_P50_S, unit=" s", detail=detail,
            ),
        ]  # fmt: skip
        if count == 1:
            figures += _text_figures(engine, speakers[0])
    return figures


def _text_figures(engine: TranscriptionEngine, speaker: Speaker) -> list[Figure]:
    with scratch_folder() as folder:
        final = clips.transcribed(speaker.said.samples, engine, TranscriptionRequest(language="en"), folder).text
    against = clips.wer(final, speaker.heard.text)
    mine, theirs = clips.wer(speaker.said.text, speaker.heard.text), clips.wer(speaker.said.text, final)
    detail = f"against what was said: committed {mine:.1f} %, final pass {theirs:.1f} %"
    restless = replaced(speaker.heard.captions) / max(1, len(speaker.heard.words))
    return [
        Figure("WER of committed words against the final pass", against, MAX_WER, unit=" %", detail=detail),
        Figure(
            "Tentative words replaced for each committed word", restless, MAX_FLICKER, detail="case and punctuation do not count"
        ),
    ]


def grow(minutes: float) -> list[Figure]:
    """Does lag grow? One speaker for long."""
    speaker = _speak(_engine(), 1, sentences=max(2, int(minutes * 60 / 2.1)))[0]
    said, heard = speaker.said, speaker.heard
    late = [(word.end, now - word.end) for found, now in zip(heard.captions, heard.at, strict=True) for word in found.words]
    first, last = ([lag for end, lag in late if low <= end < low + 60] for low in (0.0, said.seconds - 60))
    growth = float(np.median(last)) - float(np.median(first))
    detail = (
        f"{said.seconds / 60:.0f} min; first minute {np.median(first):.2f} s, last {np.median(last):.2f} s; "
        f"WER {clips.wer(said.text, heard.text):.1f} %"
    )
    return [Figure("Lag of the last minute minus lag of the first", growth, MAX_GROWTH_S, unit=" s", detail=detail)]


def lateness(heard: Heard, said: clips.Clip) -> Late:
    """Of the words that were heard right."""
    mine, theirs = [plain(word.text) for word in said.words], [plain(word.text) for word in heard.words]
    committed_at = [now for found, now in zip(heard.captions, heard.at, strict=True) for _ in found.words]
    shown_at = _shown(heard, theirs)
    late = Late([], [])
    for match in SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks():
        for step in range(match.size):
            end = said.words[match.a + step].end
            late.committed.append(committed_at[match.b + step] - end)
            late.tentative.append(shown_at[match.b + step] - end)
    return late


def _shown(heard: Heard, words: Sequence[str]) -> list[float]:
    """When each committed word first stood at its place, tentative or not."""
    at = [float("inf")] * len(words)
    count = 0
    for found, now in zip(heard.captions, heard.at, strict=True):
        shown = [*(plain(word.text) for word in found.words), *(plain(text) for text in found.tentative.split())]
        for place, text in enumerate(shown, start=count):
            if place < len(words) and words[place] == text:
                at[place] = min(at[place], now)
        count += len(found.words)
    return at


def replaced(captions: Sequence[Caption]) -> int:
    """How often a tentative word was another one, or gone, in the next caption."""
    before: list[str] = []
    total = 0
    for found in captions:
        now = [plain(text) for text in (found.committed + found.tentative).split()]
        same = next((at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), min(len(before), len(now)))
        total += len(before) - same
        before = [plain(text) for text in found.tentative.split()]
    return total


def _speak(engine: TranscriptionEngine, count: int, *, sentences: int = SENTENCES) -> list[Speaker]:
    cores, speakers = Cores(CORES), []
    for number in range(count):
        said, clock = clips.joined(clips.drawn(sentences, seed=20 + number), pause_s=PAUSE_S), Clock()
        decoding = Timed(_open(engine), clock, cores)
        speakers.append(Speaker(said, decoding, clock, Captions(decoding, language="en", clock=clock)))
    while waiting := [speaker for speaker in speakers if not speaker.is_done]:
        min(waiting, key=lambda speaker: speaker.clock.now).step()
    for speaker in speakers:
        speaker.decoding.close()
    return speakers


def _engine() -> TranscriptionEngine:
    settings = Settings(whisper_model=str(clips.MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True)
    engine = build(settings)["whisper"]
    decoding = _open(engine)  # loads, and hears once
    decoding.speech(np.zeros(RATE_HZ, np.float32))
    decoding.close()
    return engine


def _open(engine: TranscriptionEngine) -> Decoding:
    return engine.open(live_request("en", engine="whisper"), note=lambda sentence: None, check=lambda: None)


if __name__ == "__main__":
    print(table(grow(float(sys.argv[1])) if len(sys.argv) > 1 else run()))
