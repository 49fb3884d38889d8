"""Pack a text into as few pieces as a service takes, cut where a speaker would breathe.

Google takes 100 characters a request and counts requests, so a piece should be full. Each piece is spoken with its own
intonation, so it should end where a clause ends. Both wishes are costs here, and the cheapest way through the text is
found over all of it: a cut that looks good now may force a bad one later, which is what a packer that goes from left to right
cannot see.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from math import inf

from utils.speech.marks import CLOSERS, COMMAS, OPENERS, PAUSES, STOPS, TIGHT, TIGHT_PAUSES, TIGHT_STOPS
from utils.speech.sentences import ends_here

MAX_CHARS = 100  # what Google's speech service accepts in one request

# What a cut costs, in pieces; a piece itself costs 1. Tuned on essays and quotations: clause ends win unless they waste too much.
_SENTENCE, _CLAUSE, _COMMA, _PHRASE, _SPACE, _HARD = 0.0, 0.03, 0.08, 0.25, 0.4, 0.4
_LEAST = 0.3  # of the limit: a cut before that is not looked at, unless there is no other
_SPACES_TRIED = 3  # the last ones before the limit; more of them would change nothing but the time it takes

_TIGHT = re.compile(rf"[{TIGHT}][{TIGHT}{re.escape(CLOSERS)}]*")
_RUN_SOFT = "-/_.,;:=&?+|\\"
_FOLLOWS = frozenset("\u200c\u200d\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3\u309b\u309c\u30fc")
_LEADS = frozenset("\u200d\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")

_Spot = tuple[int, int, float]  # a piece may end here, the next one then starts here, what the cut costs


def pack(text: str, max_chars: int = MAX_CHARS, language: str = "") -> list[str]:
    """Cut a text into pieces of 1 to `max_chars` characters that together hold all of it, in order.

    Runs of white space count as one space, and no piece begins or ends with one. Marks stay with the words before them. A word
    is cut only when it is longer than a piece, and then not within a character that a reader sees as one where that can be
    avoided. Scripts without spaces are cut at their own marks.

    Args:
        text: Any text.
        max_chars: The limit, at least 1.
        language: BCP 47 tag, helps to tell abbreviations from sentence ends; or empty.
    """
    text = " ".join(text.split())
    if len(text) <= max_chars:
        return [text] if text else []
    spots = _with_hard_cuts(text, _spots(text, language), max_chars)
    return [text[start:end] for start, end in _cheapest(spots, max_chars)]


def _spots(text: str, language: str) -> list[_Spot]:
    """Every place where a piece may end, in order; the last one is the end of the text."""
    spots: list[_Spot] = []
    words = text.split(" ")
    inside = _TIGHT.search(text) is not None
    end = 0
    for word, following in pairwise([*words, ""]):
        if inside:
            spots += _tight_spots(word, end)
        end += len(word)
        if word[-1].isalnum() and following[:1].isalnum():
            # behind a long word and before a short one most languages begin a phrase
            cost = _PHRASE if len(word) > 2 and len(following) < 4 else _SPACE
        else:
            cost = _marked(text, word, following, end, language)
        spots.append((end, end + 1, cost))
        end += 1
    spots[-1] = (len(text), len(text), 0.0)
    return spots


def _marked(text: str, word: str, following: str, end: int, language: str) -> float:
    """Cost of a cut at a space beside which some mark stands."""
    bare = word.rstrip(CLOSERS)
    mark = bare[-1:]
    if mark in STOPS and bare:
        return _SENTENCE if ends_here(text, end - len(word) + len(bare.rstrip(STOPS)), end, language) else _SPACE
    if mark in PAUSES and bare:
        return _CLAUSE
    return _COMMA if mark in COMMAS or len(bare) < len(word) or following[:1] in OPENERS else _SPACE


def _tight_spots(word: str, offset: int) -> list[_Spot]:
    """Cuts inside a word of a script that writes without spaces, behind its marks."""
    spots: list[_Spot] = []
    for found in _TIGHT.finditer(word):
        if (at := found.end()) < len(word):
            mark = found.group()[0]
            cost = _SENTENCE if mark in TIGHT_STOPS else _CLAUSE if mark in TIGHT_PAUSES else _COMMA
            spots.append((offset + at, offset + at, cost))
    return spots


def _with_hard_cuts(text: str, spots: list[_Spot], max_chars: int) -> list[_Spot]:
    """Add cuts inside whatever is longer than a piece and offers none of its own."""
    whole: list[_Spot] = []
    start = 0
    for spot in spots:
        while spot[0] - start > max_chars:
            start = _hard_cut(text, start, max_chars)
            whole.append((start, start, _HARD))
        whole.append(spot)
        start = spot[1]
    return whole


def _hard_cut(text: str, start: int, max_chars: int) -> int:
    """Where to cut a run without spaces that begins at `start`: behind a hyphen or the like, else between two characters."""
    least, most = start + max(1, max_chars // 2), start + max_chars
    for at in range(most, least, -1):
        if text[at - 1] in _RUN_SOFT:
            return at
    for at in range(most, start, -1):
        if not _joined(text, at):
            return at
    return most


def _joined(text: str, at: int) -> bool:
    """Whether the characters on both sides of `at` belong together for a reader (a simple form of Unicode's UAX 29)."""
    before, after = text[at - 1], text[at]
    if after in _FOLLOWS or before in _LEADS or unicodedata.category(after)[0] == "M" or unicodedata.combining(before) == 9:
        return True  # marks, vowel signs, and Indic letters behind a virama
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True  # skin tones and flag tags
    if "\U0001f1e6" <= after <= "\U0001f1ff":
        flags = re.search("[\U0001f1e6-\U0001f1ff]*$", text[max(0, at - 200) : at])
        return flags is not None and len(flags.group()) % 2 == 1  # flags are pairs
    return "\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff"  # Hangul in single letters


def _cheapest(spots: list[_Spot], max_chars: int) -> list[tuple[int, int]]:
    """The cheapest way through the text, as (start, end) of its pieces: shortest path over the spots."""
    ends, starts, costs = (list(column) for column in zip((0, 0, 0.0), *spots, strict=True))
    count = len(ends)
    marked = _marked_before(costs)
    best, back = [inf] * count, [-1] * count
    best[0], high, least = 0.0, 0, int(max_chars * _LEAST)
    for here in range(count - 1):
        if back[here] < 0 and here:
            continue  # no way leads here
        start, so_far = starts[here], best[here] + 1.0
        while high + 1 < count and ends[high + 1] - start <= max_chars:
            high += 1
        there, tries = high, _SPACES_TRIED
        while there > here and (ends[there] - start >= least or there == high):
            if so_far + costs[there] < best[there]:
                best[there], back[there] = so_far + costs[there], here
            if costs[there] >= _PHRASE:
                tries -= 1
            there = there - 1 if tries > 0 else marked[there]
    way = [count - 1]
    while way[-1] > 0:
        way.append(back[way[-1]])
    return [(starts[a], ends[b]) for a, b in pairwise(reversed(way))]


def _marked_before(costs: list[float]) -> list[int]:
    """For each spot, the index of the last one before it that is not a bare space."""
    before, last = [], 0
    for at, cost in enumerate(costs):
        before.append(last)
        if cost < _PHRASE:
            last = at
    return before
