"""A Library that passes every call on to the real faster-whisper and keeps what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.transcription.engines.whisper_library import FasterWhisper


@dataclass(frozen=True)
class Call:
    """One call: which, the samples' length, and the options."""

    name: str
    length: int
    options: dict[str, Any]


@dataclass
class Recording:
    """See `whisper_library.Library`."""

    real: FasterWhisper = field(default_factory=FasterWhisper)
    calls: list[Call] = field(default_factory=list)
    pipelines: int = 0
    given: int = 0  # segments that the library's generators gave
    open: int = 0  # generators that began and have not ended

    def cuda_devices(self) -> int:
        return self.real.cuda_devices()

    def load(self, folder: Path, device: str, compute_type: str, *, threads: int, workers: int) -> Any:
        options = {"device": device, "compute_type": compute_type, "threads": threads, "workers": workers}
        self.calls.append(Call("load", 0, options))
        return self.real.load(folder, device, compute_type, threads=threads, workers=workers)

    def transcribe(self, model: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        self.calls.append(Call("transcribe", len(samples), options))
        found, info = self.real.transcribe(model, samples, **options)
        return self._watched(found), info

    def detect(self, model: Any, samples: Any) -> tuple[str, float, Any]:
        self.calls.append(Call("detect", len(samples), {}))
        return self.real.detect(model, samples)

    def pipeline(self, model: Any, *, short: bool = False) -> Any:
        self.pipelines += 1
        return self.real.pipeline(model, short=short)

    def transcribe_batched(self, pipeline: Any, samples: Any, **options: Any) -> tuple[Iterable[Any], Any]:
        self.calls.append(Call("transcribe_batched", len(samples), options))
        found, info = self.real.transcribe_batched(pipeline, samples, **options)
        return self._watched(found), info

    def of(self, name: str) -> list[Call]:
        """All calls of that name."""
        return [call for call in self.calls if call.name == name]

    def _watched(self, found: Iterable[Any]) -> Iterable[Any]:
        self.open += 1
        try:
            for segment in found:
                self.given += 1
                yield segment
        finally:
            self.open -= 1
