"""Decoded sound: mono PCM with its sample rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Waveform:
    """A short piece of mono sound in memory. Long sound stays on disk, see `pcm.PcmFile`.

    Attributes:
        samples: One dimension, int16 (s16) or float32 in -1..1.
        rate_hz: Samples a second.
    """

    samples: NDArray[np.int16] | NDArray[np.float32]
    rate_hz: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz
