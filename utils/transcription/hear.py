"""What an engine hears in short clips that are known to be speech: many of them in one call, each with a text of its own.

A recogniser needs as long for a second as for its whole window, so clips are laid one behind the other and decoded side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from utils.transcription.contract import RATE_HZ, Decoding, Samples, Span
from utils.transcription.levels import levels
from utils.transcription.windows import CHUNK_S, chunks

BETWEEN_S = 1.0  # silence between two clips
WINDOW_S = 240.0  # clips that are decoded together, in all; 16 MB of samples


def hear(decoding: Decoding, clips: Iterable[Samples], language: str) -> Iterator[str]:
    """The text of each clip, in order; clips are taken as they are needed.

    Args:
        decoding: Of the job.
        clips: Of one language each, 16 kHz, of any length.
        language: Their language.
    """
    together: list[Samples] = []
    for clip in clips:
        if together and _seconds([*together, clip]) > WINDOW_S:
            yield from _heard(decoding, together, language)
            together = []
        together.append(clip)
    if together:
        yield from _heard(decoding, together, language)


def _seconds(clips: Sequence[Samples]) -> float:
    return sum(len(clip) / RATE_HZ + BETWEEN_S for clip in clips)


def _heard(decoding: Decoding, clips: Sequence[Samples], language: str) -> list[str]:
    silence = np.zeros(int(BETWEEN_S * RATE_HZ), np.float32)
    begins: list[float] = []
    spans: list[Span] = []
    laid: list[Samples] = []
    at = 0
    for clip in clips:
        begins.append(at / RATE_HZ)
        spans += [Span(begins[-1] + span.start, begins[-1] + span.end) for span in _spans(decoding, clip)]
        laid += [clip, silence]
        at += len(clip) + len(silence)
    texts: list[list[str]] = [[] for _ in clips]
    if spans:
        for segment in decoding.decode(np.concatenate(laid), spans, language):
            middle = (segment.start + segment.end) / 2
            owner = max((number for number, begin in enumerate(begins) if begin <= middle), default=0)
            texts[owner].append(segment.text.strip())
    return [" ".join(filter(None, parts)) for parts in texts]


def _spans(decoding: Decoding, clip: Samples) -> list[Span]:
    """The whole clip, or where somebody speaks in a longer one."""
    seconds = len(clip) / RATE_HZ
    if not seconds:
        return []
    if seconds <= CHUNK_S:
        return [Span(0.0, seconds)]
    return [chunk.span for chunk in chunks(seconds, decoding.speech(clip), levels(clip))]
