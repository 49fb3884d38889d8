"""Marks -> cues that can be read: cut at sentences, clauses and pauses, within limits of size and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from utils.subtitles import lines, script
from utils.subtitles.cue import Cue, TimedText
from utils.subtitles.script import Break
from utils.subtitles.words import Word, words_from_marks

MAX_COLUMNS = 42  # a line: what the large broadcasters and streaming services agree on for Latin scripts
MAX_LINES = 2
MAX_S = 7.0
MIN_S = 5 / 6  # 20 frames at 24 a second, the usual least time to read anything
_PAUSE_S = 1.0  # a rest that ends a cue whatever stands there
_PART_PAUSE_S = 0.3  # between parts a shorter one does
_WHOLE_SENTENCE_S = 1.5  # a sentence this long gets a cue of its own
_VALUE = {Break.SENTENCE: 1.0, Break.CLAUSE: 0.5, Break.WORD: 0.0, Break.INSIDE: -0.4}
_FEW_COLUMNS = 14  # a rest narrower than this is not left alone
_ORPHAN = -0.8


def cues_from_marks(
    marks: Iterable[TimedText],
    *,
    seconds: float | None = None,
    max_columns: int = MAX_COLUMNS,
    max_lines: int = MAX_LINES,
    max_s: float = MAX_S,
    min_s: float = MIN_S,
) -> list[Cue]:
    """Group marks into cues.

    Every cue starts when its first word starts. Cues follow each other without overlap, none is empty, each lasts at least a
    millisecond. A short one stays until `min_s` where the next one leaves room. Times are whole milliseconds.

    Args:
        marks: In order; words, or longer pieces that are cut here (see `words_from_marks`).
        seconds: Length of the sound, if known; no cue stays longer.
        max_columns: Width of a line; full-width characters count 2.
        max_lines: Lines a cue.
        max_s: Longest time a cue collects words for. One mark that is longer and cannot be cut may exceed it.
        min_s: Shortest time to show.
    """
    words = words_from_marks(marks, max_columns)
    groups = [
        group
        for section in _sections(words)
        for group in _groups(section, max_columns, max_lines, max_s)
        if script.has_words(lines.text_of(group))
    ]
    return _timed([(group, lines.break_lines(group, max_columns)) for group in groups], seconds, min_s)


def _sections(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """Cut where there is a rest."""
    start = 0
    for number in range(1, len(words)):
        before, word = words[number - 1], words[number]
        rest_s = word.start - before.end
        if rest_s >= (_PAUSE_S if word.part == before.part else _PART_PAUSE_S):
            yield words[start:number]
            start = number
    if words:
        yield words[start:]


def _groups(words: Sequence[Word], max_columns: int, max_lines: int, max_s: float) -> Iterator[Sequence[Word]]:
    at = 0
    while at < len(words):
        most = _most(words, at, max_columns, max_lines, max_s)
        cut = _first_sentence(words, at, most) or (
            most if most == len(words) else _best_cut(words, at, most, max_columns * max_lines)
        )
        yield words[at:cut]
        at = cut


def _most(words: Sequence[Word], at: int, max_columns: int, max_lines: int, max_s: float) -> int:
    """Index behind the last word that still fits, at least one word."""
    filling = lines.Filling(max_columns, max_lines)
    stop = at
    while stop < len(words) and filling.take(words[stop]) and words[stop].end - words[at].start <= max_s:
        stop += 1
    return max(stop, at + 1)


def _first_sentence(words: Sequence[Word], at: int, most: int) -> int:
    """Index behind the first sentence that is long enough for a cue of its own, or 0."""
    for number in range(at, most):
        if words[number].after is Break.SENTENCE and words[number].end - words[at].start >= _WHOLE_SENTENCE_S:
            return number + 1
    return 0


def _best_cut(words: Sequence[Word], at: int, most: int, room: int) -> int:
    """Where to cut a sentence that does not fit: far enough, at a good place, and so that no crumb is left over."""
    rest = 0  # columns from here to the end of the sentence, as far as that matters
    for word in words[most:]:
        rest += script.width(word.text) + 1
        if rest > room or word.after is Break.SENTENCE:
            break
    best, best_value = most, float("-inf")
    filled = lines.columns(words[at:most])
    for cut in range(most, at, -1):
        word = words[cut - 1]
        value = filled / room + _VALUE[word.after] + min(0.5, max(0.0, words[cut].start - word.end))
        value += _ORPHAN * (min(filled, rest) < _FEW_COLUMNS)
        if value > best_value:
            best, best_value = cut, value
        step = script.width(word.text) + word.space
        filled, rest = filled - step, rest + step
    return best


def _timed(groups: Sequence[tuple[Sequence[Word], str]], seconds: float | None, min_s: float) -> list[Cue]:
    """Whole milliseconds, in order, none empty."""
    starts_ms, at_ms = [], 0
    for words, _ in groups:
        starts_ms.append(max(at_ms, round(words[0].start * 1000)))
        at_ms = starts_ms[-1] + 1
    cues = []
    for number, (words, text) in enumerate(groups):
        start_ms = starts_ms[number]
        end_ms = max(round(words[-1].end * 1000), start_ms + round(min_s * 1000))
        if number + 1 < len(groups):
            end_ms = min(end_ms, starts_ms[number + 1])
        elif seconds is not None:
            end_ms = min(end_ms, max(round(seconds * 1000), round(words[-1].end * 1000)))
        cues.append(Cue(start_ms / 1000, max(end_ms, start_ms + 1) / 1000, text))
    return cues
