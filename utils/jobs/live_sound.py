"""The sound of a recording as the captions hear it: read while it grows, 16 kHz, mono, float32."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.transcription.contract import RATE_HZ, Samples

if TYPE_CHECKING:
    from av.audio.resampler import AudioResampler

READ_S = 4.0  # at most, at once
FULL_SCALE = 32_768


class LiveSound:
    """A `captions_run.Source` over growing samples; reads only those that count. Used by one thread."""

    def __init__(
        self, path: Path, rate_hz: int, begin_s: float, *, there_bytes: Callable[[], int], ended: Callable[[], bool]
    ) -> None:
        """Open it.

        Args:
            path: s16le, mono.
            rate_hz: Of it.
            begin_s: Where the first read begins.
            there_bytes: How many bytes of it count by now.
            ended: No more will come.
        """
        self._rate_hz = rate_hz
        self._there_bytes = there_bytes
        self._ended = ended
        self._at = round(begin_s * rate_hz)  # samples of the recording that were read
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._resampler: AudioResampler | None = None
        self._drained = False

    def __enter__(self) -> LiveSound:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._file)

    def read_new(self) -> Samples:
        """What has come since the last read, at most READ_S of it."""
        over = self._ended()
        count = min(self._there() - self._at, round(READ_S * self._rate_hz))
        if count <= 0:
            return self._drain() if over else _nothing()
        os.lseek(self._file, self._at * 2, os.SEEK_SET)
        data = os.read(self._file, count * 2)
        pcm = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
        self._at += len(pcm)
        return self._heard(pcm)

    @property
    def is_over(self) -> bool:
        """No more will come than is there."""
        return self._ended()

    def left_s(self) -> float:
        """Seconds that are there and were not read."""
        return max(0, self._there() - self._at) / self._rate_hz

    def skip(self, seconds: float) -> float:
        """Leave out so much; answers the second at which the next read begins."""
        self._at = min(self._there(), self._at + round(seconds * self._rate_hz))
        self._resampler = None
        return self._at / self._rate_hz

    def _there(self) -> int:
        return self._there_bytes() // 2

    def _heard(self, pcm: np.ndarray[Any, np.dtype[np.int16]]) -> Samples:
        if self._rate_hz == RATE_HZ:
            scaled: Samples = np.multiply(pcm, np.float32(1 / FULL_SCALE), dtype=np.float32)
            return scaled
        import av

        if self._resampler is None:
            self._resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate_hz
        return _joined(self._resampler.resample(frame))

    def _drain(self) -> Samples:
        """The last samples of a change of rate, once."""
        if self._resampler is None or self._drained:
            return _nothing()
        self._drained = True
        return _joined(self._resampler.resample(None))


def _nothing() -> Samples:
    return np.zeros(0, np.float32)


def _joined(frames: list[Any]) -> Samples:
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate(parts).astype(np.float32, copy=False) if parts else _nothing()
