"""From a folder to a tested model: which device, which compute type, the self-test, and the way back to the CPU."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.errors import ModelUnavailable
from utils.settings import Settings
from utils.transcription import models
from utils.transcription.contract import ModelInfo
from utils.transcription.engines import whisper_selftest as selftest
from utils.transcription.engines.whisper_decoding import Loaded
from utils.transcription.engines.whisper_library import Library
from utils.transcription.model_folder import can_translate

SAFE = ("cpu", "int8")  # works wherever CTranslate2 does
TRIAL_S = 300.0  # for loading onto a graphics card and one window; the first use may compile kernels for a minute
ROOT = Path(__file__).parents[3]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tried:
    """What came of loading a model in one way: the object, or None; what it heard; why it is not to be used, or ""."""

    model: Any = None
    text: str = ""
    fault: str = ""


def load(library: Library, folder: Path, name: str, settings: Settings, *, threads: int, workers: int = 0) -> Loaded:
    """Load the way the settings ask for, else on the CPU with int8.

    Args:
        library: faster-whisper.
        folder: Of the model.
        name: As asked for.
        settings: Device, compute type.
        threads: For one call.
        workers: Calls at once; 0 = as many as TRANSCRIBE_WORKERS.

    Raises:
        ModelUnavailable: It cannot be loaded on the CPU either: its files are damaged or of another kind.
    """
    lanes = (workers or max(1, settings.transcribe_workers), threads)
    wanted = (_device(library, settings.whisper_device), settings.whisper_compute_type)
    tried = _on_card(library, folder, *wanted) if wanted[0] == "cuda" else None
    tried = tried or _try(library, folder, *wanted, *lanes)
    if not tried.fault:
        return Loaded(tried.model, _info(folder, name, tried.model, ""))
    if wanted == SAFE and tried.model is not None:
        return Loaded(tried.model, _info(folder, name, tried.model, tried.fault))
    safe = _try(library, folder, *SAFE, *lanes)
    if safe.model is None:
        raise ModelUnavailable(f"The model {models.label_of(name)} cannot be loaded: {safe.fault}", models.INSTALL_HINT)
    if tried.model is not None and safe.fault and selftest.likeness(tried.text, safe.text) >= selftest.ENOUGH:
        return Loaded(
            tried.model, _info(folder, name, tried.model, safe.fault)
        )  # both hear the same: it is the model, not the card
    note = f"Whisper runs on the CPU with int8 instead of {wanted[0]} with {wanted[1]}: {tried.fault}"
    log.warning("whisper runs on the CPU with int8 instead of %s with %s", *wanted)
    return Loaded(safe.model, _info(folder, name, safe.model, f"{note} {safe.fault}".strip()))


def _device(library: Library, wanted: str) -> str:
    """`cuda` or `cpu`."""
    if wanted != "auto":
        return wanted
    try:
        return "cuda" if library.cuda_devices() > 0 else "cpu"
    except RuntimeError:  # a driver that does not fit: as good as none
        return "cpu"


def _try(library: Library, folder: Path, device: str, compute_type: str, workers: int, threads: int) -> Tried:
    """Load and let it hear the clip, in this process."""
    try:
        model = library.load(folder, device, compute_type, threads=threads, workers=workers)
    except (RuntimeError, ValueError, OSError) as exc:  # what CTranslate2 raises for devices, types and files
        return Tried(fault=_sentence(exc, folder))
    try:
        text = selftest.heard(library, model)
    except (RuntimeError, ValueError) as exc:
        return Tried(fault=_sentence(exc, folder))
    if selftest.passed(text):
        return Tried(model, text)
    return Tried(model, text, "It did not hear the words of the self-test, so its text may be wrong.")


def _on_card(library: Library, folder: Path, device: str, compute_type: str) -> Tried | None:
    """Try it in a child process first, because a graphics library may take its process along; None = go ahead."""
    command = [sys.executable, "-m", "utils.transcription.engines.whisper_trial", str(folder), device, compute_type]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=TRIAL_S, check=False)  # noqa: S603 - our own program
        found = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return Tried(fault="The trial on the graphics card did not end.")
    if "fault" in found:
        return Tried(fault=_sentence(RuntimeError(found["fault"]), folder))
    if "text" not in found:
        return Tried(fault="The trial on the graphics card crashed.")
    return None


def _sentence(exc: Exception, folder: Path) -> str:
    """The library's reason as one sentence of at most 200 characters, without the path of the model."""
    text = " ".join(str(exc).replace(str(folder), folder.name).split())[:200].rstrip(" .")
    return f"{text}." if text else "No reason was given."


def _info(folder: Path, name: str, model: Any, note: str) -> ModelInfo:
    multilingual = bool(model.model.is_multilingual)
    return ModelInfo(
        name=models.label_of(name),
        multilingual=multilingual,
        can_translate=multilingual and can_translate(name, folder),
        languages=tuple(model.supported_languages),
        device=str(model.model.device),
        compute_type=str(model.model.compute_type),
        note=note,
    )
