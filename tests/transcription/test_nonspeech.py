"""No invented words: every kind of sound without a voice, alone and between sentences, in each way of decoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.transcription import clips, nonspeech
from utils.transcription.contract import RATE_HZ, TranscriptionEngine, TranscriptionRequest

WAYS = {"batched": TranscriptionRequest(language="en"), "sequential": TranscriptionRequest(language="en", batch=False)}
BEFORE = ("Turn on the light in the kitchen.", "The weather is cold today.")
AFTER = ("Thank you very much.",)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", nonspeech.KINDS)
def test_sound_without_a_voice_gives_no_words_and_takes_none(
    kind: str, way: str, whisper: TranscriptionEngine, tmp_path: Path
) -> None:
    before, after = clips.joined(BEFORE), clips.joined(AFTER)
    sound = np.concatenate([before.samples, nonspeech.make(kind, 20), after.samples])

    made = clips.transcribed(sound, whisper, WAYS[way], tmp_path)

    assert [segment.text for segment in made.segments] == [*BEFORE, *AFTER]
    assert made.gate.doubtful == 0
    first, last = made.segments[0].words[0], made.segments[-1].words
    assert abs(first.start - before.words[0].start) < 0.35
    assert last[0].start > before.seconds + 20 - 0.3 and last[-1].end <= len(sound) / RATE_HZ


@pytest.mark.parametrize("way", WAYS)
def test_recording_without_a_voice_says_no_speech(way: str, whisper: TranscriptionEngine, tmp_path: Path) -> None:
    sound = np.concatenate([nonspeech.make(kind, 5) for kind in nonspeech.KINDS])
    made = clips.transcribed(sound, whisper, WAYS[way], tmp_path)
    assert (made.text, made.language, made.language_probability) == ("", "", None)
    assert made.gate.speech_s == 0
