"""Words -> the lines of one cue: as few as possible, about equally long, broken where one would take breath."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from utils.subtitles import script
from utils.subtitles.script import Break

# What a break costs, in columns squared: a good place may make a line about 8 columns shorter than its neighbour.
_COST = {Break.SENTENCE: 0, Break.CLAUSE: 20, Break.WORD: 90, Break.INSIDE: 400}
_UPPER_LONGER = 4  # a column by which the upper line is the longer one costs so much


class Piece(Protocol):
    """What a line is made of; `subtitles.words.Word` is one."""

    @property
    def text(self) -> str:
        """Without spaces at its ends."""
        ...

    @property
    def space(self) -> bool:
        """Whether a space stands before it."""
        ...

    @property
    def after(self) -> Break:
        """How good a place its end is to break."""
        ...


def text_of(words: Sequence[Piece]) -> str:
    """The words as one line."""
    return "".join((" " if word.space and number else "") + word.text for number, word in enumerate(words))


def columns(words: Sequence[Piece]) -> int:
    """Width of the words as one line."""
    return sum(script.width(word.text) + (1 if word.space and number else 0) for number, word in enumerate(words))


class Filling:
    """Counts lines while words come in, each line filled before the next begins: the least number of lines there can be."""

    def __init__(self, max_columns: int, max_lines: int) -> None:
        self._max_columns, self._max_lines = max_columns, max_lines
        self._lines, self._column = 0, max_columns

    def take(self, word: Piece) -> bool:
        """Add a word; False when there is no room for it."""
        width = script.width(word.text)
        if self._lines and self._column + word.space + width <= self._max_columns:
            self._column += word.space + width
            return True
        self._lines, self._column = self._lines + 1, width
        return self._lines <= self._max_lines


def break_lines(
    words: Sequence[Piece], max_columns: int, *, places: Sequence[float] | None = None, lower_longer: bool = False
) -> str:
    """Divide words into lines of at most `max_columns` (a single wider word gets a line of its own).

    Of all ways with the least number of lines the one with the most equal lines and the best places wins.

    Args:
        words: Of one cue.
        max_columns: Width of a line.
        places: What a break behind each word costs, in columns squared; by default it follows from the word's `after`.
        lower_longer: Rather let the upper of two lines be the shorter one.
    """
    widths = [script.width(word.text) for word in words]
    spaces = [1 if word.space and number else 0 for number, word in enumerate(words)]
    if sum(widths) + sum(spaces) <= max_columns:
        return text_of(words)
    costs = [_COST[word.after] for word in words] if places is None else places
    cuts = _two_lines(widths, spaces, max_columns, costs, lower_longer) or _fewest_lines(
        widths, spaces, max_columns, costs, lower_longer
    )
    return "\n".join(text_of(words[start:stop]) for start, stop in pairwise([0, *cuts, len(words)]))


def _two_lines(
    widths: Sequence[int], spaces: Sequence[int], max_columns: int, costs: Sequence[float], lower_longer: bool
) -> list[int]:
    """Where two lines part, or [] when two are not enough. The usual case, and quicker than the general way."""
    best, best_cost = 0, float("inf")
    upper, whole = 0, sum(widths) + sum(spaces)
    for cut in range(1, len(widths)):
        upper += widths[cut - 1] + spaces[cut - 1]
        if upper > max_columns and cut > 1:
            break
        lower = whole - upper - spaces[cut]
        if lower > max_columns and cut < len(widths) - 1:
            continue
        cost = (max_columns - upper) ** 2 + (max_columns - lower) ** 2 + costs[cut - 1]
        if lower_longer and upper > lower:
            cost += _UPPER_LONGER * (upper - lower)
        if cost < best_cost:
            best, best_cost = cut, cost
    return [best] if best else []


def _fewest_lines(
    widths: Sequence[int], spaces: Sequence[int], max_columns: int, costs: Sequence[float], lower_longer: bool
) -> list[int]:
    """Where lines part, in order; all ways are compared."""
    count = len(widths)
    # best[i]: (lines, cost, start of the last line, its width) for the first i words
    best: list[tuple[int, float, int, int]] = [(0, 0.0, 0, 0)] + [(count + 1, 0.0, 0, 0)] * count
    for stop in range(1, count + 1):
        width = 0
        for start in range(stop - 1, -1, -1):
            width += widths[start] + (spaces[start + 1] if start + 1 < stop else 0)
            if width > max_columns and start < stop - 1:
                break
            place = costs[stop - 1] if stop < count else 0
            if lower_longer and best[start][3] > width:
                place += _UPPER_LONGER * (best[start][3] - width)
            candidate = (best[start][0] + 1, best[start][1] + (max_columns - width) ** 2 + place, start, width)
            best[stop] = min(best[stop], candidate)
    cuts: list[int] = []
    stop = count
    while best[stop][2]:
        stop = best[stop][2]
        cuts.insert(0, stop)
    return cuts
