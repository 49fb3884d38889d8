"""What the tests of the eSpeak engine share: a run, speaking into a file, and looking at what came out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from utils.errors import Cancelled
from utils.speech.contract import Part, Prosody, Spoken, Voice
from utils.speech.engines import espeak_library
from utils.speech.engines.espeak import EspeakEngine
from utils.speech.engines.espeak_process import Limits, Program

FAKE = Path(__file__).parents[2] / "fakes" / "espeak_child.py"
RATE_HZ = 22_050
GONE_S = 60.0


class Cache:
    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, data: bytes) -> None:
        return None


class Teller:
    """A Run that keeps what it is told. `cancel_when` is asked at each report."""

    def __init__(self, cancel_when: Callable[[], bool] = lambda: False) -> None:
        self.session_id = "9b2c1c1e-0f0e-4c0e-8d57-6d2f6f1f8a11"
        self.cache = Cache()
        self.reports: list[tuple[float, float]] = []
        self._cancel_when = cancel_when

    def progress(self, done: float, total: float) -> None:
        self.reports.append((done, total))
        if self._cancel_when():
            raise Cancelled("Somebody asked the work to stop.")

    def note(self, sentence: str) -> None:
        return None


def program(limits: Limits | None = None) -> Program:
    """The real one, with other limits."""
    library = espeak_library.find()
    assert library is not None, espeak_library.why_missing()
    return Program(library, limits=limits or Limits())


def faulty(limits: Limits | None = None) -> EspeakEngine:
    """An engine whose child goes wrong on request, see `tests/fakes/espeak_child.py`."""
    return EspeakEngine(replace(program(limits), path=FAKE))


@cache
def plain() -> EspeakEngine:
    """The engine as it is: an engine looks its voices up once, which takes longer than a sentence."""
    return EspeakEngine()


def voice(key: str) -> Voice:
    return Voice(f"espeak:{key}", "espeak", key, "und")


def say(
    folder: Path,
    *texts: str | Part,
    key: str = "en-us",
    prosody: Prosody | None = None,
    engine: EspeakEngine | None = None,
    run: Teller | None = None,
) -> tuple[NDArray[np.int16], Spoken]:
    """Speak parts into a file in `folder`; answer all that is in the file, and what the engine said."""
    parts = [text if isinstance(text, Part) else Part(text) for text in texts]
    path = folder / f"{os.urandom(4).hex()}.pcm"
    with path.open("w+b") as out:
        spoken = (engine or plain()).speak(parts, voice(key), prosody or Prosody(), out, run or Teller())
    return np.fromfile(path, dtype="<i2"), spoken


def seconds(folder: Path, text: str, key: str = "en-us", speed: float = 1.0) -> float:
    """How long a text sounds, without the pause at its end."""
    samples, _ = say(folder, text, key=key, prosody=Prosody(speed=speed))
    return float(np.flatnonzero(np.abs(samples) > 100)[-1]) / RATE_HZ


def fundamental_hz(samples: NDArray[np.int16]) -> float:
    """Median fundamental frequency of the voiced stretches, by autocorrelation."""
    size = 2048
    window = np.hanning(size)
    found = []
    for begin in range(0, len(samples) - size, size // 2):
        frame = samples[begin : begin + size].astype(float)
        if np.sqrt((frame**2).mean()) < 1_000:
            continue
        power = np.abs(np.fft.rfft((frame - frame.mean()) * window, 4 * size)) ** 2
        correlation = np.fft.irfft(power)[:size] / (np.fft.irfft(np.abs(np.fft.rfft(window, 4 * size)) ** 2)[:size] + 1e-9)
        low, high = RATE_HZ // 500, RATE_HZ // 45
        lags = correlation[low:high] / correlation[0]
        peaks = np.flatnonzero((lags[1:-1] >= lags[:-2]) & (lags[1:-1] >= lags[2:]) & (lags[1:-1] > 0.9 * lags.max())) + 1
        if lags.max() > 0.5 and len(peaks):
            found.append(RATE_HZ / (low + peaks[0]))
    return float(np.median(found))


def belongings() -> tuple[int, int, int]:
    """Children, descriptors and Python's threads of this process; libraries start threads of their own whenever they like."""
    me = psutil.Process()
    return len(me.children(recursive=True)), me.num_fds() if hasattr(me, "num_fds") else 0, threading.active_count()


def assert_no_more_than(before: tuple[int, int, int]) -> None:
    """Hold that no child, descriptor or thread is left behind, as soon as the machine has come round to ending them."""
    deadline = time.monotonic() + GONE_S
    while any(now > then for now, then in zip(belongings(), before, strict=True)) and time.monotonic() < deadline:
        time.sleep(0.02)
    after = belongings()
    assert all(now <= then for now, then in zip(after, before, strict=True)), f"{before} -> {after}"
