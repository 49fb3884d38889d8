"""Engines for the tests of what lies above them: made once, as loading takes longer than decoding."""

from __future__ import annotations

import ctypes

import pytest

from tests.transcription.clips import MICRO
from utils.settings import Settings
from utils.transcription.contract import TranscriptionEngine
from utils.transcription.engines import build

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of glibc's malloc.h


@pytest.fixture(scope="session", autouse=True)
def roomy_heap() -> None:
    """Whisper makes and frees large arrays all the time: kept in this process, they cost a quarter less of its time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not on every system
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**30)
        mallopt(M_TOP_PAD, 64 * 2**20)


@pytest.fixture(scope="session")
def real_engines() -> dict[str, TranscriptionEngine]:
    """Whisper with the small model of the tests, and the draft engine."""
    return build(Settings(whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True))


@pytest.fixture(scope="session")
def whisper(real_engines: dict[str, TranscriptionEngine]) -> TranscriptionEngine:
    return real_engines["whisper"]
