"""A window in memory, what is to be done with it, and which of its chunks and voices a segment belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from utils.transcription.contract import Dropped, Samples, Segment, Span
from utils.transcription.levels import at
from utils.transcription.windows import Chunk, Cut


@dataclass(frozen=True)
class Window:
    """A window that was read.

    Attributes:
        begin: Its first sample in the recording.
        heard: Its samples.
        speech: Where there is a voice, seconds of the window.
        is_last: It reaches the end of the recording.
    """

    begin: int
    heard: Samples
    speech: list[Span]
    is_last: bool

    def part(self, span: Span) -> Samples:
        """The samples of a stretch."""
        return at(self.heard, span)

    def voice_s(self, chunk: Chunk) -> float:
        """Seconds of voice in a chunk."""
        return sum(shared(span, chunk.span) for span in self.speech)


@dataclass(frozen=True)
class Plan:
    """What is to be done with a window.

    Attributes:
        window: As read.
        cut: Where it ends.
        chunks: To decode.
        dropped: What the gate took out before.
    """

    window: Window
    cut: Cut
    chunks: list[Chunk]
    dropped: list[Dropped]


def chunk_of(segment: Segment, spans: Sequence[Span]) -> int:
    """The chunk that a segment lies in: the one that it shares most time with, else the nearest."""
    middle = (segment.start + segment.end) / 2
    wide = Span(segment.start, segment.end)
    return max(range(len(spans)), key=lambda i: (shared(wide, spans[i]), -abs((spans[i].start + spans[i].end) / 2 - middle)))


def shared(one: Span, other: Span) -> float:
    """Seconds that two stretches have in common."""
    return max(0.0, min(one.end, other.end) - max(one.start, other.start))


def later(dropped: Sequence[Dropped], seconds: float) -> tuple[Dropped, ...]:
    """The same, so much later."""
    return tuple(replace(entry, start=round(entry.start + seconds, 3), end=round(entry.end + seconds, 3)) for entry in dropped)
