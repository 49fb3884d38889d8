"""New text on old times: words that stay keep their times, what is new shares the time of what it replaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from utils.subtitles import script
from utils.subtitles.words import shares
from utils.transcription.contract import Segment, Word
from utils.transcription.cue_atoms import pieces

_ANY_WIDTH = 10**6  # pieces are not cut to the width of a line here


@dataclass(frozen=True)
class _Piece:
    """What is aligned: a word, or a character of a script without spaces.

    Attributes:
        text: Without spaces.
        space: Whether a space stands before it.
        start: Seconds, for pieces of old words.
        end: Seconds.
        word: Index of its old word.
    """

    text: str
    space: bool
    start: float = 0.0
    end: float = 0.0
    word: int = -1

    @property
    def key(self) -> str:
        """Case and punctuation do not make another word."""
        folded = self.text.casefold()
        if folded.isalnum():
            return folded
        bare = "".join(char for char in folded if char.isalnum() or script.belongs_to_previous(char))
        return bare or self.text


def retimed(text: str, segment: Segment) -> tuple[Word, ...]:
    """Words of a new text, timed by the old words of the segment.

    Args:
        text: The new text of the segment.
        segment: The old one with its words; without words there are none afterwards.
    """
    if not segment.words:
        return ()
    return align(text, segment.words, segment.start, segment.end)


def spread(segment: Segment) -> tuple[Word, ...]:
    """Words of a segment that has none: its time shared out by the length of what is spoken."""
    parts = pieces(segment.text, _ANY_WIDTH)
    found = [_Piece(piece, space and number > 0) for number, (piece, space) in enumerate(parts)]
    return tuple(_shared(found, segment.start, segment.end))


def align(text: str, words: Sequence[Word], start: float, end: float) -> tuple[Word, ...]:
    """Words of a text, timed by words that were there before.

    Args:
        text: What is said now.
        words: What was heard, in order.
        start: Where the text begins, in seconds: for what comes before the first word.
        end: Where it ends: for what comes after the last one.
    """
    old = list(_old_pieces(words))
    new = [_Piece(piece, space) for piece, space in pieces(text, _ANY_WIDTH)]
    made: list[tuple[Word, int]] = []  # with the index of the old word that it is a piece of, or -1
    for gone_from, gone_to, come_from, come_to in _blocks(old, new):
        gone, come = old[gone_from:gone_to], new[come_from:come_to]
        if len(gone) == len(come):
            made += [
                (_word(piece, was.start, was.end), was.word if was.key == piece.key else -1)
                for piece, was in zip(come, gone, strict=True)
            ]
        elif come:
            begin = gone[0].start if gone else (old[gone_from - 1].end if gone_from else start)
            stop = gone[-1].end if gone else (old[gone_from].start if gone_from < len(old) else end)
            made += [(word, -1) for word in _shared(come, begin, max(begin, stop))]
    found = list(_whole(made, words))
    if found and words and not words[0].text[:1].isspace():
        found[0] = replace(found[0], text=found[0].text.lstrip())
    return in_order(found)


def _blocks(old: Sequence[_Piece], new: Sequence[_Piece]) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of old and new pieces that belong to each other: equal ones, and all that changed between two equal ones."""
    from rapidfuzz.distance import Levenshtein

    gone, come = 0, 0
    for code in Levenshtein.opcodes([piece.key for piece in old], [piece.key for piece in new]):
        if code.tag == "equal":
            yield gone, code.src_start, come, code.dest_start
            yield code.src_start, code.src_end, code.dest_start, code.dest_end
            gone, come = code.src_end, code.dest_end
    yield gone, len(old), come, len(new)


def _old_pieces(words: Sequence[Word]) -> Iterator[_Piece]:
    for number, word in enumerate(words):
        parts = pieces(word.text, _ANY_WIDTH)
        led = word.text[:1].isspace()
        if len(parts) == 1:
            yield _Piece(parts[0][0], led, word.start, word.end, number)
            continue
        found = [_Piece(piece, space if position else led, word=number) for position, (piece, space) in enumerate(parts)]
        for piece, timed in zip(found, _shared(found, word.start, word.end), strict=True):
            yield replace(piece, start=timed.start, end=timed.end)


def _shared(parts: Sequence[_Piece], start: float, end: float) -> Iterator[Word]:
    """Each piece with its share of a time."""
    if len(parts) < 2:
        yield from (_word(part, start, max(start, end)) for part in parts)
        return
    levels = [script.break_after(part.text, "") for part in parts]
    length = max(0.0, end - start)
    for part, (begin, stop) in zip(parts, shares([part.text for part in parts], levels), strict=True):
        until = end if stop >= 1 else start + length * stop
        yield _word(part, start + length * begin, max(until, start))


def _word(piece: _Piece, start: float, end: float) -> Word:
    return Word(round(start, 3), round(end, 3), (" " if piece.space else "") + piece.text)


def _whole(made: Sequence[tuple[Word, int]], words: Sequence[Word]) -> Iterator[Word]:
    """Pieces that are all of an old word again become that word, with its own times and probability."""
    at = 0
    while at < len(made):
        number = made[at][1]
        stop = at + 1
        while stop < len(made) and made[stop][1] == number >= 0:
            stop += 1
        joined = "".join(word.text for word, _ in made[at:stop])
        if number >= 0 and _bare(joined) == _bare(words[number].text):
            yield replace(words[number], text=joined)
        else:
            yield from (word for word, _ in made[at:stop])
        at = stop


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def in_order(words: Sequence[Word]) -> tuple[Word, ...]:
    """Words whose times never run back, whatever was rounded, merged or overlapped before."""
    place = 0.0
    found: list[Word] = []
    for word in words:
        start = max(place, word.start)
        place = start
        found.append(word if start == word.start and word.end >= start else replace(word, start=start, end=max(start, word.end)))
    return tuple(found)
