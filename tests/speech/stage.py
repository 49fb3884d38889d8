"""What the tests of choosing and synthesizing stand on: an engine that plays tones, a run that listens, a manual clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from utils.errors import Cancelled, EngineError
from utils.speech.contract import Mark, Part, PieceCache, Prosody, Run, Spoken, Voice

RATE_HZ = 24_000
CHARACTER_S = 0.05
EDGE_S = 0.5  # silence before the first and after the last word, as services send it


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class NoCache:
    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, data: bytes) -> None:
        pass


class Listener:
    """A Run that keeps what it was told, and stops the work at a given share of it."""

    session_id = "00000000-0000-4000-8000-000000000000"

    def __init__(self, stop_at: float = 2.0) -> None:
        self.stop_at = stop_at
        self.reports: list[tuple[float, float]] = []
        self.notes: list[str] = []

    @property
    def cache(self) -> PieceCache:
        return NoCache()

    def progress(self, done: float, total: float) -> None:
        self.reports.append((done, total))
        if done / total >= self.stop_at:
            raise Cancelled("Somebody asked to stop.")

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


class ToneEngine:
    """An engine that hums each word, one after the other, and can be told to fail.

    Attributes:
        fails: Raised by each `speak`, after part of the sound has been written.
        missing: What `available` says.
        calls: Voices that were asked to speak.
    """

    def __init__(self, name: str = "gtts", native: frozenset[str] = frozenset(), level: float = 0.3) -> None:
        self.name = name
        self.native = native
        self.level = level
        self.fails: EngineError | None = None
        self.missing = ""
        self.calls: list[Voice] = []
        self.prosody: Prosody | None = None

    @property
    def label(self) -> str:
        return f"Tone {self.name}"

    def requests(self, parts: Sequence[Part]) -> int:
        return len(parts) if self.name == "gtts" else 0

    def available(self) -> str:
        return self.missing

    def speak(self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run) -> Spoken:
        self.calls.append(voice)
        self.prosody = prosody
        speed = prosody.speed if "speed" in self.native else 1.0
        written = _put(out, np.zeros(round(EDGE_S * RATE_HZ)))
        marks: list[Mark] = []
        for index, part in enumerate(parts):
            for word in part.text.split():
                count = round(len(word) * CHARACTER_S / speed * RATE_HZ)
                tone = self.level * np.sin(2 * np.pi * 440 * np.arange(count) / RATE_HZ)
                start = written / RATE_HZ
                written += _put(out, tone)
                marks.append(Mark(start, written / RATE_HZ, word, index))
                if self.fails:
                    raise self.fails
            written += _put(out, np.zeros(round(part.pause_after_s * RATE_HZ)))
            run.progress(index + 1, len(parts))
        written += _put(out, np.zeros(round(EDGE_S * RATE_HZ)))
        return Spoken(RATE_HZ, written, tuple(marks), requests=self.requests(parts), cached=1 if self.name == "gtts" else 0)


def _put(out: BinaryIO, samples: np.ndarray) -> int:
    out.write((samples * 32_767).astype("<i2").tobytes())
    return len(samples)
