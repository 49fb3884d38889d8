"""Ten minutes of joined sentences: the words and times of the whole way against those of the bare library on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from benchmarks.rig import scratch_folder
from tests.transcription import clips
from utils.settings import Settings
from utils.transcription.contract import Transcript, TranscriptionEngine, TranscriptionRequest, Word
from utils.transcription.engines import build

SENTENCES = 285  # with 0.8 s between them, ten minutes
MAX_WORSE = 0.2  # points


def run() -> list[Figure]:
    """Batched and one after the other, each against the library's own way of the same kind."""
    spoken = clips.joined(clips.drawn(SENTENCES, seed=11))
    settings = Settings(whisper_model=str(clips.MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True)
    engine = build(settings)["whisper"]
    figures = []
    for batch, name in ((True, "batched"), (False, "sequential")):
        with scratch_folder() as folder:
            made = _app(spoken, engine, folder, batch=batch)
        bare = clips.wer(spoken.text, _bare(spoken, batch=batch))
        mine = clips.wer(spoken.text, made.text)
        detail = f"{mine:.2f} against {bare:.2f} %, {spoken.seconds / 60:.1f} min, small test model"
        figures.append(
            Figure(f"WER of the way against the bare library, {name}", mine - bare, MAX_WORSE, unit=" points", detail=detail)
        )
        off = starts_off(spoken.words, [word for segment in made.segments for word in segment.words])
        detail = f"90 % within {np.percentile(off, 90):.2f} s, {len(off)} words that were heard, against eSpeak's own events"
        figures.append(
            Figure(f"Word starts, median of the difference, {name}", float(np.median(off)), 0.15, unit=" s", detail=detail)
        )
    return figures


def starts_off(said: Sequence[Word], heard: Sequence[Word]) -> list[float]:
    """Differences of the starts of words that were heard right, in seconds."""
    from difflib import SequenceMatcher

    mine, theirs = [_plain(word.text) for word in said], [_plain(word.text) for word in heard]
    off = []
    for match in SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks():
        for step in range(match.size):
            off.append(abs(said[match.a + step].start - heard[match.b + step].start))
    return off


def _app(spoken: clips.Clip, engine: TranscriptionEngine, folder: Path, *, batch: bool) -> Transcript:
    return clips.transcribed(spoken.samples, engine, TranscriptionRequest(language="en", batch=batch), folder)


def _bare(spoken: clips.Clip, *, batch: bool) -> str:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(clips.MICRO), device="cpu", compute_type="int8")
    options: dict[str, Any] = {"language": "en", "word_timestamps": True, "condition_on_previous_text": False}
    if batch:
        pause = {"min_silence_duration_ms": 500}
        options |= {"without_timestamps": False, "batch_size": 8, "vad_parameters": pause}
        segments, _ = BatchedInferencePipeline(model).transcribe(spoken.samples, **options)
    else:
        segments, _ = model.transcribe(spoken.samples, vad_filter=True, **options)
    return " ".join(segment.text.strip() for segment in segments)


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
