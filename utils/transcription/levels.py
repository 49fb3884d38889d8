"""What can be read off the sound itself, without any model: how loud it is, where it pauses, whether it moves like a voice.

Everything here is numpy over one window at most; a window of 10 minutes takes a fraction of what the voice detector takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utils.transcription.contract import RATE_HZ, Samples, Span

HOP_S = 0.01
FLOOR_DBFS = -52.0  # Vexa-ai/vexa PR 619: below an RMS of 0.0025 there is nothing to hear
NOTHING_DBFS = -120.0
FRAME = 512  # samples; 32 ms
STEP = 256
_HOP = int(HOP_S * RATE_HZ)
_FRAMES_AT_ONCE = 8_192  # 2 minutes of spectra, 17 MB

Levels = NDArray[np.float32]


def levels(samples: Samples) -> Levels:
    """Level of each HOP_S in dBFS (RMS), at least NOTHING_DBFS."""
    count = len(samples) // _HOP
    if not count:
        return np.zeros(0, np.float32)
    frames = samples[: count * _HOP].reshape(count, _HOP)
    power = np.einsum("ij,ij->i", frames, frames) / _HOP
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (NOTHING_DBFS / 10))), np.float32)


def is_quiet(samples: Samples, *, stretch_s: float = 0.2) -> bool:
    """No stretch of it is louder than FLOOR_DBFS; speech in a long pause is still heard."""
    hop = int(stretch_s * RATE_HZ)
    count = max(1, len(samples) // hop)
    for index in range(count):
        part = samples[index * hop : (index + 1) * hop if index < count - 1 else len(samples)]
        if len(part) and float(np.dot(part, part)) / len(part) > 10 ** (FLOOR_DBFS / 10):
            return False
    return True


def flux(samples: Samples) -> float:
    """How much the spectrum changes from frame to frame: about 0.5 to 0.7 for speech, 0 to 0.3 for tones and chords.

    Mean L1 distance of neighbouring normalised spectra (Hann, FRAME, STEP), over the frames that carry sound; 0 without any.
    """
    total, count = 0.0, 0
    window = np.hanning(FRAME).astype(np.float32)
    for begin in range(0, max(0, len(samples) - FRAME), _FRAMES_AT_ONCE * STEP):
        block = samples[begin : begin + _FRAMES_AT_ONCE * STEP + FRAME]
        if len(block) < FRAME + STEP:
            break
        frames = np.lib.stride_tricks.sliding_window_view(block, FRAME)[::STEP]
        loud = np.einsum("ij,ij->i", frames, frames) / FRAME > 10 ** (FLOOR_DBFS / 10)
        spectra = np.abs(np.fft.rfft(frames * window, axis=1))
        spectra /= np.maximum(spectra.sum(axis=1, keepdims=True), 1e-9)
        change = np.abs(np.diff(spectra, axis=0)).sum(axis=1)[loud[1:] & loud[:-1]]
        total += float(change.sum())
        count += len(change)
    return total / count if count else 0.0


def at(samples: Samples, span: Span) -> Samples:
    """The samples of a span, as far as there are any."""
    return samples[max(0, round(span.start * RATE_HZ)) : max(0, round(span.end * RATE_HZ))]


def pauses(found: Levels, low_s: float, high_s: float, *, least_s: float, drop_db: float = 12.0) -> list[Span]:
    """Stretches between two places in which the level stays `drop_db` under what is usual there.

    Args:
        found: Levels of the whole window.
        low_s: From where to look, seconds.
        high_s: Until where.
        least_s: Shorter pauses are none; stops inside words last up to 0.1 s.
        drop_db: Under the 70th percentile, i.e. under the louder half of speech.
    """
    low, high = max(0, round(low_s / HOP_S)), min(len(found), round(high_s / HOP_S))
    part = found[low:high]
    if not len(part):
        return []
    bound = max(float(np.percentile(part, 70)) - drop_db, FLOOR_DBFS)
    quiet = np.concatenate(([False], part < bound, [False]))
    edges = np.flatnonzero(quiet[1:] != quiet[:-1])
    spans = [Span((low + int(a)) * HOP_S, (low + int(b)) * HOP_S) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [span for span in spans if span.end - span.start >= least_s]


def quietest(found: Levels, low_s: float, high_s: float) -> float:
    """The middle of the quietest 0.1 s between two places, in seconds."""
    low, high = max(0, round(low_s / HOP_S)), min(len(found), round(high_s / HOP_S))
    part = 10 ** (found[low:high] / 10)
    width = 10
    if len(part) <= width:
        return (low_s + high_s) / 2
    smooth = np.convolve(part, np.ones(width), "valid")
    return (low + int(np.argmin(smooth)) + width / 2) * HOP_S
