"""Where the sound begins and ends in a recording with silence at its edges."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from utils.audio.pcm import BLOCK_SAMPLES, Pcm, PcmFile

THRESHOLD = 0.01  # of the sound's own peak: -40 dB, softer than the softest consonant that begins or ends a word
LEAST = 4  # of 32,768: below this there is only the rounding of a decoder
MARGIN_S = 0.05  # kept at both ends, so that nothing begins or ends abruptly


def find(pcm: PcmFile, *, threshold: float = THRESHOLD, margin_s: float = MARGIN_S) -> tuple[int, int]:
    """First sample to keep, and the one behind the last.

    The threshold is relative to the loudest sample, so a quiet clip is treated like a loud one; a clip that is all silence is kept
    whole, because nothing tells where it should be cut.

    Args:
        pcm: The sound; read two times at most, block by block.
        threshold: What counts as sound, as a part of the highest sample.
        margin_s: Seconds to keep before and behind.

    Returns:
        `(start, stop)`, sample indices, for `pcm.blocks(start, stop)`.
    """
    count = pcm.sample_count
    highest = peak(pcm)
    if highest <= LEAST:
        return 0, count
    level = max(LEAST, round(highest * threshold))
    margin = round(margin_s * pcm.rate_hz)
    first = _first_above(pcm.blocks(), level)
    last = behind(pcm, level) - 1
    return max(0, first - margin), min(count, last + 1 + margin)


def peak(pcm: PcmFile) -> int:
    """The highest sample, 0 to 32,768."""
    return max((_highest(block) for block in pcm.blocks()), default=0)


def behind(pcm: PcmFile, level: int) -> int:
    """The sample behind the last one that is higher than `level`; 0 when there is none."""
    return _last_above(pcm, level, pcm.sample_count) + 1


def _highest(block: Pcm) -> int:
    return max(int(block.max()), -int(block.min()))  # np.abs would overflow at -32,768


def _first_above(blocks: Iterable[Pcm], level: int) -> int:
    at = 0
    for block in blocks:
        if _highest(block) > level:
            return at + int(np.argmax((block > level) | (block < -level)))
        at += len(block)
    return at


def _last_above(pcm: PcmFile, level: int, count: int) -> int:
    stop = count
    while stop > 0:
        start = max(0, stop - BLOCK_SAMPLES)
        for block in pcm.blocks(start, stop):
            if _highest(block) > level:
                backwards = (block[::-1] > level) | (block[::-1] < -level)
                return stop - 1 - int(np.argmax(backwards))
        stop = start
    return -1
