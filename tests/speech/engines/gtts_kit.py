"""What the tests of the gTTS engine share: an engine that waits by a manual clock, a run, a cache in memory."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.fakes.google import FakeGoogle
from utils.audio.pcm import Pcm
from utils.errors import Cancelled
from utils.speech.contract import Part, Prosody, Spoken, Voice
from utils.speech.engines.gtts_engine import GttsEngine
from utils.speech.engines.gtts_governor import Governor

EN = Voice("gtts:en", "gtts", "English", "en")
SESSION = "9b2c1c1e-0f0e-4c0e-8d57-6d2f6f1f8a11"
# 12 pieces of very different lengths, each a part, so that order and marks can be told from the sound
TWELVE = [Part(f"{number}. " + "word " * (1 + 7 * number % 11) + "end.", 0.1) for number in range(12)]


@dataclass
class ManualClock:
    """Time that passes only while somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds
            self.slept.append(seconds)
        time.sleep(0.0001)  # let other threads run

    @property
    def total_s(self) -> float:
        return sum(self.slept)


class MemoryCache:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.kept[key] = data


class TestRun:
    """A Run that keeps what it is told. `cancel_when` is asked at each report."""

    __test__ = False

    def __init__(
        self, session_id: str = SESSION, cache: MemoryCache | None = None, cancel_when: Callable[[], bool] | None = None
    ) -> None:
        self.session_id = session_id
        self.cache = cache or MemoryCache()
        self.reports: list[tuple[float, float]] = []
        self.notes: list[str] = []
        self._cancel_when = cancel_when

    def progress(self, done: float, total: float) -> None:
        self.reports.append((done, total))
        if self._cancel_when is not None and self._cancel_when():
            raise Cancelled("Somebody asked the work to stop.")

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def engine_for(
    google: FakeGoogle | str,
    clock: ManualClock,
    *,
    rate: float = 1000.0,
    workers: int = 3,
    patience_s: float = 120.0,
    read_s: float = 20.0,
) -> GttsEngine:
    """An engine whose waits cost no time."""
    governor = Governor(rate, workers, clock=clock, sleep=clock.sleep)
    url = google if isinstance(google, str) else google.url
    return GttsEngine(governor, workers=workers, endpoint=url, timeouts_s=(5.0, read_s), patience_s=patience_s, sleep=clock.sleep)


def say(engine: GttsEngine, parts: list[Part], run: TestRun | None = None, voice: Voice = EN) -> tuple[Pcm, Spoken]:
    """Speak into memory."""
    out = io.BytesIO()
    spoken = engine.speak(parts, voice, Prosody(), out, run or TestRun())
    return np.frombuffer(out.getvalue(), dtype="<i2"), spoken


def pitch_hz(samples: NDArray[np.int16], rate_hz: int) -> float:
    """Of a pure tone."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.argmax(spectrum)) * rate_hz / len(samples)
