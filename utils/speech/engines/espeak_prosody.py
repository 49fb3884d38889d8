"""From a speed factor and semitones to eSpeak's own parameters, as measured on 1.52."""

from __future__ import annotations

import math

from utils.speech.contract import Prosody
from utils.speech.engines.espeak_process import Voicing

NORMAL_WPM = 175  # eSpeak's own
WPM_RANGE = (80, 450)  # documented

# Words a minute grow with a power of the wanted speed: (exponent below 1, exponent above 1), found by bisection on the length of
# the sound at 0.5, 0.7, 1.4 and 2.0 in 30 languages. With 1.0 a speed of 2 would give 2.28 in Chinese and 1.72 in Russian; with
# these it is within 7 % of what was asked for, pauses included (Ukrainian at 0.5: 19 %).
EXPONENTS = (0.94, 0.94)
EXPONENTS_OF = {
    "ru": (1.12, 1.26),
    "he": (1.14, 1.15),
    "th": (1.03, 1.33),
    "es": (0.96, 1.12),
    "it": (1.01, 1.08),
    "de": (0.97, 1.0),
    "pl": (0.97, 0.99),
    "ko": (0.92, 0.99),
} | dict.fromkeys(("bn", "cmn", "hi", "ja", "sw", "ta", "yue"), (0.87, 0.87))

# Parameter 3 for -8, -7, ... +9 semitones while parameter 4 (range of the melody) grows with the pitch: means of the fundamental
# frequency, found by autocorrelation, of eight voices (en-us, en-us+f3, en-us+m5, de, fr, es+f2, ru, cmn), which differ by half a
# semitone at most. Beyond these ends eSpeak does not go, whatever the parameters.
LOWEST, HIGHEST = -8, 9
PITCHES = (3, 9, 15, 22, 27, 33, 39, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95)
NORMAL_RANGE = 50


def voicing_of(name: str, prosody: Prosody) -> tuple[Voicing, float]:
    """Turn prosody into eSpeak's parameters.

    Args:
        name: The voice as eSpeak calls it, with its variant.
        prosody: What is wanted.

    Returns:
        The parameters, and the semitones that eSpeak does not reach.
    """
    pitch = min(max(prosody.pitch, LOWEST), HIGHEST)
    voicing = Voicing(name, _wpm(name, prosody.speed), _pitch(pitch), round(NORMAL_RANGE * 2 ** (pitch / 12)))
    return voicing, prosody.pitch - pitch


def _wpm(name: str, speed: float) -> int:
    language = name.lower().partition("+")[0].partition("-")[0]
    slower, faster = EXPONENTS_OF.get(language, EXPONENTS)
    lowest, highest = WPM_RANGE
    wpm = NORMAL_WPM * math.pow(speed, faster if speed > 1 else slower)
    return min(max(round(wpm), lowest), highest)


def _pitch(semitones: float) -> int:
    """Parameter 3, between the two measured ones."""
    below = min(int(semitones - LOWEST), len(PITCHES) - 2)
    share = semitones - LOWEST - below
    return round(PITCHES[below] * (1 - share) + PITCHES[below + 1] * share)
