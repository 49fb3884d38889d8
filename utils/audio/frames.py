"""Between blocks of samples and the media library's frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from utils.audio.pcm import BLOCK_SAMPLES, Pcm

if TYPE_CHECKING:
    from av import AudioFrame


def from_blocks(blocks: Iterable[Pcm], rate_hz: int) -> Iterator[AudioFrame]:
    """Wrap blocks in frames with running timestamps; without them the muxers guess, and guess wrong."""
    from av import AudioFrame

    at, time_base = 0, Fraction(1, rate_hz)
    for block in blocks:
        for start in range(0, len(block), BLOCK_SAMPLES):
            samples = np.ascontiguousarray(block[start : start + BLOCK_SAMPLES], dtype=np.int16)
            frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, time_base
            at += len(samples)
            yield frame


def to_block(frame: AudioFrame) -> Pcm:
    """The samples of a mono s16 frame."""
    return cast(Pcm, frame.to_ndarray()[0])
