"""What works here and what does not: the report behind /readyz. It names no paths, addresses or keys."""

from __future__ import annotations

import importlib.util
import os
import shutil
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from utils.api import descriptors
from utils.errors import AppError
from utils.services import Services
from utils.sizes import size
from utils.workflows import live_places

KEPT_S = 2.0  # a report is given again for this long, so that asking often costs nothing
LEAST_FREE_BYTES = 200 * 2**20
MOST_DESCRIPTORS_USED = 0.9  # share of the limit; beyond it new visitors fail soon


class Health(Protocol):
    """How the job layer does: see `utils.jobs.status.Health`."""

    @property
    def ok(self) -> bool:
        """Jobs are being done."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        ...


@runtime_checkable
class TellsHealth(Protocol):
    """Jobs that can say how they do."""

    def health(self) -> Health:
        """Cheap enough to be asked every second."""
        ...


class Readiness:
    """Makes the report.

    Args:
        services: What it looks at.
        monotonic: Clock in seconds, for how long a report is kept.
    """

    def __init__(self, services: Services, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._made_at = 0.0
        self._report: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        """`{"status": "ok" | "failing", "checks": {name: {"ok": bool, "reason": str, ...}}}`, at most KEPT_S old."""
        with self._lock:
            now = self._monotonic()
            if not self._report or now - self._made_at > KEPT_S:
                self._report, self._made_at = self._look(), now
            return self._report

    def _look(self) -> dict[str, Any]:
        checks = {
            "speech": self._speech(),
            "transcription": self._transcription(),
            "sound": _sound(),
            "jobs": self._jobs(),
            "live": self._live(),
            "disk": self._disk(),
            "descriptors": _descriptors(),
        }
        failing = not all(check["ok"] for check in checks.values())
        return {"status": "failing" if failing else "ok", "checks": checks}

    def _speech(self) -> dict[str, Any]:
        settings = self._services.settings
        reasons = {name: engine.available() for name, engine in self._services.engines.items()}
        wanted = [name for name in reasons if settings.tts_engine in ("auto", name)]
        ok = any(not reasons[name] for name in wanted)
        engines = {name: {"ok": not reason, "reason": reason} for name, reason in reasons.items()}
        reason = "" if ok else "No engine that TTS_ENGINE allows can work here."
        return _check(ok, reason, engines=engines, wanted=settings.tts_engine, own_gtts_endpoint=bool(settings.gtts_endpoint))

    def _transcription(self) -> dict[str, Any]:
        from utils.transcription import models

        settings = self._services.settings
        offers = models.offers(settings)
        missing = next((offer.reason for offer in offers), "No model is offered.")
        reasons = {
            "whisper": _library("faster_whisper") or ("" if any(offer.state != "missing" for offer in offers) else missing),
            "draft": _library("pocketsphinx"),
        }
        wanted = [name for name in reasons if settings.stt_engine in ("auto", name)]
        ok = any(not reasons[name] for name in wanted)
        engines = {name: {"ok": not reason, "reason": reason} for name, reason in reasons.items()}
        found = {offer.name: offer.state for offer in offers}
        reason = "" if ok else "No engine that STT_ENGINE allows can work here."
        return _check(ok, reason, engines=engines, wanted=settings.stt_engine, models=found)

    def _jobs(self) -> dict[str, Any]:
        jobs = self._services.jobs
        if not isinstance(jobs, TellsHealth):
            return _check(True, "")
        try:
            health = jobs.health()
        except (AppError, OSError) as exc:
            return _check(False, f"The open work cannot be read ({type(exc).__name__}).")
        reason = "" if health.ok else "The queue does not answer, or a pool of workers that is wanted has none."
        return _check(health.ok, reason, **{name: value for name, value in health.as_dict().items() if name != "ok"})

    def _live(self) -> dict[str, Any]:
        """Places for recordings with captions; that all are taken is no failure."""
        try:
            places = live_places.places(self._services)
        except (AppError, OSError) as exc:
            return _check(False, f"The open recordings cannot be read ({type(exc).__name__}).", places=0, open=0)
        return _check(True, "", **places)

    def _disk(self) -> dict[str, Any]:
        outputs = self._services.sessions.outputs
        try:
            free = shutil.disk_usage(outputs).free
        except OSError as exc:
            return _check(False, f"The outputs folder cannot be read ({type(exc).__name__}).", free_bytes=0, writable=False)
        writable = os.access(outputs, os.W_OK | os.X_OK)
        reason = "" if writable else "The outputs folder cannot be written."
        if not reason and free < LEAST_FREE_BYTES:
            reason = f"Less than {size(LEAST_FREE_BYTES)} are free in the outputs folder."
        return _check(not reason, reason, free_bytes=free, writable=writable)


def _check(ok: bool, reason: str, **facts: Any) -> dict[str, Any]:
    return {"ok": ok, "reason": reason, **facts}


def _library(module: str) -> str:
    """Why a library cannot be used, or "". It is only looked for, not imported: that takes seconds."""
    return "" if importlib.util.find_spec(module) else f"The library {module} is not installed."


def _sound() -> dict[str, Any]:
    """The library that decodes and encodes. Loaded here for the first time, so never at the start."""
    try:
        import av
    except ImportError as exc:
        return _check(False, f"The sound library cannot be loaded ({type(exc).__name__}).", ffmpeg="", library="")
    return _check(True, "", ffmpeg=str(av.ffmpeg_version_info), library=av.__version__)


def _descriptors() -> dict[str, Any]:
    seen = descriptors.count()
    full = bool(seen.limit and seen.used and seen.used > MOST_DESCRIPTORS_USED * seen.limit)
    reason = "Nearly all file descriptors are in use; raise the limit (ulimit -n, LimitNOFILE)." if full else ""
    return _check(not full, reason, limit=seen.limit, used=seen.used)
