"""Times that can be believed: in order, inside the sound, no longer than a word lasts, never in a silence before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.transcription.contract import Segment, Span, Word

MAX_WORD_S = 2.0  # faster-whisper calls a longer word odd


def tidy(segments: Sequence[Segment], bounds: Span, speech: Sequence[Span]) -> list[Segment]:
    """Segments with times put right.

    Args:
        segments: Of one chunk, in order.
        bounds: Of the chunk; nothing reaches beyond.
        speech: Where a voice was heard; a word that begins in the silence before it is moved there.
    """
    made: list[Segment] = []
    place = bounds.start
    for segment in sorted(segments, key=lambda segment: segment.start):
        words = []
        for word in segment.words:
            words.append(_word(word, place, bounds, speech))
            place = words[-1].end
        if words:
            start, end = words[0].start, words[-1].end
        else:
            start, end = _into(segment.start, segment.end, speech)
            start = min(max(start, place), bounds.end)
            end = min(max(end, start), bounds.end)
            place = end
        made.append(replace(segment, start=start, end=end, words=tuple(words), text=segment.text.strip()))
    return made


def moved(segment: Segment, seconds: float) -> Segment:
    """The same, so much later."""
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def rounded(segment: Segment) -> Segment:
    """With times in whole milliseconds."""
    words = tuple(replace(word, start=round(word.start, 3), end=round(word.end, 3)) for word in segment.words)
    return replace(segment, start=round(segment.start, 3), end=round(segment.end, 3), words=words)


def _word(word: Word, place: float, bounds: Span, speech: Sequence[Span]) -> Word:
    start, end = _into(word.start, word.end, speech)
    start = min(max(start, place), bounds.end)
    end = min(max(end, start), start + MAX_WORD_S, bounds.end)
    return replace(word, start=start, end=end)


def _into(start: float, end: float, speech: Sequence[Span]) -> tuple[float, float]:
    """Without the silence around it, where it touches speech at all.

    A word that begins before the voice does was stretched back into the silence: its end is the better half.
    """
    touched = [(min(end, span.end) - max(start, span.start), span) for span in speech if span.start < end and span.end > start]
    if not touched:
        return start, end
    span = max(touched, key=lambda entry: entry[0])[1]
    end = min(end, span.end)
    return (max(span.start, end - MAX_WORD_S) if start <= span.start else start), end
