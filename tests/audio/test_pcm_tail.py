"""A PCM file that grows, read as 16 kHz whatever its own rate is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from utils.audio.pcm_tail import READ_S, PcmTail


def tone(rate_hz: int, seconds: float, *, hz: float = 440.0) -> np.ndarray:
    return (np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz) * 20_000).astype("<i2")


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_pieces_of_any_size_sound_as_one(rate_hz: int, tmp_path: Path) -> None:
    path, sound = tmp_path / "sound.pcm", tone(rate_hz, 3.0).tobytes()
    tail, parts, dice = PcmTail(path, rate_hz), [], np.random.default_rng(rate_hz)
    written = 0
    while written < len(sound):
        size = int(dice.integers(1, rate_hz // 2))  # odd ones too: half a sample waits for its other half
        with path.open("ab") as file:
            file.write(sound[written : written + size])
        written += size
        parts.append(tail.read_new())
    heard = np.concatenate(parts)
    assert heard.dtype == np.float32
    assert len(heard) == pytest.approx(3 * 16_000, abs=64)
    wanted = tone(16_000, 3.0)[: len(heard)].astype(np.float32) / 32_768
    inner = slice(200, len(heard) - 200)
    shift = min(range(-20, 21), key=lambda k: float(np.abs(np.roll(heard, k)[inner] - wanted[inner]).mean()))
    assert abs(shift) <= 2
    assert float(np.abs(np.roll(heard, shift)[inner] - wanted[inner]).max()) < 0.12


def test_long_file_is_read_in_parts_from_the_place_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "sound.pcm"
    np.arange(30 * 1_000 * 8, dtype="<i4").astype("<i2").tofile(path)
    tail = PcmTail(path, 16_000, begin_s=1.0)
    assert tail.left_s() == pytest.approx(14.0)
    assert len(tail.read_new()) == READ_S * 16_000
    assert tail.next_s == pytest.approx(9.0)
    assert tail.skip(2.0) == pytest.approx(11.0)
    first = tail.read_new()
    assert first[0] * 32_768 == np.array([11 * 16_000], "<i4").astype("<i2")[0]
    assert len(first) == 4 * 16_000
    assert tail.skip(100.0) == pytest.approx(15.0)
