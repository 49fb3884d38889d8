"""Edits of a transcript as data: what a person changed, checked when it comes in and when it is read back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from utils.errors import BadInput
from utils.transcription.contract import Segment, Word
from utils.transcription.formats_notes import one_line

MAX_SEGMENT_CHARS = 5_000
MAX_SEGMENTS = 50_000
MAX_WORDS = 500_000  # of a transcript that is put whole
MAX_CHARS = 1_000_000  # of all segments together: twelve hours of quick speech; subtitles of more take minutes and a gigabyte
MAX_AT_S = 10.0**7  # far beyond any recording


@dataclass(frozen=True)
class SetText:
    """Another text for a segment."""

    segment: int
    text: str


@dataclass(frozen=True)
class SetTimes:
    """Other times for a segment, in seconds."""

    segment: int
    start: float
    end: float


@dataclass(frozen=True)
class Split:
    """Two segments of one; `at` counts characters (code points) of its text before the cut."""

    segment: int
    at: int


@dataclass(frozen=True)
class Merge:
    """One segment of this and the next."""

    segment: int


@dataclass(frozen=True)
class Remove:
    """Leave a segment out."""

    segment: int


@dataclass(frozen=True)
class Insert:
    """A new segment that will have this index; times in seconds."""

    segment: int
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Replace:
    """All segments at once; those without words are timed by the words that were heard in their time."""

    segments: tuple[Segment, ...]


Edit = SetText | SetTimes | Split | Merge | Remove | Insert | Replace
_KINDS: Mapping[str, type[Edit]] = {
    "set_text": SetText, "set_times": SetTimes, "split": Split, "merge": Merge, "remove": Remove, "insert": Insert,
    "replace": Replace,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}


def as_dict(edit: Edit) -> dict[str, Any]:
    """Plain data: `op` and the edit's fields."""
    if isinstance(edit, Replace):
        return {"op": "replace", "segments": [_segment_dict(segment) for segment in edit.segments]}
    return {"op": _NAMES[type(edit)], **{field.name: getattr(edit, field.name) for field in fields(edit)}}


def parse(data: object) -> Edit:
    """An edit from plain data, whoever sent it.

    Raises:
        BadInput: It is no edit, or a value of it cannot be.
    """
    if not isinstance(data, Mapping):
        raise BadInput("An edit must be an object with `op` and its values.", "See the API's description of edits.")
    name = data.get("op")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BadInput("This kind of edit is not known here.", f"Choose one of {', '.join(_KINDS)}.")
    if kind is Replace:
        return Replace(segments(data.get("segments")))
    read: Mapping[str, Callable[[object, str], Any]] = {
        "segment": whole,
        "at": whole,
        "start": seconds,
        "end": seconds,
        "text": checked_text,
    }
    return kind(**{field.name: read[field.name](data.get(field.name), field.name) for field in fields(kind)})


def segments(data: object) -> tuple[Segment, ...]:
    """Segments from plain data, in order of time, none without text.

    Raises:
        BadInput: There are too many, or one of them is wrong; the sentence says which.
    """
    if not isinstance(data, list | tuple):
        raise BadInput("The segments of a transcript must be a list.", "Send a list of objects with start, end and text.")
    if len(data) > MAX_SEGMENTS:
        raise BadInput(f"A transcript has at most {MAX_SEGMENTS:,} segments here, not {len(data):,}.", "Send fewer segments.")
    found: list[Segment] = []
    words = 0
    for number, entry in enumerate(data, start=1):
        try:
            found.append(_segment(entry))
        except BadInput as exc:
            raise BadInput(f"Segment {number} cannot be used: {exc.sentence}", exc.hint) from exc
        if len(found) > 1 and found[-1].start < found[-2].start:
            raise BadInput(f"Segment {number} begins before the one before it.", "Send segments in order of time.")
        words += len(found[-1].words)
        if words > MAX_WORDS:
            raise BadInput(f"A transcript has at most {MAX_WORDS:,} words here.", "Send segments without words.")
    return tuple(found)


def whole(value: object, name: str) -> int:
    """A number of segments or characters."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**9:
        raise BadInput(f"`{name}` must be a whole number from 0.", f"Send {name} as such a number.")
    return value


def seconds(value: object, name: str) -> float:
    """A time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_AT_S or not math.isfinite(value):
        raise BadInput(f"`{name}` must be a time in seconds from 0.", f"Send {name} as a number such as 12.5.")
    return round(float(value), 3)


def checked_text(value: object, name: str = "text") -> str:
    """Text of a segment: one line, without control characters."""
    if not isinstance(value, str):
        raise BadInput(f"`{name}` must be text.", f"Send {name} as a string.")
    if len(value) > MAX_SEGMENT_CHARS:
        raise BadInput(
            f"The text of a segment has at most {MAX_SEGMENT_CHARS:,} characters, not {len(value):,}.",
            "Divide it into more segments.",
        )
    cleaned = one_line(value)
    if not cleaned:
        raise BadInput("A segment cannot be empty.", "Remove the segment instead.")
    return cleaned


def _segment(entry: object) -> Segment:
    if not isinstance(entry, Mapping):
        raise BadInput("It must be an object.", "Send objects with start, end and text.")
    start, end = seconds(entry.get("start"), "start"), seconds(entry.get("end"), "end")
    if end < start:
        raise BadInput("Its end must not lie before its start.", "Change one of the two.")
    listed = entry.get("words") or ()
    if not isinstance(listed, list | tuple) or len(listed) > MAX_SEGMENT_CHARS:
        raise BadInput("Its words must be a list.", "Send words as a list, or leave them out.")
    language = entry.get("language", "")
    words = tuple(_word(word) for word in listed)
    return Segment(start, end, checked_text(entry.get("text")), words, language[:20] if isinstance(language, str) else "")


def _word(entry: object) -> Word:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("text"), str):
        raise BadInput("Each of its words must be an object with start, end and text.", "Leave the words out.")
    text = str(entry["text"])
    start, end = seconds(entry.get("start"), "start"), seconds(entry.get("end"), "end")
    chance = entry.get("probability")
    known = isinstance(chance, int | float) and not isinstance(chance, bool) and 0 <= chance <= 1
    led = " " if text[:1].isspace() else ""
    return Word(start, max(start, end), led + checked_text(text), float(chance) if known and chance is not None else None)


def _segment_dict(segment: Segment) -> dict[str, Any]:
    data: dict[str, Any] = {"start": segment.start, "end": segment.end, "text": segment.text}
    if segment.language:
        data["language"] = segment.language
    if segment.words:
        data["words"] = [dict(vars(word)) for word in segment.words]
    return data
