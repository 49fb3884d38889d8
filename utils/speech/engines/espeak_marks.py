"""From eSpeak's word events to marks: which word of the text sounds from when to when."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from utils.speech.contract import Mark

_TOKEN = re.compile(r"\S+")


def marks_of(text: str, part: int, words: Sequence[tuple[int, int]], ends: Sequence[int], offset: int, rate_hz: int) -> list[Mark]:
    """One mark for each whitespace token of a part, in order; they do not overlap.

    A token begins with the first event inside it: a number or an amount has several ("$1,250.75" has five). It ends with the next
    token or with its clause. A few tokens have no event, because eSpeak speaks them in one breath with the one before ("to the")
    or not at all (a dash): they share that one's time by letters, so that no word is missing from the subtitles.

    Args:
        text: The whole part.
        part: Its index, for the marks.
        words: (index of the word's first character in `text`, sample) as they sound.
        ends: Samples at which clauses end, ascending.
        offset: Samples in front of this part; all other samples count from the part's begin.
        rate_hz: Samples a second.

    Returns:
        Nothing when there is no event at all: then nothing was spoken.
    """
    spans = [match.span() for match in _TOKEN.finditer(text)]
    anchors = _anchors(spans, words)
    if not anchors:
        return []
    last = max(anchors[-1][1], ends[-1] if ends else 0)
    marks = []
    for (first, start), (after, next_start) in pairwise([*_lead(anchors), (len(spans), last)]):
        clause = bisect_right(ends, start)
        stop = min(next_start, ends[clause]) if clause < len(ends) else next_start
        tokens = [text[begin:end] for begin, end in spans[first:after]]
        for token, (begin_sample, end_sample) in zip(tokens, _shares(tokens, start, stop), strict=True):
            marks.append(Mark((offset + begin_sample) / rate_hz, (offset + end_sample) / rate_hz, token, part))
    return marks


def _anchors(spans: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(token, sample) of the first event of each token that has one, both ascending."""
    begins = [begin for begin, _ in spans]
    anchors: list[tuple[int, int]] = []
    for index, sample in words:
        token = bisect_right(begins, index) - 1
        if token < 0 or index >= spans[token][1]:
            continue  # it points between two tokens
        if not anchors or (token > anchors[-1][0] and sample >= anchors[-1][1]):
            anchors.append((token, sample))
    return anchors


def _lead(anchors: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Anchors that begin with the first token."""
    return anchors if anchors[0][0] == 0 else [(0, 0), *anchors]


def _shares(tokens: Sequence[str], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Divide the time from `start` to `stop` among tokens by their letters; without any, the first one has it all."""
    letters = [sum(map(str.isalnum, token)) for token in tokens]
    if not any(letters):
        letters[0] = 1
    done, total = 0, sum(letters)
    for count in letters:
        yield start + (stop - start) * done // total, start + (stop - start) * (done + count) // total
        done += count
