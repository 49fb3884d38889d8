"""Where a long recording is cut: windows of about ten minutes, and in them chunks of at most 30 s that an engine decodes.

All cuts lie in silence: between two stretches of speech, else in a pause that the level shows. Where there is neither for long,
the cut is hard: both sides overlap, and `seams` takes out what was heard twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utils.transcription.contract import Span
from utils.transcription.levels import Levels, pauses, quietest

CHUNK_S = 29.5  # Whisper hears 30 s at once; the rest absorbs rounding
OVERLAP_S = 2.0  # of two sides of a hard cut; no word is longer
JOIN_GAP_S = 3.0  # longer silences are not decoded: in them text is invented, and sentences behind them are missed
SEARCH_S = 120.0  # at a window's end, for a silence
GOOD_GAP_S = 0.5  # between sentences
LEAST_GAP_S = 0.2
PAUSE_S = 0.15  # by level; the silence before a "t" or "k" lasts up to 0.1 s


@dataclass(frozen=True)
class Lengths:
    """Of windows, in seconds.

    Attributes:
        first_s: The first text shall be readable soon.
        window_s: 10 minutes are 38 MB of samples.
        last_s: A shorter rest belongs to the window before it.
    """

    first_s: float = 120.0  # one chunk alone, three together: two windows of one chunk each cost more than they are worth
    window_s: float = 600.0
    last_s: float = 60.0


LENGTHS = Lengths()


@dataclass(frozen=True)
class Cut:
    """Where a window ends and the next begins, in seconds of the window. `hard`: both overlap, there was no silence."""

    end: float
    next: float
    hard: bool = False


@dataclass(frozen=True)
class Chunk:
    """A stretch to decode, in seconds of the window.

    Attributes:
        start: Seconds.
        end: Seconds; at most CHUNK_S later.
        hard: Its begin overlaps the chunk before: there was no pause to cut in.
    """

    start: float
    end: float
    hard: bool = False

    @property
    def span(self) -> Span:
        """Start and end."""
        return Span(self.start, self.end)


def cut(length_s: float, speech: Sequence[Span], found: Levels) -> Cut:
    """Where to end a window that is not the last one.

    The longest silence of its last SEARCH_S if that is a good one, else of its second half; else a pause by level; else hard.

    Args:
        length_s: Of what was read.
        speech: Where there is speech in it.
        found: Its levels.
    """
    for low, least in ((max(length_s - SEARCH_S, length_s / 2), GOOD_GAP_S), (length_s / 2, LEAST_GAP_S)):
        gaps = [gap for gap in _gaps(speech, length_s) if gap.end > low and gap.end - max(gap.start, low) >= least]
        if gaps:
            best = max(gaps, key=lambda gap: gap.end - max(gap.start, low))
            # Silence up to the end is speech that may begin at the very edge: half a second of it is left for the next window.
            place = max(best.start, best.end - GOOD_GAP_S / 2) if best.end >= length_s else (max(best.start, low) + best.end) / 2
            return Cut(place, place)
    place, hard = _in_speech(found, max(length_s - SEARCH_S, length_s / 2), length_s - OVERLAP_S)
    return Cut(place + OVERLAP_S / 2, place - OVERLAP_S / 2, hard=True) if hard else Cut(place, place)


def chunks(length_s: float, speech: Sequence[Span], found: Levels) -> list[Chunk]:
    """Cut and join stretches of speech so that few chunks hold all of it.

    Args:
        length_s: Of the window; no chunk reaches further.
        speech: In order, with the margins of the voice detector; nothing beyond is taken, it may be a tone that the gate took out.
        found: Levels of the window.
    """
    pieces: list[Chunk] = []
    for span in _merged(speech):
        pieces += _split(Span(span.start, min(span.end, length_s)), found)
    joined: list[Chunk] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and not piece.hard and piece.end - last.start <= CHUNK_S and piece.start - last.end <= JOIN_GAP_S:
            joined[-1] = Chunk(last.start, piece.end, last.hard)
        else:
            joined.append(piece)
    return joined


def groups(found: Sequence[Chunk], sizes: Sequence[int]) -> list[list[Chunk]]:
    """Chunks that are decoded in one call: of the sizes given, the last of them for all that follow. A hard chunk begins one."""
    made: list[list[Chunk]] = []
    for chunk in found:
        size = sizes[min(len(made), len(sizes)) - 1] if made else 0
        if not made or chunk.hard or len(made[-1]) >= size:
            made.append([chunk])
        else:
            made[-1].append(chunk)
    return made


def _gaps(speech: Sequence[Span], length_s: float) -> list[Span]:
    edges = [0.0, *(edge for span in speech for edge in (span.start, span.end)), length_s]
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def _merged(speech: Sequence[Span]) -> list[Span]:
    """Stretches that touch are one: a voice detector cuts long ones where it likes, and not in pauses."""
    made: list[Span] = []
    for span in speech:
        if made and span.start - made[-1].end < LEAST_GAP_S / 4:
            made[-1] = Span(made[-1].start, max(made[-1].end, span.end))
        else:
            made.append(span)
    return made


def _split(span: Span, found: Levels) -> list[Chunk]:
    made: list[Chunk] = []
    start, hard = span.start, False
    while span.end - start > CHUNK_S:
        place, no_pause = _in_speech(found, start + CHUNK_S / 3, start + CHUNK_S - OVERLAP_S / 2)
        if no_pause:
            made.append(Chunk(start, place + OVERLAP_S / 2, hard))
            start, hard = place - OVERLAP_S / 2, True
        else:
            made.append(Chunk(start, place, hard))
            start, hard = place, False
    made.append(Chunk(start, span.end, hard))
    return made


def _in_speech(found: Levels, low_s: float, high_s: float) -> tuple[float, bool]:
    """A place between two others, in a pause if there is one, and whether there is none. Later pauses are better: fewer chunks."""
    there = pauses(found, low_s, high_s, least_s=PAUSE_S)
    if not there:
        return quietest(found, high_s - min(6.0, high_s - low_s), high_s), True
    reach = max(high_s - low_s, 1e-9)
    best = max(there, key=lambda pause: min(pause.end - pause.start, 1.0) * (0.5 + (pause.end - low_s) / reach))
    return (best.start + best.end) / 2, False
