"""Edits over a transcript: applied to a copy, never to the original; words stay at their times."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from utils.errors import BadInput
from utils.transcription.contract import Segment, Transcript, Word
from utils.transcription.cue_atoms import same_text
from utils.transcription.edit_file import EditFile
from utils.transcription.edit_ops import (
    MAX_CHARS,
    MAX_SEGMENT_CHARS,
    MAX_SEGMENTS,
    Edit,
    Insert,
    Merge,
    Remove,
    Replace,
    SetText,
    SetTimes,
    Split,
    as_dict,
    parse,
)
from utils.transcription.formats_notes import joined
from utils.transcription.retime import align, in_order, retimed, spread

__all__ = [
    "Edit", "EditFile", "Insert", "Merge", "Remove", "Replace", "SetText", "SetTimes", "Split",
    "apply", "as_dict", "chars", "edited", "effort", "parse",
]  # fmt: skip
_SHIFT_S = 0.002  # lengths that differ by less are the same


def edited(transcript: Transcript, file: EditFile) -> Transcript:
    """The transcript with all edits that are not undone."""
    return apply(transcript, file.done)


def apply(transcript: Transcript, edits: Iterable[Edit]) -> Transcript:
    """A copy with the edits, one after the other; indices are those of the segments at that moment.

    Raises:
        BadInput: An edit does not fit: no such segment, times out of order, a cut outside the text, or too much text.
    """
    segments = list(transcript.segments)
    most = max(MAX_CHARS, chars(segments))  # what was heard may be longer, and is corrected all the same
    for edit in edits:
        if isinstance(edit, Replace):
            _check_length(edit.segments, most)  # before it is timed
        _apply(segments, edit, transcript.seconds)
    _check_length(segments, most)
    return replace(transcript, segments=tuple(segments))


def effort(transcript: Transcript, file: EditFile) -> int:
    """How much `edited` has to time, in characters."""
    return chars(transcript.segments) + sum(chars(edit.segments) for edit in file.done if isinstance(edit, Replace))


def chars(segments: Iterable[Segment]) -> int:
    """How long a text is."""
    return sum(len(segment.text) for segment in segments)


def _check_length(segments: Sequence[Segment], most: int) -> None:
    if chars(segments) > most:
        raise BadInput(f"The text of a transcript has at most {most:,} characters here.", "Send a shorter one.")


def _apply(segments: list[Segment], edit: Edit, seconds: float) -> None:
    if isinstance(edit, Replace):
        segments[:] = _replaced(segments, edit.segments)
        return
    checked = parse(as_dict(edit))  # also edits that were made in code
    if isinstance(checked, Insert):
        _insert(segments, checked, seconds)
    elif not isinstance(checked, Replace):
        _change(segments, checked, seconds)


def _change(segments: list[Segment], edit: SetText | SetTimes | Split | Merge | Remove, seconds: float) -> None:
    if not 0 <= edit.segment < len(segments):
        raise BadInput(f"There is no segment {edit.segment + 1}; the transcript has {len(segments)}.", "Load the transcript again.")
    old = segments[edit.segment]
    if isinstance(edit, SetText):
        segments[edit.segment] = replace(old, text=edit.text, words=retimed(edit.text, old), doubt="")
    elif isinstance(edit, SetTimes):
        before, after = segments[max(0, edit.segment - 1) : edit.segment], segments[edit.segment + 1 : edit.segment + 2]
        _check_times(before, after, edit, max(seconds, old.end))
        segments[edit.segment] = replace(old, start=edit.start, end=edit.end, words=_moved(old, edit.start, edit.end))
    elif isinstance(edit, Split):
        left, right = _split(old, edit.at)
        following = segments[edit.segment + 1 : edit.segment + 2]
        if following and right.start > following[0].start:  # they overlap
            right = replace(right, start=following[0].start)
        segments[edit.segment : edit.segment + 1] = [left, right]
    elif isinstance(edit, Remove):
        del segments[edit.segment]
    elif isinstance(edit, Merge):
        if edit.segment + 1 == len(segments):
            raise BadInput("The last segment has no next one to be merged with.", "Choose the segment before it.")
        segments[edit.segment : edit.segment + 2] = [_merged(old, segments[edit.segment + 1])]


def _check_times(before: Sequence[Segment], after: Sequence[Segment], edit: SetTimes | Insert, last_s: float) -> None:
    if edit.end <= edit.start:
        raise BadInput("The end of a segment must lie after its start.", "Change one of the two.")
    if before and edit.start < before[0].start:
        raise BadInput(f"A segment cannot begin before the one before it ({before[0].start:.3f} s).", "Choose a later start.")
    if after and edit.start > after[0].start:
        raise BadInput(f"A segment cannot begin after the next one ({after[0].start:.3f} s).", "Choose an earlier start.")
    if last_s > 0 and edit.end > last_s + _SHIFT_S:
        raise BadInput(f"A segment cannot end after the recording ({last_s:.3f} s).", "Choose an earlier end.")


def _insert(segments: list[Segment], edit: Insert, seconds: float) -> None:
    if edit.segment > len(segments):
        raise BadInput(f"There is no place {edit.segment + 1}; the transcript has {len(segments)} segments.", "Load it again.")
    if len(segments) >= MAX_SEGMENTS:
        raise BadInput(f"A transcript has at most {MAX_SEGMENTS:,} segments here.", "Merge some first.")
    last_s = max([seconds, *(segment.end for segment in segments[-1:])]) if seconds > 0 else 0.0
    _check_times(segments[max(0, edit.segment - 1) : edit.segment], segments[edit.segment : edit.segment + 1], edit, last_s)
    made = Segment(edit.start, edit.end, edit.text)
    timed = any(segment.words for segment in segments) or not segments
    segments.insert(edit.segment, replace(made, words=spread(made)) if timed else made)


def _moved(segment: Segment, start: float, end: float) -> tuple[Word, ...]:
    """Words under new times of their segment.

    A segment that is only shifted takes its words along. Otherwise words stay where they were heard and are cut at the new ends;
    if some would lie outside, all are stretched or pressed into the new time.
    """
    if not segment.words:
        return ()
    length, old_length = end - start, segment.end - segment.start
    if abs(length - old_length) < _SHIFT_S:
        by = start - segment.start
        return tuple(replace(word, start=_at(word.start + by), end=_at(word.end + by)) for word in segment.words)
    if all(start <= (word.start + word.end) / 2 <= end for word in segment.words):
        return tuple(
            replace(word, start=min(max(word.start, start), end), end=max(min(word.end, end), start)) for word in segment.words
        )
    factor = length / old_length if old_length > 0 else 0.0

    def pressed(at_s: float) -> float:
        return _at(min(end, max(start, start + (at_s - segment.start) * factor)))

    return tuple(replace(word, start=pressed(word.start), end=pressed(word.end)) for word in segment.words)


def _at(at_s: float) -> float:
    return round(max(0.0, at_s), 3)


def _split(segment: Segment, at: int) -> list[Segment]:
    left, right = segment.text[:at].strip(), segment.text[at:].strip()
    if not left or not right:
        raise BadInput("A segment can be split only inside its text.", "Choose a place between two words.")
    seen, whole = _length(left), _length(segment.text)
    if not segment.words:
        cut = _at(segment.start + (segment.end - segment.start) * seen / whole)
        return [replace(segment, end=cut, text=left), replace(segment, start=cut, text=right)]
    words = segment.words if same_text(segment) else align(segment.text, segment.words, segment.start, segment.end)
    before: list[Word] = []
    after: list[Word] = []
    for word in words:
        length = _length(word.text)
        if seen >= length:
            before.append(word)
        elif seen <= 0:
            after.append(word)
        else:
            for part, side in zip(_cut(word, seen), (before, after), strict=True):
                side.append(part)
        seen -= length
    end = before[-1].end if before else segment.start
    start = after[0].start if after else segment.end
    return [
        replace(segment, end=max(segment.start, end), text=left, words=tuple(before)),
        replace(segment, start=max(segment.start, start), end=max(segment.end, start), text=right, words=tuple(after)),
    ]


def _length(text: str) -> int:
    """Characters without spaces: the same in a text and in its words."""
    return len("".join(text.split()))


def _cut(word: Word, seen: int) -> tuple[Word, Word]:
    """A word in two, behind so many of its characters."""
    bare = word.text.lstrip()
    led = word.text[: len(word.text) - len(bare)]
    at = _at(word.start + (word.end - word.start) * seen / len(bare))
    return replace(word, end=at, text=led + bare[:seen]), replace(word, start=at, text=bare[seen:])


def _merged(first: Segment, second: Segment) -> Segment:
    text = joined([first.text, second.text])
    if len(text) > MAX_SEGMENT_CHARS:
        raise BadInput(f"Merged they would have more than {MAX_SEGMENT_CHARS:,} characters.", "Leave them apart.")
    words: tuple[Word, ...] = ()
    if first.words or second.words:
        tail = second.words or spread(second)
        lead = " " if text != first.text + second.text else ""
        words = in_order((*(first.words or spread(first)), replace(tail[0], text=lead + tail[0].text.lstrip()), *tail[1:]))
    return replace(
        first,
        end=max(first.end, second.end),
        text=text,
        words=words,
        language=first.language if first.language == second.language else "",
        doubt=first.doubt or second.doubt,
    )


def _replaced(old: Sequence[Segment], new: Sequence[Segment]) -> list[Segment]:
    """New segments; what did not change keeps all that is known about it."""
    known = {(segment.start, segment.end, segment.text): segment for segment in old}
    heard = sorted((word for segment in old for word in segment.words), key=_middle)
    middles = [_middle(word) for word in heard]
    made = []
    for segment in new:
        same = known.get((segment.start, segment.end, segment.text))
        if same is not None and segment.words in ((), same.words):
            made.append(same)
        elif segment.words and same_text(segment):
            made.append(segment)
        else:
            words = heard[bisect_left(middles, segment.start) : bisect_left(middles, segment.end)]
            timed = align(segment.text, words, segment.start, segment.end) if words else spread(segment) if heard else ()
            made.append(replace(segment, words=_moved(replace(segment, words=timed), segment.start, segment.end)))
    return made


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2
