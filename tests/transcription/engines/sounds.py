"""Speech for the engine tests, made by our own eSpeak NG engine, and sounds made from numbers; 16 kHz float32."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from tests.speech.engines.espeak_kit import Teller
from utils.speech.contract import Part, Prosody, Voice
from utils.speech.engines.espeak import EspeakEngine
from utils.speech.engines.espeak_process import RATE_HZ as ESPEAK_HZ
from utils.transcription.contract import RATE_HZ, Samples

MICRO = Path(__file__).parents[2] / "assets" / "micro-whisper"


def said(text: str, folder: Path, voice: str = "en-us", *, pause_s: float = 0.8) -> Samples:
    """The sound of a text; of several sentences, one a line, with silence between them."""
    parts = [Part(line, pause_s) for line in text.splitlines()]
    with (folder / "said.pcm").open("w+b") as out:
        EspeakEngine().speak(parts, Voice(f"espeak:{voice}", "espeak", voice, voice), Prosody(), out, Teller())
    pcm = np.frombuffer((folder / "said.pcm").read_bytes(), dtype="<i2")
    return at_16k(pcm, ESPEAK_HZ)


def at_16k(pcm: np.ndarray, rate_hz: int) -> Samples:
    """s16 samples at another rate as float32 at 16 kHz."""
    frame = av.AudioFrame.from_ndarray(pcm.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    blocks = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([block.to_ndarray()[0] for block in blocks]).astype(np.float32)


def silence(seconds: float) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * RATE_HZ), dtype=np.float32)


def padded(sound: Samples, before_s: float = 0.3, behind_s: float = 0.3) -> Samples:
    """With silence around."""
    return np.concatenate([silence(before_s), sound, silence(behind_s)])


def tremolo(seconds: float) -> Samples:
    """A 220 Hz tone with 4 Hz tremolo at -20 dBFS: the voice detector takes it for speech."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.14 * np.sin(2 * np.pi * 220 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def noise(seconds: float, level: float = 0.1) -> Samples:
    """White noise, always the same."""
    return np.random.default_rng(3).normal(0, level, round(seconds * RATE_HZ)).astype(np.float32)
