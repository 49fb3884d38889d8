"""What `live.json` says of a recording: how its sound comes, since when, what was marked, and when and why it ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

LIVE = "live.json"
SCHEMA = 1
SOUNDS = {"pcm_s16le": "sound.pcm", "webm": "sound.webm"}  # format: where its bytes grow
WHYS = ("stop", "abandoned", "limit", "full", "gone")
MOST_MARKS = 1000


@dataclass(frozen=True)
class LiveFacts:
    """One recording as it stands. Replaced whole; only whoever holds the item alone changes it.

    Attributes:
        sample_rate: Of the samples, in Hz; of WebM that of the browser's microphone.
        format: A key of SOUNDS.
        language: A language that Whisper knows, or "" = find out.
        captions: Text is wanted while it is spoken.
        transcript: A transcript is wanted at the end.
        started_at: Seconds since the epoch.
        ended_at: Seconds since the epoch, or None while it is open.
        why: One of WHYS once it has ended, else "".
        marks: Moments that the speaker marked, in seconds of sound.
        schema: Version of this form.
    """

    sample_rate: int
    format: str = "pcm_s16le"
    language: str = ""
    captions: bool = True
    transcript: bool = True
    started_at: float = 0.0
    ended_at: float | None = None
    why: str = ""
    marks: tuple[float, ...] = ()
    schema: int = SCHEMA

    @property
    def is_open(self) -> bool:
        """Sound may still come."""
        return self.ended_at is None

    @property
    def sound(self) -> str:
        """The file in which it grows."""
        return SOUNDS[self.format]

    def seconds_of(self, size_bytes: int) -> float | None:
        """Length of so many bytes, or None where that cannot be told from them."""
        return size_bytes / 2 / self.sample_rate if self.format == "pcm_s16le" else None

    def ended(self, now: float, why: str) -> LiveFacts:
        """The same, over; what has ended before stays as it ended."""
        return self if self.ended_at is not None else replace(self, ended_at=now, why=why)

    def marked(self, seconds: float) -> LiveFacts:
        """The same with one more mark, as far as there may be more."""
        return replace(self, marks=(*self.marks, round(seconds, 3))) if len(self.marks) < MOST_MARKS else self

    def to_bytes(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self)).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> LiveFacts:
        """The inverse; fields of newer versions are left out. Raises ValueError for anything else."""
        found: Any = json.loads(data)
        if not isinstance(found, dict):
            raise ValueError("not a recording")
        kept = {known.name: found[known.name] for known in fields(cls) if known.name in found}
        try:
            return cls(**{**kept, "marks": tuple(float(mark) for mark in kept.get("marks", ()))})
        except TypeError as exc:
            raise ValueError("not a recording") from exc
