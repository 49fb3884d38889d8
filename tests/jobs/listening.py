"""An engine that knows a few sentences by their length, and a worker that transcribes with it: quick, exact, and slow on demand.

`python -m tests.jobs.listening transcribe --attached` is the real worker with the real kind and this engine. How long the engine
takes for a sentence stands in the request's `hotwords`, in seconds.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.jobs.made_up import TIMING
from utils.errors import EngineCrashed
from utils.jobs.context import Context
from utils.jobs.kinds import Kind
from utils.jobs.runner import Timing
from utils.jobs.transcribe_kind import run_transcribe
from utils.jobs.worker import run
from utils.settings import Settings
from utils.transcription.contract import RATE_HZ, LanguageGuess, ModelInfo, Samples, Segment, Span, TranscriptionRequest, Word

LENGTHS = "TEST_SENTENCES"  # environment: JSON of sentence -> seconds
GAP_S = 0.5  # of silence between sentences
FRAME = 160
CRASH, DEAF = "crash", "deaf"  # as prompt: the engine fails; after its first call it hears nobody for DEAF_S
DEAF_S = 60.0


def bursts(samples: Samples) -> list[Span]:
    """Where sentences are: sound without a gap of GAP_S."""
    whole = len(samples) // FRAME * FRAME
    loud = np.flatnonzero(np.abs(samples[:whole]).reshape(-1, FRAME).max(axis=1) > 0.003)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > GAP_S * RATE_HZ / FRAME)
    edges = zip([loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]], strict=True)
    return [Span(float(first * FRAME / RATE_HZ), float((last + 1) * FRAME / RATE_HZ)) for first, last in edges]


class LengthDecoding:
    """Tells sentences by how long they are."""

    def __init__(self, known: dict[str, float], request: TranscriptionRequest) -> None:
        self._known = known
        self._request = request
        self._calls = 0
        self.model = ModelInfo("Lengths", True, True, ("en", "de"))

    def speech(self, samples: Samples) -> list[Span]:
        return bursts(samples)

    def detect(self, samples: Samples) -> LanguageGuess:
        return LanguageGuess("en", 0.9)

    def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
        if self._request.prompt == CRASH:
            raise EngineCrashed("The engine failed on this sound.", "Try another model.")
        self._calls += 1
        if self._request.prompt == DEAF and self._calls > 1:
            time.sleep(DEAF_S)
        for span in spans:
            for burst in bursts(samples[int(span.start * RATE_HZ) : int(span.end * RATE_HZ)]):
                time.sleep(float(self._request.hotwords or 0))
                yield self._segment(Span(span.start + burst.start, span.start + burst.end), language)

    def _segment(self, span: Span, language: str) -> Segment:
        length = span.end - span.start
        text = min(self._known, key=lambda sentence: abs(self._known[sentence] - length))
        parts = text.split()
        step = length / len(parts)
        words = tuple(
            Word(span.start + index * step, span.start + (index + 1) * step, " " + part, 0.9) for index, part in enumerate(parts)
        )
        return Segment(span.start, span.end, text, words, language, -0.2, 0.01, 1.0, 0.0)

    def again(self, samples: Samples, language: str) -> list[Segment]:
        return [self._segment(burst, language) for burst in bursts(samples)]

    def close(self) -> None:
        return None


class LengthEngine:
    name = "whisper"

    def __init__(self, known: dict[str, float]) -> None:
        self._known = known

    def problem(self, request: TranscriptionRequest) -> str:
        return ""

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> LengthDecoding:
        note("Fetching model lengths: 1 of 2 MB")
        check()
        return LengthDecoding(self._known, request)


def kinds(known: dict[str, float]) -> dict[str, Kind]:
    """The real kind, with this engine."""

    def listen(context: Context) -> None:
        context.shared.once("transcription_engines", lambda: {"whisper": LengthEngine(known)})
        run_transcribe(context)

    return {"transcribe": Kind("transcribe", listen, resumable=True, gives_way=True)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pool")
    parser.add_argument("--attached", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    settings = Settings.load(os.environ, Path("no.env"))
    timing = Timing(**json.loads(os.environ.get(TIMING, "{}")))
    run(settings, options.pool, kinds=kinds(json.loads(os.environ[LENGTHS])), timing=timing, attached=options.attached)


if __name__ == "__main__":
    main()
