"""The seam to faster-whisper: the little of it that we use, imported on first use. Tests give one that records the calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from utils.errors import EngineUnreachable


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

    def pipeline(self, model: Any) -> Any:
        """A new `BatchedInferencePipeline`: it has a memory of its own, so each job needs its own."""
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

    def pipeline(self, model: Any) -> Any:
        """See `Library`."""
        return _import("faster_whisper").BatchedInferencePipeline(model)

    def transcribe_batched(self, pipeline: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        """See `Library`."""
        found: tuple[Iterable[Any], Any] = pipeline.transcribe(samples, **options)
        return found


def _import(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise EngineUnreachable(f"The library {name} cannot be loaded.", "Install the packages of requirements.txt again.") from exc
