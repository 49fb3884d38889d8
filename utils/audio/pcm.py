"""Long sound stays on disk: raw s16le mono PCM, read and written block by block so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]  # one dimension, mono
BLOCK_SAMPLES = 65_536  # 128 kB a block: large enough to be fast, small enough not to matter
BYTES_A_SAMPLE = 2


@dataclass(frozen=True)
class PcmFile:
    """A file of raw s16le mono samples, or a stretch of one: then everything counts from the stretch's begin.

    Attributes:
        path: The file; nobody writes to what is read of it any more.
        rate_hz: Samples a second.
        begin: First sample of the stretch.
        end: The sample behind it, or None for the file's end.
    """

    path: Path
    rate_hz: int
    begin: int = 0
    end: int | None = None

    @property
    def sample_count(self) -> int:
        """Whole samples in the file, or in the stretch."""
        whole = self.path.stat().st_size // BYTES_A_SAMPLE
        return max(0, (whole if self.end is None else min(self.end, whole)) - self.begin)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.sample_count / self.rate_hz

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Pcm]:
        """Yield the samples `start` to `stop` (sample indices, stop excluded) in blocks of at most BLOCK_SAMPLES."""
        left = (self.sample_count if stop is None else min(stop, self.sample_count)) - start
        with self.path.open("rb") as file:
            file.seek((self.begin + start) * BYTES_A_SAMPLE)
            while left > 0:
                data = file.read(min(left, BLOCK_SAMPLES) * BYTES_A_SAMPLE)
                if not data:
                    return
                block = np.frombuffer(data, dtype="<i2")
                left -= len(block)
                yield block
