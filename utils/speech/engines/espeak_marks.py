"""From eSpeak's word events to marks: which word of the text sounds from when to when."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from utils.speech.contract import Mark

_TOKEN = re.compile(r"\S+")


def marks_of(text: str, part: int, words: Sequence[tuple[int, int]], ends: Sequence[int], offset: int, rate_hz: int) -> list[Mark]:
    """One mark for each whitespace token of a part, in order; they do not overlap.

    A token begins with the first event inside it: a number or an amount has several ("$1,250.75" has five). It ends with the next
    token, or with the clause of its last event. A few tokens have no event, because eSpeak speaks them in one breath with the one
    before ("to the") or not at all (a dash): they share that one's time by letters, so that no word is missing from the subtitles.

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
    if anchors[0].token > 0:
        anchors.insert(0, _Anchor(0, 0, 0))
    marks = []
    for anchor, following in zip(anchors, [*anchors[1:], None], strict=True):
        clause = bisect_right(ends, anchor.last)
        stop = ends[clause] if clause < len(ends) else anchor.last
        if following is not None:
            stop = min(stop, following.first)
        tokens = [text[begin:end] for begin, end in spans[anchor.token : following.token if following else None]]
        for token, (start, end) in zip(tokens, _shares(tokens, anchor.first, max(stop, anchor.first)), strict=True):
            marks.append(Mark((offset + start) / rate_hz, (offset + end) / rate_hz, token, part))
    return marks


@dataclass
class _Anchor:
    """A token with the samples of the first and the last event up to the next anchor."""

    token: int
    first: int
    last: int


def _anchors(spans: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]]) -> list[_Anchor]:
    """The tokens that have an event, in order."""
    begins = [begin for begin, _ in spans]
    anchors: list[_Anchor] = []
    for index, sample in words:
        token = bisect_right(begins, index) - 1
        inside = token >= 0 and index < spans[token][1]  # else it points between two tokens
        if inside and (not anchors or (token > anchors[-1].token and sample >= anchors[-1].last)):
            anchors.append(_Anchor(token, sample, sample))
        elif anchors:
            anchors[-1].last = max(anchors[-1].last, sample)
    return anchors


def _shares(tokens: Sequence[str], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Divide the time from `start` to `stop` among tokens by their letters; without any, the first one has it all."""
    letters = [sum(map(str.isalnum, token)) for token in tokens]
    if not any(letters):
        letters[0] = 1
    done, total = 0, sum(letters)
    for count in letters:
        yield start + (stop - start) * done // total, start + (stop - start) * (done + count) // total
        done += count
