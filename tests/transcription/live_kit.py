"""For tests of live captions: an engine that hears what a list says and takes its time on a manual clock, and a speaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tests.transcription.told_engine import ToldEngine, told_sound
from utils.transcription.captions import Captions
from utils.transcription.captions_rules import Caption
from utils.transcription.contract import RATE_HZ, Samples, Segment, Span, Word


@dataclass
class Clock:
    """Seconds that pass when somebody says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class LiveEngine(ToldEngine):
    """A `ToldEngine` that needs `cost_s` for each decoding and counts them; `changed` alters a segment's scores or text."""

    def __init__(self, words: Sequence[Word], clock: Clock, *, cost_s: float = 0.1, voices: Sequence[Span] | None = None) -> None:
        super().__init__(words, voices=voices)
        self.clock, self.cost_s = clock, cost_s
        self.changed: Callable[[Segment], Segment] = lambda segment: segment
        self.decodings = self.agains = 0

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        self.decodings += 1
        self.clock.now += self.cost_s
        return (self.changed(segment) for segment in super().decode(samples, spans, language))

    def again(self, samples: Samples, language: str) -> list[Segment]:
        self.agains += 1
        self.clock.now += self.cost_s
        return list(super().decode(samples, [Span(0, len(samples) / RATE_HZ)], language))


@dataclass
class Heard:
    """What came out, and when by the clock."""

    captions: list[Caption] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    @property
    def words(self) -> list[Word]:
        return [word for caption in self.captions for word in caption.words]

    @property
    def text(self) -> str:
        return "".join(caption.committed for caption in self.captions).strip()

    def add(self, caption: Caption | None, now: float) -> None:
        if caption is not None:
            self.captions.append(caption)
            self.at.append(now)


def speech(
    seconds: float, *, pauses: Sequence[Span] = (), word_s: float = 0.3, gap_s: float = 0.05, sentence: int = 9
) -> list[Word]:
    """Different words from 0.5 s on, none in the pauses; a full stop behind every `sentence` of them."""
    made: list[Word] = []
    at = 0.5
    while at + word_s <= seconds - 0.5:
        pause = next((pause for pause in pauses if at + word_s > pause.start and at < pause.end), None)
        if pause is not None:
            at = pause.end
            continue
        stop = "." if len(made) % sentence == sentence - 1 else ""
        made.append(Word(round(at, 3), round(at + word_s, 3), f" w{len(made)}{stop}", 0.9))
        at += word_s + gap_s
    return made


def voices(words: Sequence[Word], *, pad_s: float = 0.2) -> list[Span]:
    """As a voice detector sees them: pauses of half a second part them."""
    made: list[Span] = []
    for word in words:
        if made and word.start - made[-1].end + pad_s < 0.5:
            made[-1] = replace(made[-1], end=word.end + pad_s)
        else:
            made.append(Span(max(0.0, word.start - pad_s), word.end + pad_s))
    return made


def live(
    captions: Captions, sound: Samples, clock: Clock, *, begin_s: float = 0.0, chunk_s: float = 0.1, finish: bool = True
) -> Heard:
    """Feed sound as time passes: what was said while a step took its time is there for the next one.

    Args:
        captions: Fed.
        sound: Its first sample is at 0 of the clock, whatever was fed before.
        clock: The captions'.
        begin_s: What lies before it is not fed.
        chunk_s: Comes at once.
        finish: Commit everything at the end.
    """
    heard, fed = Heard(), round(begin_s * RATE_HZ)
    chunk = int(chunk_s * RATE_HZ)
    while fed < len(sound):
        there = min(len(sound), int(clock.now * RATE_HZ) // chunk * chunk)
        captions.feed(sound[fed : max(fed, there)])
        fed, before = max(fed, there), clock.now
        heard.add(captions.step(), clock.now)
        if clock.now == before:
            clock.now += chunk_s
    if finish:
        heard.add(captions.finish(), clock.now)
    return heard


def told(seconds: float) -> Samples:
    """Sound for a `LiveEngine`."""
    return np.asarray(told_sound(seconds), np.float32)
