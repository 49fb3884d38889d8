"""Words -> the lines of one cue: as few as possible, about equally long, broken where one would take breath."""

from __future__ import annotations

from collections.abc import Sequence

from utils.subtitles import script
from utils.subtitles.script import Break
from utils.subtitles.words import Word

# What a break costs, in columns squared: a good place may make a line about 8 columns shorter than its neighbour.
_COST = {Break.SENTENCE: 0, Break.CLAUSE: 20, Break.WORD: 90, Break.INSIDE: 400}


def text_of(words: Sequence[Word]) -> str:
    """The words as one line."""
    return "".join((" " if word.space and number else "") + word.text for number, word in enumerate(words))


def columns(words: Sequence[Word]) -> int:
    """Width of the words as one line."""
    return sum(script.width(word.text) + (1 if word.space and number else 0) for number, word in enumerate(words))


class Filling:
    """Counts lines while words come in, each line filled before the next begins: the least number of lines there can be."""

    def __init__(self, max_columns: int, max_lines: int) -> None:
        self._max_columns, self._max_lines = max_columns, max_lines
        self._lines, self._column = 0, max_columns

    def take(self, word: Word) -> bool:
        """Add a word; False when there is no room for it."""
        width = script.width(word.text)
        if self._lines and self._column + word.space + width <= self._max_columns:
            self._column += word.space + width
            return True
        self._lines, self._column = self._lines + 1, width
        return self._lines <= self._max_lines


def break_lines(words: Sequence[Word], max_columns: int) -> str:
    """Divide words into lines of at most `max_columns` (a single wider word gets a line of its own).

    Of all ways with the least number of lines the one with the most equal lines and the best places wins.
    """
    if columns(words) <= max_columns:
        return text_of(words)
    count = len(words)
    widths = [script.width(word.text) for word in words]
    # best[i]: (lines, cost, start of the last line) for the first i words
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)] + [(count + 1, 0.0, 0)] * count
    for stop in range(1, count + 1):
        width = 0
        for start in range(stop - 1, -1, -1):
            width += widths[start] + (1 if start + 1 < stop and words[start + 1].space else 0)
            if width > max_columns and start < stop - 1:
                break
            place = _COST[words[stop - 1].after] if stop < count else 0
            candidate = (best[start][0] + 1, best[start][1] + (max_columns - width) ** 2 + place, start)
            best[stop] = min(best[stop], candidate)
    lines: list[str] = []
    stop = count
    while stop:
        start = best[stop][2]
        lines.append(text_of(words[start:stop]))
        stop = start
    return "\n".join(reversed(lines))
