"""What a long recording costs beside the decoding itself: voice detector, windows and gate; memory; the first text."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from benchmarks.rig import ROOT, scratch_folder
from tests.transcription import clips
from utils.audio.pcm import PcmFile
from utils.settings import Settings
from utils.transcription.contract import RATE_HZ, Decoding, ModelInfo, Samples, Segment, Span, TranscriptionRequest, Word
from utils.transcription.engines import build
from utils.transcription.engines.voice import Voice
from utils.transcription.partial import Partial
from utils.transcription.transcribe import transcribe

SHARE_MIN = 30  # minutes that are really decoded
LONG_H = (1, 4)  # hours whose memory is compared
MAX_SHARE, MAX_GROWTH_MB, MAX_WAIT_S = 5.0, 50.0, 1.0
REQUEST = TranscriptionRequest(language="en")


def run() -> list[Figure]:
    """The share of half an hour, the memory of one and four hours, the wait for the first text of half an hour."""
    with scratch_folder() as folder:
        share, first_s, chunk_s = _decoded(folder)
        peaks = [_peak_mb(folder, hours) for hours in LONG_H]
    return [
        Figure(
            "Voice detector, windows and gate, share of the whole", 100 * share[0] / share[1], MAX_SHARE, unit=" %",
            detail=f"{share[0]:.1f} of {share[1]:.1f} s for {SHARE_MIN} min, small test model; less with a larger one",
        ),
        Figure(
            f"Memory for {LONG_H[1]} h over that for {LONG_H[0]} h of sound", peaks[1] - peaks[0], MAX_GROWTH_MB, unit=" MB",
            detail=f"peaks of {peaks[0]:.0f} and {peaks[1]:.0f} MB, real voice detector, no decoding, words included",
        ),
        Figure(
            "First readable text beyond the decoding of one chunk, language to be found", first_s - chunk_s, MAX_WAIT_S, unit=" s",
            detail=f"{first_s:.2f} s after the start, {chunk_s:.2f} s for a chunk, {SHARE_MIN} min",
        ),
    ]  # fmt: skip


def _decoded(folder: Path) -> tuple[tuple[float, float], float, float]:
    """Seconds beside decoding and in all; seconds until the first text is on the disk; seconds of one chunk alone."""
    sound = clips.on_disk(folder, _speech(SHARE_MIN * 60))
    settings = Settings(whisper_model=str(clips.MICRO), whisper_device="cpu", whisper_compute_type="int8", hf_hub_offline=True)
    engine = _Timed(build(settings)["whisper"])
    engine.open(REQUEST, note=_nothing, check=_nothing).decode(_speech(5), [Span(0, 5)], "en")  # load, test, warm up
    began = time.perf_counter()
    _transcribe(sound, engine, Partial(folder / "share.jsonl"))
    whole = time.perf_counter() - began
    beside = whole - engine.decoding_s

    chunk = _speech(30)[: int(29.5 * RATE_HZ)]
    decoding = engine.open(REQUEST, note=_nothing, check=_nothing)
    before = time.perf_counter()
    list(decoding.decode(chunk, [Span(0, 29.5)], "en"))
    chunk_s = time.perf_counter() - before
    return (beside, whole), _first_s(sound, engine, folder), chunk_s


def _first_s(sound: clips.OnDisk, engine: Any, folder: Path) -> float:
    partial = Partial(folder / "first.jsonl")
    began = time.perf_counter()

    def progress(done: float, total: float) -> None:
        if partial.windows():
            raise _EnoughError

    try:
        _transcribe(sound, engine, partial, TranscriptionRequest(), progress)
    except _EnoughError:
        return time.perf_counter() - began
    return float("nan")


def _peak_mb(folder: Path, hours: int) -> float:
    command = [sys.executable, "-m", "benchmarks.bench_windows", str(folder), str(hours)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _long(folder: Path, hours: int) -> None:
    """Print the peak of this process in MB after so many hours of sound; run in a process of its own."""
    path = folder / f"{hours}.pcm"
    block = (_speech(600) * 32_767).astype("<i2").tobytes()
    with path.open("wb") as file:
        for _ in range(hours * 6):
            file.write(block)
    sound = clips.OnDisk(PcmFile(path, RATE_HZ))
    _transcribe(sound, _Heard(), Partial(folder / f"{hours}.jsonl"))
    path.unlink()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1_024)


def _speech(seconds: float) -> Samples:
    """Sentences with pauses of many lengths, over and over."""
    once = np.concatenate([clips.joined(clips.drawn(12, seed), pause_s=0.5 + 0.25 * seed).samples for seed in range(1, 6)])
    count = int(seconds * RATE_HZ)
    return np.resize(once, count)


def _transcribe(
    sound: clips.OnDisk,
    engine: Any,
    partial: Partial,
    request: TranscriptionRequest = REQUEST,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> None:
    decoded: Any = sound
    transcribe(decoded, engine, request, partial=partial, progress=progress, note=_nothing, check=_nothing)


def _nothing(*_: object) -> None:
    return None


class _EnoughError(Exception):
    """The first text is there."""


class _Timed:
    """An engine, and the seconds that it spends decoding."""

    name = "whisper"

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.decoding_s = 0.0

    def open(self, request: TranscriptionRequest, **tellers: Any) -> Any:
        self._decoding = self._engine.open(request, **tellers)
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoding, name)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        source = self._decoding.decode(samples, spans, language)
        while True:
            began = time.perf_counter()
            segment = next(source, None)
            self.decoding_s += time.perf_counter() - began
            if segment is None:
                return
            yield segment

    def again(self, samples: Samples, language: str) -> list[Segment]:
        began = time.perf_counter()
        found: list[Segment] = self._decoding.again(samples, language)
        self.decoding_s += time.perf_counter() - began
        return found


class _Heard:
    """The real voice detector, and three words a second instead of a model."""

    name = "whisper"
    model = ModelInfo("none", True, True, ("en",))

    def __init__(self) -> None:
        self._voice = Voice()

    def open(self, request: TranscriptionRequest, **tellers: Any) -> Decoding:
        opened: Any = self
        return opened  # type: ignore[no-any-return]

    def close(self) -> None:
        """Nothing to give back."""

    def speech(self, samples: Samples) -> list[Span]:
        return self._voice.spans(samples)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        for span in spans:
            times = np.arange(span.start, span.end - 0.3, 1 / 3).tolist()
            words = tuple(Word(time, time + 0.3, f" {time * 7919 % 9973:.0f}", 0.9) for time in times)
            yield Segment(span.start, span.end, "".join(word.text for word in words).strip(), words, "en")


if __name__ == "__main__":
    _long(Path(sys.argv[1]), int(sys.argv[2]))
