"""Silence at the edges: what is cut, and what never is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio import sounds
from tests.audio.sounds import RATE_HZ
from utils.audio import edges
from utils.audio.pcm import BLOCK_SAMPLES, Pcm

MARGIN = round(edges.MARGIN_S * RATE_HZ)


def found(tmp_path: Path, pcm: Pcm) -> tuple[int, int]:
    return edges.find(sounds.pcm_file(tmp_path / "x.pcm", pcm))


@pytest.mark.parametrize("level", [0.9, 0.1, 0.01])
@pytest.mark.parametrize("before_s, behind_s", [(1.0, 2.0), (0.2, 9.0), (7.0, 0.06)])
def test_find_silence_at_both_ends_is_cut_but_for_the_margin(
    tmp_path: Path, level: float, before_s: float, behind_s: float
) -> None:
    sound = np.full(RATE_HZ, round(level * 32_767), np.int16)
    before, behind = sounds.silence(before_s), sounds.silence(behind_s)
    start, stop = found(tmp_path, np.concatenate([before, sound, behind]))
    assert (start, stop) == (len(before) - MARGIN, len(before) + len(sound) + MARGIN)


def test_find_hiss_of_a_decoder_counts_as_silence(tmp_path: Path) -> None:
    hiss = np.random.default_rng(0).integers(-3, 4, RATE_HZ).astype(np.int16)
    start, stop = found(tmp_path, np.concatenate([hiss, sounds.tone(400, 1), hiss]))
    assert start == pytest.approx(RATE_HZ - MARGIN, abs=50)
    assert stop == pytest.approx(2 * RATE_HZ + MARGIN, abs=50)


def test_find_soft_consonant_at_the_edge_is_kept(tmp_path: Path) -> None:
    """30 dB below the vowel: a final f or s."""
    hiss = (np.random.default_rng(0).normal(0, 0.4 * 10 ** (-30 / 20), RATE_HZ // 5) * 32_767).astype(np.int16)
    pcm = np.concatenate([sounds.silence(0.5), hiss, sounds.tone(200, 0.5, level=0.4), hiss, sounds.silence(0.5)])
    start, stop = found(tmp_path, pcm)
    assert start < 0.5 * RATE_HZ and stop > len(pcm) - 0.5 * RATE_HZ


@pytest.mark.parametrize("peak", [5, 9, 30, 200])
def test_find_quiet_clip_is_not_eaten(tmp_path: Path, peak: int) -> None:
    tone = np.rint(np.sin(np.arange(RATE_HZ) / 5) * peak).astype(np.int16)
    start, stop = found(tmp_path, np.concatenate([sounds.silence(1), tone, sounds.silence(1)]))
    assert start <= RATE_HZ and stop >= 2 * RATE_HZ - 20


@pytest.mark.parametrize("pcm", [sounds.silence(3), np.ones(5_000, np.int16), np.zeros(0, np.int16), np.zeros(1, np.int16)])
def test_find_all_silence_is_kept_whole(tmp_path: Path, pcm: Pcm) -> None:
    assert found(tmp_path, pcm) == (0, len(pcm))


def test_find_nothing_to_cut_keeps_all(tmp_path: Path) -> None:
    pcm = sounds.tone(300, 2)
    assert found(tmp_path, pcm) == (0, len(pcm))


@pytest.mark.parametrize("at", [0, 1, BLOCK_SAMPLES - 1, BLOCK_SAMPLES, 3 * BLOCK_SAMPLES - 1])
@pytest.mark.parametrize("value", [20_000, -20_000, -32_768])
def test_find_one_loud_sample_anywhere_is_found_from_both_sides(tmp_path: Path, at: int, value: int) -> None:
    pcm = np.zeros(3 * BLOCK_SAMPLES, np.int16)
    pcm[at] = value
    assert found(tmp_path, pcm) == (max(0, at - MARGIN), min(len(pcm), at + 1 + MARGIN))
