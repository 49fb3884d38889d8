"""Editing in memory with pydub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.audio import sounds
from tests.audio.sounds import RATE_HZ
from utils.audio import edit
from utils.audio.waveform import Waveform


def wave(seconds: float, seed: int = 1) -> Waveform:
    return Waveform(sounds.speech(seconds, seed=seed), RATE_HZ)


def test_join_keeps_every_sample_and_puts_silence_between() -> None:
    first, second = wave(0.333), wave(0.2, seed=2)
    joined = edit.join([first, second], gap_s=0.1)
    gap = sounds.silence(0.1)
    assert np.array_equal(joined.samples, np.concatenate([first.samples, gap, second.samples]))
    assert joined.rate_hz == RATE_HZ


def test_join_hundreds_of_sounds_is_not_quadratic() -> None:
    pieces = [wave(0.1, seed=seed) for seed in range(5)] * 200
    assert len(edit.join(pieces).samples) == 1_000 * len(pieces[0].samples)


def test_join_float_samples_become_16_bits() -> None:
    loud = Waveform(np.array([0.0, 0.5, -1.0, 2.0], np.float32), RATE_HZ)
    assert edit.join([loud]).samples.tolist() == [0, 16_384, -32_768, 32_767]


def test_join_different_rates_or_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        edit.join([wave(0.1), Waveform(sounds.speech(0.1), 24_000)])
    with pytest.raises(ValueError, match="nothing"):
        edit.join([])


def test_silence_is_exact_to_the_sample() -> None:
    assert len(edit.silence(0.12345, RATE_HZ).samples) == round(0.12345 * RATE_HZ)
    assert not edit.silence(0.5, RATE_HZ).samples.any()
    assert len(edit.silence(-1, RATE_HZ).samples) == 0


@pytest.mark.parametrize("seconds", [0.05, 0.777, 3.21])
def test_fade_lowers_the_ends_and_keeps_length_and_middle(seconds: float) -> None:
    steady = Waveform(np.full(round(seconds * RATE_HZ), 10_000, np.int16), RATE_HZ)
    faded = edit.fade(steady, in_s=seconds / 4, out_s=seconds / 4).samples
    assert len(faded) == len(steady.samples)
    quarter = len(faded) // 4
    assert abs(int(faded[0])) < 500 and abs(int(faded[-1])) < 1_500
    assert np.all(np.abs(faded[quarter + 50 : -quarter - 50] - 10_000) <= 1)
    assert faded[: quarter // 2].mean() < faded[quarter // 2 : quarter].mean()


def test_fade_of_nothing_changes_nothing() -> None:
    sound = wave(0.3)
    assert np.array_equal(edit.fade(sound).samples, sound.samples)


@pytest.mark.parametrize("gain_db, factor", [(6.0206, 2.0), (-6.0206, 0.5), (0.0, 1.0)])
def test_gain_changes_the_level(gain_db: float, factor: float) -> None:
    sound = Waveform(np.array([100, -200, 3_000], np.int16), RATE_HZ)
    assert edit.gain(sound, gain_db).samples == pytest.approx(sound.samples * factor, abs=1)


def test_gain_holds_at_full_scale() -> None:
    sound = Waveform(np.array([30_000, -30_000], np.int16), RATE_HZ)
    assert edit.gain(sound, 20).samples.tolist() == [32_767, -32_768]


def test_edit_pydub_is_imported_late_and_without_a_warning() -> None:
    """In a fresh process where every warning is an error, and nothing is compiled yet."""
    code = (
        "import sys; sys.dont_write_bytecode = True; sys.pycache_prefix = '/nowhere'\n"
        "from utils.audio import edit\nassert 'pydub' not in sys.modules\n"
        "edit.join([edit.silence(0.1, 8000)])\nassert 'pydub' in sys.modules"
    )
    without_ffmpeg = os.environ | {"PATH": "/nowhere"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=without_ffmpeg, cwd=Path(__file__).parents[2])
