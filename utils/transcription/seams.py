"""Two stretches that overlap because there was no silence to cut in: what both heard is kept once."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from utils.transcription.contract import Segment, Span, Word

APART_S = 1.5  # the same word, heard twice, is told at times that differ by less
EDGE_S = 0.3  # a word that begins so near to a hard end is likely to be cut


def join(before: Sequence[Segment], after: Sequence[Segment], overlap: Span) -> list[Segment]:
    """The segments of the later stretch without what the earlier one has already.

    The words of both around the overlap are laid side by side. Where some agree, the later text begins behind the last of these;
    where none do, it begins behind the end of the earlier text.

    Args:
        before: The earlier stretch, or its end.
        after: The later stretch.
        overlap: Seconds in which both heard the same sound.
    """
    earlier = [word for segment in before for word in _words(segment) if word.end > overlap.start - 1.0]
    later = [word for segment in after for word in _words(segment) if word.start < overlap.end + 1.0]
    if not earlier or not later:
        return list(after)
    pair = _last_pair(earlier, later)
    if pair:
        beyond = len(earlier) - 1 - pair[0]  # words that only the earlier side has behind it
        return _without(after, min(len(later), pair[1] + 1 + beyond))
    end = earlier[-1].end
    return _without(after, sum((word.start + word.end) / 2 < end for word in later))


def trimmed(segments: Sequence[Segment], end: float) -> list[Segment]:
    """Without the word that a hard end may have cut: the other side of the seam hears it whole."""
    kept = list(segments)
    if kept and len(kept[-1].words) > 1 and kept[-1].words[-1].end > end - EDGE_S:
        kept[-1] = _with(kept[-1], kept[-1].words[:-1])
    return kept


def _last_pair(earlier: Sequence[Word], later: Sequence[Word]) -> tuple[int, int] | None:
    """The last two words that are the same in the best alignment: the one with most equal words, then with the nearest times."""
    mine, theirs = [_plain(word.text) for word in earlier], [_plain(word.text) for word in later]
    best: list[list[tuple[float, tuple[int, int] | None]]] = [[(0.0, None)] * (len(later) + 1) for _ in range(len(earlier) + 1)]
    for i in range(len(earlier)):
        for j in range(len(later)):
            choices = [best[i][j + 1], best[i + 1][j]]
            apart = abs(earlier[i].start + earlier[i].end - later[j].start - later[j].end) / 2
            if mine[i] == theirs[j] and mine[i] and apart <= APART_S:
                choices.append((best[i][j][0] + 1 - apart / (2 * APART_S), (i, j)))
            best[i + 1][j + 1] = max(choices, key=lambda choice: choice[0])
    return best[-1][-1][1]


def _words(segment: Segment) -> tuple[Word, ...]:
    """Its words; without times of their own they share the segment's evenly."""
    if segment.words:
        return segment.words
    texts = segment.text.split() or [segment.text]
    step = (segment.end - segment.start) / len(texts)
    return tuple(Word(segment.start + i * step, segment.start + (i + 1) * step, f" {text}") for i, text in enumerate(texts))


def _without(segments: Sequence[Segment], count: int) -> list[Segment]:
    """Without so many words at the beginning."""
    made = []
    for segment in segments:
        words = _words(segment)
        if count <= 0:
            made.append(segment)
        elif count < len(words):
            made.append(_with(segment, words[count:]))
        count -= len(words)
    return made


def _with(segment: Segment, words: tuple[Word, ...]) -> Segment:
    text = "".join(word.text for word in words).strip()
    return replace(segment, start=words[0].start, end=words[-1].end, text=text, words=words if segment.words else ())


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
