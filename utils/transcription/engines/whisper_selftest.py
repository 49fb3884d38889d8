"""Does a loaded model hear what is said? A clip that comes with Sotto is transcribed once before a model is used.

Graphics libraries may fail at loading, at the first use, may take the process along, or answer without hearing anything. So a model
meant for a graphics card is tried in a child process first (`whisper_trial`), and in every case the text is looked at.
"""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import numpy as np

from utils.transcription.contract import RATE_HZ, Samples
from utils.transcription.engines.whisper_library import Library

CLIP = Path(__file__).with_name("data") / "selftest.wav"  # made by tests/transcription/engines/make_selftest_clip.py
SENTENCE = "Turn on the light in the kitchen."
ENOUGH = 0.5  # share of the sentence's words that must be heard; a small or foreign model may miss some, a broken one misses all


def clip() -> Samples:
    """The sound of SENTENCE: eSpeak NG, 16 kHz, 2.5 s."""
    with wave.open(str(CLIP), "rb") as file:
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(32_768)


def heard(library: Library, model: Any) -> str:
    """What the model makes of the clip."""
    segments, _ = library.transcribe(
        model, clip(), language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False, vad_filter=False
    )
    return " ".join(segment.text.strip() for segment in segments)


def heard_in_short(library: Library, model: Any) -> str:
    """The same in a window that is shorter than those that the model was trained on."""
    sound = clip()
    segments, _ = library.transcribe_batched(
        library.pipeline(model, short=True), sound,
        language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False, without_timestamps=False,
        clip_timestamps=[{"start": 0.0, "end": len(sound) / RATE_HZ}],
    )  # fmt: skip
    return " ".join(segment.text.strip() for segment in segments)


def likeness(text: str, sentence: str = SENTENCE) -> float:
    """The share of the sentence's different words that are in the text, 0 to 1; case and punctuation do not count."""
    wanted, found = (set(re.findall(r"[\w']+", part.lower())) for part in (sentence, text))
    return len(wanted & found) / len(wanted) if wanted else 0.0


def passed(text: str) -> bool:
    """The text is close enough to the sentence."""
    return likeness(text) >= ENOUGH
