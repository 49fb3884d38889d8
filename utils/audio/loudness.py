"""Loudness after EBU R 128, reached by one measured constant gain: no pumping, and equal across the parts of a batch.

The measurement is ITU-R BS.1770-4 for one channel: the K filter, blocks of 400 ms every 100 ms, the absolute and the relative gate.
It is written here because it is several times as fast as the media library's filter, and has an answer for clips shorter than a
block; the tests hold it equal to that filter.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.audio.pcm import Pcm

SILENCE_LUFS = -70.0  # the absolute gate of BS.1770: what is below counts as silence
PEAK_LIMIT = 0.97  # of full scale: room for what a lossy format adds
MAX_BOOST_DB = 40.0  # a clip that is nearly silent is not blown up into its own noise
FULL_SCALE = 32_768
_OFFSET_DB = -0.691  # BS.1770: makes a 997 Hz tone read what it should
_RELATIVE_GATE_LU = -10.0
_HOPS_A_BLOCK = 4  # 400 ms in hops of 100 ms
_HOPS_A_SECOND = 10
_SECONDS_AT_ONCE = 0.6  # 16,384 samples at 22,050 and 24,000 Hz; longer transforms are slower a sample


@dataclass(frozen=True)
class Loudness:
    """Level of a whole sound.

    Attributes:
        lufs: Integrated loudness, -70 for silence.
        peak: Highest absolute sample, 0 to 1.
    """

    lufs: float
    peak: float


def measure(blocks: Iterable[Pcm], rate_hz: int) -> Loudness:
    """Measure mono PCM in one pass. See Meter."""
    meter = Meter(rate_hz)
    for block in blocks:
        meter.add(block)
    return meter.result()


def gain(measured: Loudness, target_lufs: float) -> float:
    """The factor that brings a sound to its target, held so that no sample goes over PEAK_LIMIT and no more than MAX_BOOST_DB.

    Silence is left as it is (1.0): there is nothing to raise.
    """
    if measured.lufs <= SILENCE_LUFS or measured.peak <= 0:
        return 1.0
    wanted_db = min(target_lufs - measured.lufs, MAX_BOOST_DB)
    return float(min(10 ** (wanted_db / 20), PEAK_LIMIT / measured.peak))


def amplify(blocks: Iterable[Pcm], gain: float) -> Iterator[Pcm]:
    """Multiply every sample, rounded, held within 16 bits."""
    if gain == 1.0:
        yield from blocks
        return
    factor = np.float32(gain)
    for block in blocks:
        louder = np.rint(block * factor)
        yield np.clip(louder, -FULL_SCALE, FULL_SCALE - 1, out=louder).astype(np.int16)


class Meter:
    """Collects the loudness of a sound that comes in blocks of any length; memory grows by 80 bytes a second of sound.

    A clip shorter than one gating block (400 ms) is judged by its mean power without gates.
    """

    def __init__(self, rate_hz: int) -> None:
        # The K filter rings for less than 100 ms (a double pole at 38 Hz), so each stretch of sound is filtered together with what
        # came before it by one Fourier transform, and the part that the circle of the transform spoils is thrown away.
        self._hop = max(1, round(rate_hz / _HOPS_A_SECOND))
        size = 1 << math.ceil(math.log2(self._hop * _HOPS_A_SECOND * _SECONDS_AT_ONCE))
        self._stretch = (size - self._hop) // self._hop * self._hop
        self._lead = size - self._stretch
        self._response = _k_response(rate_hz, size)
        # All arrays are kept: fresh memory for each transform costs more time than the transform.
        self._window = np.zeros(size, dtype=np.float32)
        self._spectrum = np.zeros(size // 2 + 1, dtype=np.complex64)
        self._filtered = np.zeros(size, dtype=np.float32)
        self._filled = 0  # samples in the window behind the lead
        self._powers = array("d")  # mean square of every whole hop
        self._total = 0.0  # sum of squares of everything
        self._samples = 0
        self._peak = 0

    def add(self, block: Pcm) -> None:
        """Take the next samples."""
        if not len(block):
            return
        self._peak = max(self._peak, int(block.max()), -int(block.min()))
        self._samples += len(block)
        while len(block):
            taken = min(len(block), self._stretch - self._filled)
            start = self._lead + self._filled
            self._window[start : start + taken] = block[:taken]
            self._filled, block = self._filled + taken, block[taken:]
            if self._filled == self._stretch:
                self._filter()

    def result(self) -> Loudness:
        """The loudness of everything so far; afterwards nothing more may be added."""
        if self._filled:
            self._window[self._lead + self._filled :] = 0
            self._filter()
        return Loudness(self._lufs(), min(1.0, self._peak / FULL_SCALE))

    def _filter(self) -> None:
        """Turn the window into the power of its hops, and make room for what comes next."""
        np.fft.rfft(self._window, out=self._spectrum)  # type: ignore[arg-type]  # the stub knows double precision only
        self._spectrum *= self._response
        np.fft.irfft(self._spectrum, n=len(self._window), out=self._filtered)  # type: ignore[arg-type]
        hops = self._filtered[self._lead :].reshape(-1, self._hop)
        squares = np.einsum("ij,ij->i", hops, hops).astype(np.float64) / FULL_SCALE**2
        self._total += float(squares.sum())
        self._powers.extend(squares[: self._filled // self._hop] / self._hop)
        self._window[: self._lead] = self._window[-self._lead :]
        self._filled = 0

    def _lufs(self) -> float:
        if not self._samples:
            return SILENCE_LUFS
        hops = np.frombuffer(self._powers, dtype=np.float64) if self._powers else np.zeros(0)
        if len(hops) < _HOPS_A_BLOCK:
            return _to_lufs(self._total / self._samples)
        sums = np.concatenate([[0.0], np.cumsum(hops)])
        blocks = np.maximum(sums[_HOPS_A_BLOCK:] - sums[:-_HOPS_A_BLOCK], 0.0) / _HOPS_A_BLOCK
        loud = blocks[blocks > _to_power(SILENCE_LUFS)]
        if not len(loud):
            return SILENCE_LUFS
        loud = loud[loud > loud.mean() * 10 ** (_RELATIVE_GATE_LU / 10)]
        return _to_lufs(float(loud.mean()))


def _to_lufs(power: float) -> float:
    return max(SILENCE_LUFS, _OFFSET_DB + 10 * math.log10(power)) if power > 0 else SILENCE_LUFS


def _to_power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))


def _k_response(rate_hz: int, size: int) -> NDArray[np.complex64]:
    """Frequency response of the K filter at the bins of a real Fourier transform of `size` samples.

    BS.1770 gives its two filters as numbers for 48 kHz. Here are the analogue filters behind these numbers, as libebur128 derived
    them, so that any rate gives the same curve: a shelf of +4 dB above 1,682 Hz, and a high pass at 38 Hz.
    """
    z1 = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)  # one sample of delay
    z2 = z1 * z1
    k, q = math.tan(math.pi * 1681.974450955533 / rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = (high + band * k / q + k * k) + 2 * (k * k - high) * z1 + (high - band * k / q + k * k) * z2
    shelf /= (1 + k / q + k * k) + 2 * (k * k - 1) * z1 + (1 - k / q + k * k) * z2
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    bottom = 1 + k / q + k * k
    pass_ = (1 - 2 * z1 + z2) / (1 + 2 * (k * k - 1) / bottom * z1 + (1 - k / q + k * k) / bottom * z2)
    response: NDArray[np.complex64] = (shelf * pass_).astype(np.complex64)
    return response
