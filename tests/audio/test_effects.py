"""Speed and pitch: how exact length and pitch are, and that the sound stays where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio import sounds
from tests.audio.sounds import RATE_HZ
from utils.audio import effects
from utils.audio.pcm import Pcm

SPEEDS = [0.5, 0.7, 0.9, 1.1, 1.5, 2.0]
SEMITONES = [-12, -7, -1, -0.5, 0.5, 3, 7, 12]


def applied(pcm: Pcm, *chains: effects.Chain, rate_hz: int = RATE_HZ) -> Pcm:
    return np.concatenate(list(effects.apply(sounds.blocks(pcm), rate_hz, *chains)))


@pytest.mark.parametrize("factor", SPEEDS)
@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.5, 4.2])
def test_speed_any_length_is_exact_to_the_sample(factor: float, seconds: float) -> None:
    pcm = sounds.speech(seconds)
    assert len(applied(pcm, effects.speed(factor))) == round(len(pcm) / factor)


@pytest.mark.parametrize("semitones", SEMITONES)
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 24_000])
def test_pitch_length_stays_exact_to_the_sample(semitones: float, rate_hz: int) -> None:
    pcm = sounds.speech(1.3, rate_hz=rate_hz)
    assert len(applied(pcm, effects.pitch(semitones), rate_hz=rate_hz)) == len(pcm)


@pytest.mark.parametrize("factor", SPEEDS)
def test_speed_keeps_the_pitch(factor: float) -> None:
    found = applied(sounds.tone(440, 4), effects.speed(factor))
    assert sounds.frequency(found[2_000:-2_000]) == pytest.approx(440, rel=0.003)


@pytest.mark.parametrize("semitones", SEMITONES)
def test_pitch_moves_a_tone_by_its_semitones(semitones: float) -> None:
    found = applied(sounds.tone(440, 4), effects.pitch(semitones))
    assert sounds.frequency(found[2_000:-2_000]) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.003)


@pytest.mark.parametrize(
    "chains",
    [(effects.speed(0.5), effects.pitch(12)), (effects.pitch(-12), effects.speed(2.0)), (effects.pitch(5), effects.speed(1.3))],
)
def test_speed_and_pitch_together_are_both_right(chains: tuple[effects.Chain, ...]) -> None:
    pcm = sounds.tone(440, 4)
    speed, pitch = chains[0].speed * chains[1].speed, chains[0].pitch * chains[1].pitch
    found = applied(pcm, *chains)
    assert len(found) == round(len(pcm) / speed)
    assert sounds.frequency(found[2_000:-2_000]) == pytest.approx(440 * pitch, rel=0.003)


@pytest.mark.parametrize("chain", [effects.speed(0.5), effects.speed(0.8), effects.speed(2.0), effects.pitch(7), effects.pitch(-7)])
def test_effect_every_syllable_stays_where_the_speed_puts_it(chain: effects.Chain) -> None:
    """Subtitles rely on it. The filter blends windows of 40 ms, so an onset after silence may come that much early, an end not."""
    starts_s, length_s = [0.5, 2.0, 5.5, 9.0], 0.25
    pcm = sounds.silence(10)
    for start_s in starts_s:
        at = round(start_s * RATE_HZ)
        pcm[at : at + round(length_s * RATE_HZ)] = sounds.tone(600, length_s)
    loud_s = np.flatnonzero(np.abs(applied(pcm, chain).astype(int)) > 1_000) / RATE_HZ * chain.speed  # in the source's time
    for start_s in starts_s:
        around = loud_s[(loud_s > start_s - 0.2) & (loud_s < start_s + length_s + 0.2)]
        assert around[0] == pytest.approx(start_s, abs=0.045)
        assert around[-1] == pytest.approx(start_s + length_s, abs=0.02)


def test_effect_level_stays() -> None:
    pcm = sounds.speech(5)
    for chain in (effects.speed(1.5), effects.speed(0.7), effects.pitch(4), effects.pitch(-4)):
        assert 20 * np.log10(sounds.rms(applied(pcm, chain)) / sounds.rms(pcm)) == pytest.approx(0, abs=1.0)


def test_apply_without_any_effect_gives_the_blocks_themselves() -> None:
    blocks = [sounds.speech(0.2), sounds.speech(0.1)]
    given = list(effects.apply(blocks, RATE_HZ, effects.speed(1.0), effects.pitch(0.0)))
    assert all(a is b for a, b in zip(given, blocks, strict=True))


def test_apply_effects_that_cancel_each_other_cost_nothing() -> None:
    blocks = [sounds.speech(0.2)]
    assert next(effects.apply(blocks, RATE_HZ, effects.speed(2.0), effects.speed(0.5))) is blocks[0]


def test_apply_no_samples_gives_none() -> None:
    assert list(effects.apply([], RATE_HZ, effects.speed(1.5))) == []


def test_apply_takes_its_blocks_one_at_a_time() -> None:
    taken = []

    def blocks():  # type: ignore[no-untyped-def]
        for number in range(20):
            taken.append(number)
            yield sounds.speech(1)

    next(effects.apply(blocks(), RATE_HZ, effects.speed(2.0)))
    assert len(taken) < 3


@pytest.mark.parametrize("factor", [0.49, 2.01, 0, -1, float("nan"), float("inf")])
def test_speed_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        effects.speed(factor)


@pytest.mark.parametrize("semitones", [-12.1, 12.1, float("nan")])
def test_pitch_out_of_range_is_refused(semitones: float) -> None:
    with pytest.raises(ValueError, match="pitch"):
        effects.pitch(semitones)
