"""Chunks of a batch that are encoded and timed one after the other: the same words at the same times, in less memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.transcription.engines.conftest import Said
from tests.transcription.engines.sounds import MICRO
from utils.transcription.engines.whisper_library import FasterWhisper, FrugalModel

TEXTS = ("Turn on the light.\nClose the window.\nCall my mother.", "Good morning.")
OPTIONS: dict[str, Any] = {"language": "en", "batch_size": 8, "word_timestamps": True, "without_timestamps": False}


def heard(pipeline: Any, sound: Any, clips: list[dict[str, float]]) -> list[Any]:
    """Text, times and scores of the segments."""
    return [
        (found.text, [found.start, found.end, found.avg_logprob, found.no_speech_prob, *(w.start for w in found.words)])
        for found in FasterWhisper().transcribe_batched(pipeline, sound, clip_timestamps=clips, **OPTIONS)[0]
    ]


def test_batch_in_turn_hears_what_the_library_hears_at_once(speak: Said) -> None:
    from faster_whisper import BatchedInferencePipeline

    model = FasterWhisper().load(MICRO, "cpu", "int8", threads=1, workers=1)
    sounds = [speak(text) for text in TEXTS]
    ends = np.cumsum([len(sound) for sound in sounds]) / 16_000
    clips = [{"start": start, "end": end} for start, end in zip([0.0, *ends[:-1]], ends, strict=True)]
    sizes: list[int] = []
    pipeline = FasterWhisper().pipeline(model)
    assert isinstance(pipeline.model, FrugalModel)
    encode = model.encode
    model.encode = lambda features: (sizes.append(len(features)), encode(features))[1]
    frugal = heard(pipeline, np.concatenate(sounds), clips)
    assert sizes == [1, 1]  # the library would have encoded both at once
    model.encode = encode
    at_once = heard(BatchedInferencePipeline(model), np.concatenate(sounds), clips)
    assert " ".join(text for text, _ in frugal).split()
    assert [text for text, _ in frugal] == [text for text, _ in at_once]
    for (_, numbers), (_, others) in zip(frugal, at_once, strict=True):
        assert numbers == pytest.approx(others, abs=0.05)  # the same but for rounding; here it is equal
