"""The picture of a waveform, for any length and any blocks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio import sounds
from utils.audio.pcm import Pcm
from utils.audio.peaks import COLUMNS, Peaks


def values(pcm: Pcm, size: int = 10_007, columns: int = COLUMNS) -> list[int]:
    peaks = Peaks(columns)
    for block in sounds.blocks(pcm, size):
        peaks.add(block)
    return peaks.values()


@pytest.mark.parametrize("count", [1, 2, 399, 400, 401, 2_205, 3_199, 3_200, 3_201, 6_401, 99_991, 1_000_003])
@pytest.mark.parametrize("columns", [200, 400, 1000])
def test_peaks_always_as_many_as_columns_within_0_and_100(count: int, columns: int) -> None:
    found = values(np.random.default_rng(count).integers(-9_000, 9_000, count).astype(np.int16), columns=columns)
    assert len(found) == columns
    assert min(found) >= 0 and max(found) == 100


def test_peaks_ramp_rises_over_the_whole_picture() -> None:
    found = np.array(values(np.linspace(0, 32_767, 777_777).astype(np.int16)))
    assert np.all(np.diff(found) >= 0)
    assert found[100] == pytest.approx(25, abs=1) and found[200] == pytest.approx(50, abs=1) and found[-1] == 100


@pytest.mark.parametrize("place", [0.0, 0.123, 0.5, 0.875, 0.99999])
@pytest.mark.parametrize("count", [4_000, 123_457, 3_000_001])
def test_peaks_click_is_drawn_where_it_is(place: float, count: int) -> None:
    pcm = np.zeros(count, np.int16)
    pcm[int(place * count)] = -32_768
    found = values(pcm)
    drawn = [column for column, value in enumerate(found) if value]
    assert 1 <= len(drawn) <= 2
    assert min(abs(column - int(place * COLUMNS)) for column in drawn) <= 1


@pytest.mark.parametrize("size", [1, 7, 4_096, 65_536, 10**9])
def test_peaks_do_not_depend_on_the_blocks(size: int) -> None:
    pcm = sounds.speech(0.9) if size == 1 else sounds.speech(20)
    assert values(pcm, size) == values(pcm)


def test_peaks_silence_and_nothing_are_flat() -> None:
    assert values(sounds.silence(3)) == [0] * COLUMNS
    assert Peaks().values() == [0] * COLUMNS


def test_peaks_of_a_hiss_stay_low_and_quiet_speech_fills_the_picture() -> None:
    hiss = np.tile(np.array([3, -3, 1, 0], dtype=np.int16), 4_000)
    assert max(values(hiss)) <= 5
    assert max(values(hiss * 100)) == 100  # -41 dBFS


def test_peaks_twelve_hours_take_no_more_memory_than_a_second() -> None:
    peaks = Peaks()
    block = np.zeros(10_000_000, np.int16)
    loud = block.copy()
    loud[5_000_000] = 1_000
    for number in range(104):  # 12 h at 24,000 Hz
        peaks.add(loud if number == 52 else block)
    assert len(peaks._bins) == COLUMNS * 8
    found = peaks.values()
    drawn = {column for column, value in enumerate(found) if value}
    assert int(52.5 / 104 * COLUMNS) in drawn and len(drawn) <= 2


def test_peaks_collect_passes_the_blocks_on() -> None:
    peaks, pcm = Peaks(), sounds.speech(1)
    assert np.array_equal(np.concatenate(list(peaks.collect(sounds.blocks(pcm)))), pcm)
    assert peaks.values() == values(pcm)


def test_peaks_without_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="column"):
        Peaks(0)
