"""Sounds for the tests, made from numbers: the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from utils.audio.pcm import Pcm, PcmFile

RATE_HZ = 22_050


def tone(hz: float, seconds: float, *, rate_hz: int = RATE_HZ, level: float = 0.25) -> Pcm:
    """A sine of the amplitude `level` (1 is full scale)."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * hz * t) * level * 32_767).astype(np.int16)


def speech(seconds: float, *, rate_hz: int = RATE_HZ, level: float = 0.4, seed: int = 7) -> Pcm:
    """Syllables of a gliding voice with pauses and some noise: enough like speech for codecs and meters."""
    return _speech(seconds, rate_hz, level, seed).copy()


@cache
def _speech(seconds: float, rate_hz: int, level: float, seed: int) -> Pcm:
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * np.cumsum(130 + 30 * np.sin(2 * np.pi * 0.7 * t)) / rate_hz
    voice = sum(np.sin(phase * k) / k for k in range(1, 16) if 160 * k < rate_hz / 2.5)
    hiss = random.normal(0, 0.15, len(t))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * t) + 0.4, 0, 1) * (np.sin(2 * np.pi * 0.23 * t) > -0.8)
    sound = (voice + hiss) * syllables
    made: Pcm = (sound / np.abs(sound).max() * level * 32_767).astype(np.int16)
    return made


def silence(seconds: float, rate_hz: int = RATE_HZ) -> Pcm:
    """Digital silence."""
    return np.zeros(round(seconds * rate_hz), dtype=np.int16)


def blocks(pcm: Pcm, size: int = 10_007) -> Iterator[Pcm]:
    """Cut into blocks of an odd size, so that no boundary fits anything."""
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


def pcm_file(path: Path, pcm: Pcm, rate_hz: int = RATE_HZ) -> PcmFile:
    """Put samples on disk."""
    path.write_bytes(pcm.astype("<i2").tobytes())
    return PcmFile(path, rate_hz)


def rms(pcm: Pcm) -> float:
    """Root of the mean square, 0 to 1."""
    return float(np.sqrt(np.mean(np.square(pcm.astype(np.float64) / 32_768))))


def frequency(pcm: Pcm, rate_hz: int = RATE_HZ) -> float:
    """The strongest frequency, in Hz, interpolated between the bins of a Fourier transform."""
    windowed = pcm.astype(np.float64) * np.hanning(len(pcm))
    power = np.log(np.abs(np.fft.rfft(windowed)) + 1e-9)
    peak = int(np.argmax(power[1:-1])) + 1
    a, b, c = power[peak - 1 : peak + 2]
    return float((peak + 0.5 * (a - c) / (a - 2 * b + c)) * rate_hz / len(pcm))
