"""Engines for the tests of what lies above them: made once, as loading takes longer than decoding."""

from __future__ import annotations

import pytest

from tests.transcription.clips import MICRO
from utils.settings import Settings
from utils.transcription.contract import TranscriptionEngine
from utils.transcription.engines import build


@pytest.fixture(scope="session")
def real_engines() -> dict[str, TranscriptionEngine]:
    """Whisper with the small model of the tests, and the draft engine."""
    return build(Settings(whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True))


@pytest.fixture(scope="session")
def whisper(real_engines: dict[str, TranscriptionEngine]) -> TranscriptionEngine:
    return real_engines["whisper"]
