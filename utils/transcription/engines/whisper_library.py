"""The seam to faster-whisper: the little of it that we use, imported on first use. Tests give one that records the calls."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from utils.errors import EngineUnreachable

FRAMES = 3_000  # of 10 ms: Whisper's own window
LEAST_FRAMES = 1_500  # shorter ones save little more, and models that were not trained on them begin to loop
BEHIND_S = 2.0  # of silence behind the sound


class Library(Protocol):
    """What the engine needs of faster-whisper. Its objects are `faster_whisper.WhisperModel` and `BatchedInferencePipeline`."""

    def cuda_devices(self) -> int:
        """Graphics cards that CTranslate2 can use."""
        ...

    def load(self, folder: Path, device: str, compute_type: str, *, threads: int, workers: int) -> Any:
        """Load a model from a folder; raises what CTranslate2 raises."""
        ...

    def transcribe(self, model: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        """`WhisperModel.transcribe`."""
        ...

    def detect(self, model: Any, samples: Any) -> tuple[str, float, Any]:
        """`WhisperModel.detect_language`: language, probability, all of them."""
        ...

    def pipeline(self, model: Any, *, short: bool = False) -> Any:
        """A new `BatchedInferencePipeline`: it has a memory of its own, so each job needs its own.

        Args:
            model: As loaded.
            short: It hears windows as long as the sound needs, see `ShortWindows`, not always 30 s.
        """
        ...

    def transcribe_batched(self, pipeline: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        """`BatchedInferencePipeline.transcribe`."""
        ...


@dataclass(frozen=True)
class FasterWhisper:
    """The real one."""

    def cuda_devices(self) -> int:
        """See `Library`."""
        return int(_import("ctranslate2").get_cuda_device_count())

    def load(self, folder: Path, device: str, compute_type: str, *, threads: int, workers: int) -> Any:
        """See `Library`."""
        return _import("faster_whisper").WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads, num_workers=workers, local_files_only=True
        )

    def transcribe(self, model: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        """See `Library`."""
        found: tuple[Iterable[Any], Any] = model.transcribe(samples, **options)
        return found

    def detect(self, model: Any, samples: Any) -> tuple[str, float, Any]:
        """See `Library`."""
        found: tuple[str, float, Any] = model.detect_language(samples)
        return found

    def pipeline(self, model: Any, *, short: bool = False) -> Any:
        """See `Library`."""
        kind = _import("faster_whisper").BatchedInferencePipeline
        frugal = FrugalModel(model) if model.model.device == "cpu" else model
        return shortened(kind)(frugal) if short else kind(frugal)

    def transcribe_batched(self, pipeline: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        """See `Library`."""
        found: tuple[Iterable[Any], Any] = pipeline.transcribe(samples, **options)
        return found


class FrugalModel:
    """A `WhisperModel` on the CPU that takes the chunks of a batch one after the other where that costs no time.

    The encoder's attention takes 1,500 x 1,500 floats a head and chunk: 430 MB for eight chunks of a model with six heads, 1.4 GB
    with twenty. The words' times take a score for each token and each entry of the vocabulary, 250 MB for eight chunks. Only the
    search for the text itself is quicker for several chunks at once, and that takes little.
    """

    def __init__(self, model: Any) -> None:
        """Of the library's model, which does all the rest."""
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, features: Any) -> Any:
        """As the library's: what the encoder makes of features (chunk, band, frame), in memory of CTranslate2."""
        import numpy as np

        if features.ndim < 3 or len(features) < 2:
            return self._model.encode(features)
        first = self._model.encode(features[:1])
        if not _is_plain(first):
            return self._model.encode(features)
        made = np.empty((len(features), *first.shape[1:]), np.float32)
        made[0] = np.asarray(first)[0]
        for at in range(1, len(features)):
            made[at] = np.asarray(self._model.encode(features[at : at + 1]))[0]
        return type(first).from_array(made)

    def add_word_timestamps(
        self, segments: Any, tokenizer: Any, encoded: Any, sizes: Any, before: str, behind: str, last_end: float
    ) -> Any:
        """As the library's: puts words into the segments (chunk, segment); the end of the last of them."""
        import numpy as np

        if not _is_plain(encoded):
            return self._model.add_word_timestamps(segments, tokenizer, encoded, sizes, before, behind, last_end)
        whole = np.asarray(encoded)
        for at, chunk in enumerate(segments):
            alone = type(encoded).from_array(whole[at : at + 1])
            last_end = self._model.add_word_timestamps([chunk], tokenizer, alone, [sizes[at]], before, behind, last_end)
        return last_end


def _is_plain(encoded: Any) -> bool:
    """Whether numpy can read it; it knows no bfloat16."""
    return str(encoded.dtype).rpartition(".")[2] == "float32"


def frames_of(longest_s: float) -> int:
    """Frames of 10 ms that a window needs for so many seconds of sound."""
    return min(FRAMES, max(LEAST_FRAMES, math.ceil(longest_s + BEHIND_S) * 100))


def shortened(kind: Any) -> Any:
    """`BatchedInferencePipeline` with windows as short as `frames_of` allows.

    Whisper was trained on windows of 30 s, most of them silence behind a short sound; its encoder takes the same time for all of
    them. CTranslate2 takes shorter ones too.
    """

    class ShortWindows(kind):  # type: ignore[misc]
        def forward(self, features: Any, tokenizer: Any, chunks_metadata: Any, options: Any) -> Any:
            frames = frames_of(max(chunk["duration"] for chunk in chunks_metadata))
            return super().forward(features[..., :frames].copy(), tokenizer, chunks_metadata, options)

    return ShortWindows


def _import(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise EngineUnreachable(f"The library {name} cannot be loaded.", "Install the packages of requirements.txt again.") from exc
