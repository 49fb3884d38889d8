"""The meter against the media library's own, and the gain against its targets."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.audio import sounds
from tests.audio.sounds import RATE_HZ
from utils.audio import loudness
from utils.audio.frames import from_blocks
from utils.audio.loudness import Loudness
from utils.audio.pcm import Pcm


def reference_lufs(pcm: Pcm, rate_hz: int) -> float:
    """What FFmpeg's `ebur128` filter says."""
    import av

    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="s16", layout="mono", time_base=Fraction(1, rate_hz))
    graph.link_nodes(source, graph.add("ebur128", "metadata=1"), graph.add("abuffersink")).configure()
    last = -70.0
    for frame in [*from_blocks([pcm], rate_hz), None]:
        graph.push(frame)
        while True:
            try:
                last = float(graph.pull().metadata.get("lavfi.r128.I", last))  # type: ignore[union-attr]
            except (av.error.BlockingIOError, av.error.EOFError):
                break
    return last


def levelled(pcm: Pcm, target_lufs: float, rate_hz: int = RATE_HZ) -> Pcm:
    gain = loudness.gain(loudness.measure(sounds.blocks(pcm), rate_hz), target_lufs)
    return np.concatenate(list(loudness.amplify(sounds.blocks(pcm), gain)))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_measure_speech_agrees_with_the_reference(rate_hz: int) -> None:
    quiet, loud = sounds.speech(9, rate_hz=rate_hz, level=0.05), sounds.speech(8, rate_hz=rate_hz, level=0.5)
    pcm = np.concatenate([quiet, sounds.silence(3, rate_hz), loud])  # both gates have something to do
    assert loudness.measure(sounds.blocks(pcm), rate_hz).lufs == pytest.approx(reference_lufs(pcm, rate_hz), abs=0.1)


@pytest.mark.parametrize("hz", [40, 100, 400, 997, 3_000, 9_000])
def test_measure_tones_agree_with_the_reference_at_every_frequency(hz: float) -> None:
    pcm = sounds.tone(hz, 6)
    assert loudness.measure([pcm], RATE_HZ).lufs == pytest.approx(reference_lufs(pcm, RATE_HZ), abs=0.1)


def test_measure_the_calibration_tone_of_the_standard_reads_its_level() -> None:
    """BS.1770: a 997 Hz sine at full scale in one channel reads -3.01 LUFS."""
    pcm = sounds.tone(997, 5, rate_hz=48_000, level=1.0)
    assert loudness.measure([pcm], 48_000).lufs == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("size", [1, 313, 65_536, 10**9])
def test_measure_does_not_depend_on_the_blocks(size: int) -> None:
    pcm = sounds.speech(1.7) if size == 1 else sounds.speech(12.3)
    whole = loudness.measure([pcm], RATE_HZ)
    cut = loudness.measure(sounds.blocks(pcm, size), RATE_HZ)
    assert (cut.lufs, cut.peak) == (pytest.approx(whole.lufs, abs=1e-6), whole.peak)


def test_measure_peak_is_the_highest_sample_of_either_sign() -> None:
    pcm = np.array([0, 100, -32_768, 5], dtype=np.int16)
    assert loudness.measure([pcm], RATE_HZ).peak == 1.0
    assert loudness.measure([np.array([0, 16_384, -5], dtype=np.int16)], RATE_HZ).peak == 0.5


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.399])
def test_measure_clip_shorter_than_a_gating_block_has_its_mean_power(seconds: float) -> None:
    found = loudness.measure([sounds.tone(997, seconds)], RATE_HZ).lufs
    assert found == pytest.approx(loudness.measure([sounds.tone(997, 5)], RATE_HZ).lufs, abs=0.3)


@pytest.mark.parametrize("seconds", [0, 0.1, 0.5, 10])
def test_measure_silence_is_the_floor_and_is_left_alone(seconds: float) -> None:
    measured = loudness.measure([sounds.silence(seconds)], RATE_HZ)
    assert measured == Loudness(loudness.SILENCE_LUFS, 0.0)
    assert loudness.gain(measured, -16.0) == 1.0


@pytest.mark.parametrize("target_lufs", [-36.0, -23.0, -20.0, -16.0])
@pytest.mark.parametrize("level", [0.02, 0.1, 0.9])
def test_gain_reaches_the_target_where_the_peak_allows(target_lufs: float, level: float) -> None:
    pcm = sounds.speech(8, level=level)
    before = loudness.measure([pcm], RATE_HZ)
    after = loudness.measure([levelled(pcm, target_lufs)], RATE_HZ)
    wanted = 10 ** ((target_lufs - before.lufs) / 20)
    if before.peak * wanted <= loudness.PEAK_LIMIT:
        assert after.lufs == pytest.approx(target_lufs, abs=0.1)
    assert after.peak <= loudness.PEAK_LIMIT + 1e-4


def test_gain_is_held_where_the_peak_would_clip() -> None:
    pcm = sounds.speech(8, level=0.05)
    pcm[RATE_HZ] = 30_000  # one click
    after = loudness.measure([levelled(pcm, -9.0)], RATE_HZ)
    assert after.peak == pytest.approx(loudness.PEAK_LIMIT, abs=1e-4)
    assert after.lufs < -20


def test_gain_of_near_silence_is_limited() -> None:
    measured = Loudness(lufs=-65.0, peak=0.001)
    assert loudness.gain(measured, -16.0) == pytest.approx(10 ** (loudness.MAX_BOOST_DB / 20))


def test_gain_makes_parts_of_different_level_equal() -> None:
    found = [loudness.measure([levelled(sounds.speech(4, level=level), -20.0)], RATE_HZ).lufs for level in (0.05, 0.2, 0.8)]
    assert max(found) - min(found) < 0.1


def test_gain_short_word_reaches_the_target_too() -> None:
    pcm = sounds.tone(300, 0.25, level=0.05)
    assert loudness.measure([levelled(pcm, -20.0)], RATE_HZ).lufs == pytest.approx(-20.0, abs=0.1)


def test_amplify_rounds_and_holds_within_16_bits() -> None:
    block = np.array([-32_768, -20_000, -1, 0, 1, 3, 20_000, 32_767], dtype=np.int16)
    (louder,) = loudness.amplify([block], 1.7)
    assert louder.tolist() == [-32_768, -32_768, -2, 0, 2, 5, 32_767, 32_767]
    assert louder.dtype == np.int16


def test_amplify_by_one_gives_the_blocks_themselves() -> None:
    block = sounds.speech(0.1)
    assert next(loudness.amplify([block], 1.0)) is block


def test_meter_memory_grows_by_little() -> None:
    meter = loudness.Meter(8_000)
    for _ in range(100):
        meter.add(sounds.silence(6, 8_000))
    assert len(meter._powers) <= 600 * 10
