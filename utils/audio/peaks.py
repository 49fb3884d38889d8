"""The picture of a waveform: a fixed number of columns for any length, in one pass."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from utils.audio.pcm import Pcm

COLUMNS = 400
HIGHEST = 100
QUIET = 66  # of 32,768, -54 dBFS: the hiss of a room where nobody speaks; what stays below is not drawn as loud as speech
_BINS_A_COLUMN = 8  # between 4 and 8 bins stand behind a column, so its place is right to a quarter of its width


class Peaks:
    """Collects the highest sample of equal bins; when there are too many bins, neighbours are put together.

    Memory does not depend on the length: at most `columns * 8` numbers.
    """

    def __init__(self, columns: int = COLUMNS) -> None:
        if columns < 1:
            raise ValueError("a picture has at least one column")
        self._columns = columns
        self._bins = np.zeros(columns * _BINS_A_COLUMN, dtype=np.int32)
        self._full = 0  # bins that are complete
        self._width = 1  # samples a bin
        self._open = 0  # samples in the bin after the complete ones
        self._samples = 0

    def add(self, block: Pcm) -> None:
        """Take the next samples."""
        self._samples += len(block)
        while len(block):
            if self._full == len(self._bins):
                self._halve()
            block = block[self._fill_open(block) :] if self._open or len(block) < self._width else block[self._fill_many(block) :]

    def collect(self, blocks: Iterable[Pcm]) -> Iterable[Pcm]:
        """Pass blocks on and take a look at them on the way."""
        for block in blocks:
            self.add(block)
            yield block

    def values(self) -> list[int]:
        """One number a column, 0 to 100; the loudest is 100, unless all is as good as silent. Always exactly as many as columns."""
        used = self._full + (1 if self._open else 0)
        if not used:
            return [0] * self._columns
        bins = self._bins[:used]
        length = self._samples / self._width  # in bins; the last one may be open, so less than `used`
        edges = np.arange(self._columns + 1) * (length / self._columns)
        first = np.minimum(edges[:-1].astype(int), used - 1)
        behind = np.clip(np.ceil(edges[1:]).astype(int), first + 1, used)
        heights = np.array([bins[a:b].max() for a, b in zip(first, behind, strict=True)], dtype=float)
        return [int(value) for value in np.rint(heights * (HIGHEST / max(QUIET, heights.max())))]

    def _fill_open(self, block: Pcm) -> int:
        """Put samples into the open bin; return how many."""
        part = block[: self._width - self._open]
        highest = max(int(part.max()), -int(part.min()))
        self._bins[self._full] = max(self._bins[self._full] if self._open else 0, highest)
        self._open += len(part)
        if self._open == self._width:
            self._full, self._open = self._full + 1, 0
        return len(part)

    def _fill_many(self, block: Pcm) -> int:
        """Make whole bins of as many samples as there is room for; return how many."""
        count = min(len(block) // self._width, len(self._bins) - self._full)
        parts = block[: count * self._width].reshape(count, self._width)
        np.maximum(parts.max(axis=1), -parts.min(axis=1).astype(np.int32), out=self._bins[self._full : self._full + count])
        self._full += count
        return count * self._width

    def _halve(self) -> None:
        """Put neighbouring bins together. Called with all bins complete, and their number is even."""
        half = len(self._bins) // 2
        self._bins[:half] = self._bins.reshape(-1, 2).max(axis=1)
        self._full, self._width = half, self._width * 2
