"""Speech and loaded models that many engine tests share; they are made once, and nobody changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.transcription.engines.sounds import MICRO, said
from utils.settings import Settings
from utils.transcription.contract import Decoding, Samples, TranscriptionEngine, TranscriptionRequest
from utils.transcription.engines import build

Open = Callable[..., Decoding]
Said = Callable[..., Samples]


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The small model of the tests, on the CPU; two workers, so that each call gets half of the cores."""
    return Settings(
        whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True, transcribe_workers=2
    )


@pytest.fixture(scope="session")
def engines(settings: Settings) -> dict[str, TranscriptionEngine]:
    """Both engines, as a worker has them."""
    return build(settings)


@pytest.fixture(scope="session")
def speak(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """The sound of a text; each made once."""

    @cache
    def make(text: str, voice: str = "en-us", pause_s: float = 0.8) -> Samples:
        sound = said(text, tmp_path_factory.mktemp("said"), voice, pause_s=pause_s)
        sound.flags.writeable = False
        return sound

    return make


@pytest.fixture
def opened(engines: dict[str, TranscriptionEngine]) -> Iterator[Open]:
    """Begin jobs that are closed at the end: `opened("whisper", language="en")`."""
    jobs: list[Decoding] = []

    def begin(engine: str, **options: object) -> Decoding:
        request = TranscriptionRequest(**{"language": "en", "engine": engine, **options})  # type: ignore[arg-type]
        jobs.append(engines[engine].open(request, note=lambda sentence: None, check=lambda: None))
        return jobs[-1]

    yield begin
    for job in jobs:
        job.close()


ROOT = Path(__file__).parents[3]
