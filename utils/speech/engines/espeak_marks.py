"""From eSpeak's word events to marks: which word of the text sounds from when to when."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from utils.speech.contract import Mark

_TOKEN = re.compile(r"\S+")


def marks_of(text: str, part: int, words: Sequence[tuple[int, int]], ends: Sequence[int], offset: int, rate_hz: int) -> list[Mark]:
    """Map events to the whitespace tokens of a part.

    A number or an amount gives several events inside one token ("$1,250.75" gives five): the first one counts. A token begins
    when its event does, and ends with the next one or with its clause.

    Args:
        text: The whole part.
        part: Its index, for the marks.
        words: (index of the word's first character in `text`, sample) as they sound.
        ends: Samples at which clauses end, ascending.
        offset: Samples in front of this part; all other samples count from the part's begin.
        rate_hz: Samples a second.
    """
    spans = [match.span() for match in _TOKEN.finditer(text)]
    begins = [begin for begin, _ in spans]
    starts: list[tuple[int, int]] = []  # (token, sample), both ascending
    for index, sample in words:
        token = bisect_right(begins, index) - 1
        if token < 0 or index >= spans[token][1]:
            continue  # it points between two tokens
        if not starts or (token > starts[-1][0] and sample >= starts[-1][1]):
            starts.append((token, sample))
    stops = [sample for _, sample in starts[1:]]
    stops += ends[-1:] or [sample for _, sample in starts[-1:]]
    marks = []
    for (token, start), next_start in zip(starts, stops, strict=False):
        clause = bisect_right(ends, start)
        stop = min(next_start, ends[clause]) if clause < len(ends) else next_start
        begin, end = spans[token]
        marks.append(Mark((offset + start) / rate_hz, (offset + max(start, stop)) / rate_hz, text[begin:end], part))
    return marks
