"""Windows shorter than 30 s, for captions: the same words in half the time, and only with models that bear them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.transcription.engines.conftest import Said
from tests.transcription.engines.recording import Recording
from tests.transcription.engines.sounds import MICRO
from utils.settings import Settings
from utils.transcription.captions_rules import live_request
from utils.transcription.contract import RATE_HZ, Samples, Span, TranscriptionRequest
from utils.transcription.engines.whisper import WhisperEngine
from utils.transcription.engines.whisper_library import FRAMES, frames_of

TEXT = "Turn on the light.\nClose the window.\nCall my mother."


class Watched(Recording):
    """Keeps how many frames the encoder was given; may spoil short windows."""

    def __init__(self, *, spoils: bool = False) -> None:
        super().__init__()
        self.frames: list[int] = []
        self.spoils = spoils

    def pipeline(self, model: Any, *, short: bool = False) -> Any:
        made = super().pipeline(model, short=short)
        inner = made.generate_segment_batched

        def generate(features: Any, tokenizer: Any, options: Any) -> Any:
            self.frames.append(features.shape[-1])
            silent = self.spoils and features.shape[-1] < FRAMES
            return inner(features * 0 if silent else features, tokenizer, options)

        made.generate_segment_batched = generate
        return made


def frames_heard(library: Watched, sound: Samples, request: TranscriptionRequest) -> tuple[list[int], str]:
    """What one decoding was given, and what it made of it."""
    settings = Settings(whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="int8")
    engine = WhisperEngine(settings, library=library)
    decoding = engine.open(request, note=lambda _: None, check=lambda: None)
    library.frames.clear()
    found = list(decoding.decode(sound, [Span(0.0, len(sound) / RATE_HZ)], "en"))
    decoding.close()
    engine.unload()
    return library.frames, " ".join(segment.text for segment in found)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.5, 1_500), (12.9, 1_500), (13.1, 1_600), (20.0, 2_200), (28.5, 3_000), (30, 3_000)]
)
def test_window_is_as_long_as_the_sound_and_the_silence_behind_it(seconds: float, frames: int) -> None:
    assert frames_of(seconds) == frames


def test_captions_hear_the_same_words_in_a_short_window_and_everybody_else_has_a_whole_one(speak: Said) -> None:
    sound = speak(TEXT)
    assert frames_heard(Watched(), sound, live_request("en")) == ([1_500], TEXT.replace("\n", " "))
    assert frames_heard(Watched(), sound, TranscriptionRequest(language="en")) == ([3_000], TEXT.replace("\n", " "))


def test_model_that_hears_otherwise_in_a_short_window_gets_a_whole_one(speak: Said) -> None:
    assert frames_heard(Watched(spoils=True), speak(TEXT), live_request("en")) == ([3_000], TEXT.replace("\n", " "))
