"""Sounds in which nobody speaks, made from formulas: noises, tones, music of chords and drums, machines, weather, birds.

Each kind is a function of seconds and a random generator that answers 16 kHz samples of that length, the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from utils.transcription.contract import RATE_HZ

Sound = NDArray[np.float64]
Maker = Callable[[float, np.random.Generator], Sound]


def make(kind: str, seconds: float, seed: int = 1) -> NDArray[np.float32]:
    """So many seconds of a kind."""
    sound = KINDS[kind](seconds, np.random.default_rng([seed, len(kind)]))
    return np.clip(sound, -0.99, 0.99).astype(np.float32)


def _time(seconds: float) -> Sound:
    return np.arange(int(seconds * RATE_HZ)) / RATE_HZ


def _level(sound: Sound, dbfs: float) -> Sound:
    """Brought to an RMS level."""
    return sound * (10 ** (dbfs / 20) / max(float(np.sqrt(np.mean(sound**2))), 1e-9))


def _shaped(seconds: float, dice: np.random.Generator, shape: Callable[[Sound], Sound]) -> Sound:
    """Noise with a spectrum: `shape` answers amplitudes for frequencies in Hz."""
    count = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(dice.standard_normal(count))
    return np.fft.irfft(spectrum * shape(np.fft.rfftfreq(count, 1 / RATE_HZ)), count)


def _band(low_hz: float, high_hz: float) -> Callable[[Sound], Sound]:
    return lambda f: ((f > low_hz) & (f < high_hz)).astype(float)


def _hits(seconds: float, times: Sound, hit: Callable[[], Sound]) -> Sound:
    """A short sound at each of some times."""
    made = np.zeros(int(seconds * RATE_HZ))
    for time in times:
        begin = int(time * RATE_HZ)
        sound = hit()[: len(made) - begin]
        made[begin : begin + len(sound)] += sound
    return made


def _burst(dice: np.random.Generator, seconds: float, decay_s: float, low_hz: float, high_hz: float) -> Sound:
    return _shaped(seconds, dice, _band(low_hz, high_hz)) * np.exp(-_time(seconds) / decay_s)


def silence(seconds: float, dice: np.random.Generator) -> Sound:
    return np.zeros(int(seconds * RATE_HZ))


def white_noise(dbfs: float) -> Maker:
    return lambda seconds, dice: _level(dice.standard_normal(int(seconds * RATE_HZ)), dbfs)


def pink_noise(dbfs: float) -> Maker:
    return lambda seconds, dice: _level(_shaped(seconds, dice, lambda f: 1 / np.sqrt(np.maximum(f, 20))), dbfs)


def hum(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return _level(sum((np.sin(2 * np.pi * 50 * n * t) / n for n in (1, 2, 3, 5)), np.zeros_like(t)), -20)


def clicks(seconds: float, dice: np.random.Generator) -> Sound:
    return _hits(seconds, np.arange(0.2, seconds, 0.5), lambda: 0.8 * np.exp(-_time(0.004) / 0.0006))


def tone(seconds: float, dice: np.random.Generator) -> Sound:
    return 0.15 * np.sin(2 * np.pi * 1_000 * _time(seconds))


def tremolo(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return _level(np.sin(2 * np.pi * 220 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)), -20)


def vibrato(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return _level(np.sin(2 * np.pi * 440 * t + 6 * np.sin(2 * np.pi * 5.5 * t)), -20)


def gated_sawtooth(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    saw = sum((np.sin(2 * np.pi * 140 * n * t) / n for n in range(1, 40)), np.zeros_like(t))
    return _level(saw * (np.sin(2 * np.pi * 3 * t) > -0.2), -20)


def chord(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return _level(sum((np.sin(2 * np.pi * f * t) for f in (261.6, 329.6, 392.0)), np.zeros_like(t)), -20)


def gated_chord(seconds: float, dice: np.random.Generator) -> Sound:
    return chord(seconds, dice) * (np.sin(2 * np.pi * 2 * _time(seconds)) > -0.3)


def _note(frequency_hz: float, seconds: float, decay_s: float) -> Sound:
    t = _time(seconds)
    tone = sum((np.sin(2 * np.pi * frequency_hz * n * t) / n**1.5 for n in range(1, 7)), np.zeros_like(t))
    return tone * np.exp(-t / decay_s) * np.minimum(1, t / 0.01)


def piano_like(seconds: float, dice: np.random.Generator) -> Sound:
    """Single struck notes, four a second."""
    scale = (261.6, 293.7, 329.6, 349.2, 392.0, 440.0, 493.9, 523.3)
    return _level(_hits(seconds, np.arange(0, seconds, 0.25), lambda: _note(float(dice.choice(scale)), 1.2, 0.4)), -20)


def music(seconds: float, dice: np.random.Generator) -> Sound:
    """Chords that change each two seconds, a bass, drums on the beat, a cymbal between."""
    roots = (130.8, 174.6, 196.0, 220.0)
    made = np.zeros(int(seconds * RATE_HZ))
    for index, begin in enumerate(np.arange(0, seconds, 2.0)):
        root = roots[index % len(roots)]
        for ratio in (0.5, 1, 1.25, 1.5):
            made += _hits(seconds, np.array([begin]), lambda r=root * ratio: 0.3 * _note(r, 2.0, 1.5))  # type: ignore[misc]
    made += _hits(
        seconds, np.arange(0, seconds, 1.0), lambda: 1.5 * np.sin(2 * np.pi * 60 * _time(0.2)) * np.exp(-_time(0.2) / 0.06)
    )
    made += _hits(seconds, np.arange(0.5, seconds, 1.0), lambda: 0.8 * _burst(dice, 0.2, 0.05, 200, 5_000))
    made += _hits(seconds, np.arange(0.25, seconds, 0.5), lambda: 0.3 * _burst(dice, 0.08, 0.02, 5_000, 8_000))
    return _level(made, -18)


def drums(seconds: float, dice: np.random.Generator) -> Sound:
    made = _hits(seconds, np.arange(0, seconds, 0.5), lambda: np.sin(2 * np.pi * 70 * _time(0.25)) * np.exp(-_time(0.25) / 0.08))
    made += _hits(seconds, np.arange(0.25, seconds, 0.5), lambda: 0.5 * _burst(dice, 0.2, 0.06, 300, 6_000))
    return _level(made, -20)


def applause(seconds: float, dice: np.random.Generator) -> Sound:
    """Many hands that clap at random."""
    times = np.sort(dice.uniform(0, seconds, int(60 * seconds)))
    return _level(_hits(seconds, times, lambda: dice.uniform(0.2, 1) * _burst(dice, 0.03, 0.006, 500, 5_000)), -18)


def keyboard(seconds: float, dice: np.random.Generator) -> Sound:
    """Typing: seven keys a second, down and up."""
    times = np.cumsum(dice.exponential(0.14, int(7 * seconds)))
    times = times[times < seconds]
    down = _hits(seconds, times, lambda: dice.uniform(0.4, 1) * _burst(dice, 0.03, 0.004, 1_000, 7_000))
    up = _hits(seconds, times[times < seconds - 0.1] + 0.09, lambda: 0.3 * _burst(dice, 0.02, 0.003, 2_000, 7_000))
    return _level(down + up, -30)


def fan(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    air = _shaped(seconds, dice, lambda f: 1 / (1 + (f / 300) ** 1.5)) * (1 + 0.2 * np.sin(2 * np.pi * 24 * t))
    return _level(_level(air, -30) + _level(np.sin(2 * np.pi * 96 * t), -36), -30)


def traffic(seconds: float, dice: np.random.Generator) -> Sound:
    """Low noise that swells as cars pass."""
    t = _time(seconds)
    swell = sum((np.exp(-(((t - at) / 2.0) ** 2)) for at in np.arange(dice.uniform(1, 4), seconds, 6.0)), np.full_like(t, 0.1))
    return _level(_shaped(seconds, dice, lambda f: 1 / (1 + (f / 200) ** 1.2)) * swell, -22)


def sweep(seconds: float, dice: np.random.Generator) -> Sound:
    """A tone from 100 Hz to 7 kHz and back, each 4 s."""
    t = _time(seconds)
    place = 2 * np.abs((t / 4) % 1 - 0.5)
    return 0.15 * np.sin(2 * np.pi * np.cumsum(100 * 70**place) / RATE_HZ)


def siren(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return _level(np.sign(np.sin(2 * np.pi * np.cumsum(700 + 300 * np.sin(2 * np.pi * 0.5 * t)) / RATE_HZ)), -22)


def birds(seconds: float, dice: np.random.Generator) -> Sound:
    """Short whistles that glide between 2 and 6 kHz."""

    def chirp() -> Sound:
        t = _time(float(dice.uniform(0.06, 0.25)))
        glide = dice.uniform(2_500, 5_000) + dice.uniform(-6_000, 6_000) * t + 300 * np.sin(2 * np.pi * dice.uniform(15, 40) * t)
        return np.asarray(np.sin(2 * np.pi * np.cumsum(glide) / RATE_HZ) * np.sin(np.pi * t / t[-1]) * dice.uniform(0.2, 1))

    return 0.2 * _hits(seconds, np.sort(dice.uniform(0, seconds, int(3 * seconds))), chirp)


def telephone(seconds: float, dice: np.random.Generator) -> Sound:
    """Rings of 440 and 480 Hz, 2 s on, 4 s off."""
    t = _time(seconds)
    return 0.1 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)) * (t % 6 < 2)


def warble(seconds: float, dice: np.random.Generator) -> Sound:
    """An electronic ring: two tones in turns, 20 times a second, 1 s on, 2 s off."""
    t = _time(seconds)
    return 0.15 * np.where(t % 0.1 < 0.05, np.sin(2 * np.pi * 1_400 * t), np.sin(2 * np.pi * 2_060 * t)) * (t % 3 < 1)


def dial_tone(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return 0.1 * (np.sin(2 * np.pi * 350 * t) + np.sin(2 * np.pi * 440 * t))


def busy_tone(seconds: float, dice: np.random.Generator) -> Sound:
    t = _time(seconds)
    return 0.1 * (np.sin(2 * np.pi * 480 * t) + np.sin(2 * np.pi * 620 * t)) * (t % 1 < 0.5)


def keys_dialled(seconds: float, dice: np.random.Generator) -> Sound:
    """DTMF, three keys a second."""
    rows, columns = (697, 770, 852, 941), (1_209, 1_336, 1_477)

    def key() -> Sound:
        t = _time(0.15)
        return np.asarray(0.1 * (np.sin(2 * np.pi * dice.choice(rows) * t) + np.sin(2 * np.pi * dice.choice(columns) * t)))

    return _hits(seconds, np.arange(0.1, seconds, 0.33), key)


def wind(seconds: float, dice: np.random.Generator) -> Sound:
    gusts = np.abs(_level(_shaped(seconds, dice, _band(0.05, 0.7)), 0)) + 0.2
    return _level(_shaped(seconds, dice, lambda f: 1 / (1 + (f / 400) ** 2)) * gusts, -22)


def rumble(seconds: float, dice: np.random.Generator) -> Sound:
    return _level(_shaped(seconds, dice, _band(15, 90)), -20)


def rain(seconds: float, dice: np.random.Generator) -> Sound:
    drops = _hits(seconds, np.sort(dice.uniform(0, seconds, int(40 * seconds))), lambda: _burst(dice, 0.01, 0.002, 2_000, 7_500))
    return _level(_level(drops, -26) + _level(_shaped(seconds, dice, _band(1_000, 7_500)), -30), -26)


def engine(seconds: float, dice: np.random.Generator) -> Sound:
    """A motor: 38 strokes a second that are not quite alike."""
    t = _time(seconds)
    speed = 38 + 4 * np.sin(2 * np.pi * 0.2 * t)
    phase = 2 * np.pi * np.cumsum(speed) / RATE_HZ
    strokes = sum((np.sin(n * phase + dice.uniform(0, 6)) / n for n in range(1, 30)), np.zeros_like(t))
    return _level(_level(strokes, -22) + _level(dice.standard_normal(len(t)), -40), -22)


def knocks(seconds: float, dice: np.random.Generator) -> Sound:
    times = np.concatenate([begin + np.array([0.0, 0.25, 0.5]) for begin in np.arange(0.5, max(0.6, seconds - 1), 3.0)])
    return 0.5 * _hits(seconds, times, lambda: _burst(dice, 0.12, 0.025, 80, 900) * 8)


KINDS: dict[str, Maker] = {
    "silence": silence,
    "white noise at -40 dBFS": white_noise(-40),
    "white noise at -14 dBFS": white_noise(-14),
    "pink noise at -20 dBFS": pink_noise(-20),
    "pink noise at -50 dBFS": pink_noise(-50),
    "hum": hum,
    "clicks": clicks,
    "tone": tone,
    "tremolo": tremolo,
    "vibrato": vibrato,
    "gated sawtooth": gated_sawtooth,
    "chord": chord,
    "gated chord": gated_chord,
    "single notes": piano_like,
    "chords, bass and drums": music,
    "drums": drums,
    "applause": applause,
    "keyboard": keyboard,
    "fan": fan,
    "traffic": traffic,
    "sweep": sweep,
    "siren": siren,
    "birds": birds,
    "telephone": telephone,
    "electronic ring": warble,
    "dial tone": dial_tone,
    "busy tone": busy_tone,
    "keys dialled": keys_dialled,
    "wind": wind,
    "rumble": rumble,
    "rain": rain,
    "motor": engine,
    "knocks": knocks,
}
