"""What the benchmarks of captions share: how late words are, and how restless, from what came when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tests.transcription import clips
from tests.transcription.live_kit import Heard
from utils.settings import Settings
from utils.transcription.captions_agree import plain
from utils.transcription.captions_rules import Caption, live_request
from utils.transcription.contract import RATE_HZ, Decoding, TranscriptionEngine
from utils.transcription.engines import build

CORES = 2
PAUSE_S = 0.8  # between two sentences
CHUNK_S = 0.1  # as a browser sends them


@dataclass(frozen=True)
class Late:
    """Seconds from the end of a word's sound until it stood there as it stayed, and until it was committed."""

    tentative: list[float]
    committed: list[float]


def small_model() -> TranscriptionEngine:
    """The small real model of the tests, loaded and tried."""
    import numpy as np

    settings = Settings(whisper_model=str(clips.MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True)
    engine = build(settings)["whisper"]
    decoding = opened(engine)
    decoding.speech(np.zeros(RATE_HZ, np.float32))
    decoding.close()
    return engine


def opened(engine: TranscriptionEngine) -> Decoding:
    """As a live job opens it."""
    return engine.open(live_request("en", engine="whisper"), note=lambda sentence: None, check=lambda: None)


def lateness(heard: Heard, said: clips.Clip) -> Late:
    """Of the words that were heard right."""
    mine, theirs = [plain(word.text) for word in said.words], [plain(word.text) for word in heard.words]
    committed_at = [now for found, now in zip(heard.captions, heard.at, strict=True) for _ in found.words]
    shown_at = _shown(heard, theirs)
    late = Late([], [])
    for match in SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks():
        for step in range(match.size):
            end = said.words[match.a + step].end
            late.committed.append(committed_at[match.b + step] - end)
            late.tentative.append(shown_at[match.b + step] - end)
    return late


def _shown(heard: Heard, words: Sequence[str]) -> list[float]:
    """When each committed word first stood at its place, tentative or not."""
    at = [float("inf")] * len(words)
    count = 0
    for found, now in zip(heard.captions, heard.at, strict=True):
        shown = [*(plain(word.text) for word in found.words), *(plain(text) for text in found.tentative.split())]
        for place, text in enumerate(shown, start=count):
            if place < len(words) and words[place] == text:
                at[place] = min(at[place], now)
        count += len(found.words)
    return at


def replaced(captions: Sequence[Caption]) -> int:
    """How often a tentative word was another one, or gone, in the next caption."""
    before: list[str] = []
    total = 0
    for found in captions:
        now = [plain(text) for text in (found.committed + found.tentative).split()]
        same = next((at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), min(len(before), len(now)))
        total += len(before) - same
        before = [plain(text) for text in found.tentative.split()]
    return total
