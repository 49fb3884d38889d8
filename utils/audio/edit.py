"""Edits short sounds in memory with pydub: joining, silence, fades, gain. Never files; those are the codec's.

pydub is imported on first use. Long sound is edited as a stream, see `pcm`, `effects` and `loudness`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.audio.pcm import BYTES_A_SAMPLE
from utils.audio.waveform import Waveform

_FULL_SCALE = 32_768


def join(waveforms: Sequence[Waveform], gap_s: float = 0.0) -> Waveform:
    """Put sounds of one rate behind each other, with silence between them.

    Raises:
        ValueError: no sound at all, or different rates.
    """
    if not waveforms:
        raise ValueError("nothing to join")
    rate_hz = waveforms[0].rate_hz
    if any(waveform.rate_hz != rate_hz for waveform in waveforms):
        raise ValueError("only sounds of one sample rate can be joined")
    # One join of the bytes; pydub's own `+` copies everything once more for every part.
    gap = silence(gap_s, rate_hz)
    data = _segment(gap).raw_data.join(_segment(waveform).raw_data for waveform in waveforms)
    return _waveform(_audio_segment()(data, sample_width=BYTES_A_SAMPLE, frame_rate=rate_hz, channels=1))


def silence(seconds: float, rate_hz: int) -> Waveform:
    """Silence of `seconds`, to the sample."""
    return Waveform(np.zeros(round(max(0.0, seconds) * rate_hz), dtype=np.int16), rate_hz)


def fade(waveform: Waveform, in_s: float = 0.0, out_s: float = 0.0) -> Waveform:
    """Raise the level from nothing over the first `in_s` seconds, and lower it to nothing over the last `out_s`."""
    segment = _segment(waveform)
    longest_ms = len(segment)
    if in_ms := min(longest_ms, round(in_s * 1000)):
        segment = segment.fade_in(in_ms)
    if out_ms := min(longest_ms, round(out_s * 1000)):
        segment = segment.fade_out(out_ms)
    return _waveform(segment, len(waveform.samples))


def gain(waveform: Waveform, gain_db: float) -> Waveform:
    """Change the level by `gain_db`; what goes over full scale is held there."""
    return _waveform(_segment(waveform).apply_gain(gain_db))


def _segment(waveform: Waveform) -> Any:
    return _audio_segment()(
        as_s16(waveform.samples).tobytes(), sample_width=BYTES_A_SAMPLE, frame_rate=waveform.rate_hz, channels=1
    )


def _waveform(segment: Any, count: int | None = None) -> Waveform:
    """Back to samples; `count` undoes what pydub's counting in whole milliseconds adds or loses at the end."""
    samples = np.frombuffer(segment.raw_data, dtype="<i2")
    if count is not None and len(samples) != count:
        samples = np.pad(samples[:count], (0, max(0, count - len(samples))))
    return Waveform(samples, segment.frame_rate)


def as_s16(samples: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples as s16; float32 is scaled and held at full scale."""
    if samples.dtype == np.int16:
        return samples.astype("<i2")
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")


@cache
def _audio_segment() -> Any:
    """pydub's class, imported without the warnings that its import always gives."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Couldn't find ff(mpeg|probe) or av(conv|probe)", RuntimeWarning
        )  # we never ask it for files
        warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)  # Python 3.11 and 3.12; later audioop-lts
        # Escapes in its regular expressions, when Python compiles it for the first time.
        warnings.filterwarnings("ignore", r"(invalid escape sequence|.* is an invalid escape sequence)", DeprecationWarning)
        warnings.filterwarnings("ignore", r"(invalid escape sequence|.* is an invalid escape sequence)", SyntaxWarning)
        from pydub import AudioSegment
    return AudioSegment
