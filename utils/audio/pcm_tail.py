"""Follow a file of raw PCM that grows, as the samples that transcription hears: 16 kHz float32, whatever its own rate is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.audio.pcm import BYTES_A_SAMPLE

RATE_HZ = 16_000
READ_S = 8.0  # at most so much at once
FULL_SCALE = np.float32(32_768)


class PcmTail:
    """Reads what has come since the last read. Used by one thread; opens the file for each read, so it may not be there yet."""

    def __init__(self, path: Path, rate_hz: int, *, begin_s: float = 0.0) -> None:
        """Nothing is read yet.

        Args:
            path: s16le mono, appended to by another process.
            rate_hz: Its samples a second.
            begin_s: Where to begin, rounded to a sample.
        """
        self._path, self._rate_hz = path, rate_hz
        self._next = round(begin_s * rate_hz)
        self._resampler: Any = None

    @property
    def next_s(self) -> float:
        """The second of the recording at which the next read begins."""
        return self._next / self._rate_hz

    def left_s(self) -> float:
        """Seconds that are there and were not read."""
        return max(0, self._count() - self._next) / self._rate_hz

    def skip(self, seconds: float) -> float:
        """Leave out so much; answers the second at which the next read begins."""
        self._next += max(0, round(min(seconds, self.left_s()) * self._rate_hz))
        self._resampler = None
        return self.next_s

    def read_new(self) -> NDArray[np.float32]:
        """What has come since, at most READ_S of it; -1..1. Empty: nothing new."""
        count = min(self._count() - self._next, int(READ_S * self._rate_hz))
        if count <= 0:
            return np.zeros(0, np.float32)
        with self._path.open("rb") as file:
            file.seek(self._next * BYTES_A_SAMPLE)
            data = file.read(count * BYTES_A_SAMPLE)
        samples = np.frombuffer(data[: len(data) // BYTES_A_SAMPLE * BYTES_A_SAMPLE], dtype="<i2")
        self._next += len(samples)
        return samples.astype(np.float32) / FULL_SCALE if self._rate_hz == RATE_HZ else self._resampled(samples)

    def _count(self) -> int:
        try:
            return self._path.stat().st_size // BYTES_A_SAMPLE
        except FileNotFoundError:
            return 0

    def _resampled(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Through one resampler for the whole stream: it remembers the samples before, so that nothing clicks at the joints."""
        import av

        if self._resampler is None:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, dtype=np.int16).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = self._rate_hz
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        joined: NDArray[np.float32] = np.concatenate([np.zeros(0, np.float32), *parts], dtype=np.float32)
        return np.clip(joined, -1, 1, out=joined)
