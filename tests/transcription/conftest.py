"""Engines for the tests of what lies above them: made once, as loading takes longer than decoding."""

from __future__ import annotations

import pytest

from tests.transcription.plain_engine import PlainEngine
from utils.transcription.contract import TranscriptionEngine


@pytest.fixture(scope="session")
def whisper() -> TranscriptionEngine:
    return PlainEngine()
