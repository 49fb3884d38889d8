"""The Whisper engine: faster-whisper on arrays of samples, loaded in the worker process only, on first use.

Before a model is used its self-test must pass, see `whisper_selftest`. A graphics card that fails it is left alone, and the CPU
takes over with int8 weights; the reason stands in `ModelInfo.note`. Models without users are unloaded after MODEL_IDLE_MINUTES,
and at once when another model is wanted.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from utils import heap
from utils.errors import BadInput, ModelUnavailable
from utils.settings import Settings
from utils.transcription import models
from utils.transcription.contract import Decoding, TranscriptionRequest
from utils.transcription.engines import whisper_selftest as selftest
from utils.transcription.engines.hub import Hub, fetch
from utils.transcription.engines.voice import Voice
from utils.transcription.engines.whisper_decoding import Loaded, WhisperDecoding
from utils.transcription.engines.whisper_library import FasterWhisper, Library
from utils.transcription.engines.whisper_loading import load
from utils.transcription.holder import Holder, Later, later

MOST_THREADS = 16  # CTranslate2 gains little from more on one call
LIVE_CALLS = 4  # more calls at once take turns
UNLOAD_TRIES, UNLOAD_PAUSE_S = 100, 0.02
log = logging.getLogger(__name__)


class WhisperEngine:
    """A TranscriptionEngine, see `contract`. One for a process, used by several threads."""

    name = "whisper"

    def __init__(
        self,
        settings: Settings,
        *,
        library: Library | None = None,
        voice: Voice | None = None,
        hub: Hub | None = None,
        cache: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        call_later: Later = later,
        lanes: tuple[int, int] | None = None,
    ) -> None:
        """Cheap: nothing is loaded or looked up.

        Args:
            settings: Model, device, batch size, idle time.
            library: faster-whisper; tests give one that records the calls.
            voice: The voice detector, shared with other engines.
            hub: Knows whether the model hub can be reached.
            cache: The hub's cache; None = where its library looks.
            clock: Seconds, monotonic.
            call_later: How to be woken for unloading.
            lanes: Calls at once, and CPU threads for each; None = as TRANSCRIBE_WORKERS says.
        """
        self._settings = settings
        self._library = library or FasterWhisper()
        self._voice = voice or Voice()
        self._hub = hub or Hub(clock=clock)
        self._cache = cache
        self._clock, self._call_later = clock, call_later
        self._lanes = lanes or (max(1, settings.transcribe_workers), threads(settings))
        self._lock = threading.Lock()
        self._fetching = threading.Lock()
        self._holders: dict[Path, Holder[Loaded]] = {}
        self._short: dict[Path, bool] = {}

    def problem(self, request: TranscriptionRequest) -> str:
        """Why it cannot do it, one sentence, or ""; asks the hub for a model that is not here, but not twice within a minute."""
        try:
            offer = models.offer_of(request.model, self._settings, self._cache)
        except BadInput as exc:
            return exc.sentence
        if offer.state != "fetchable":
            return offer.reason
        return self._hub.problem(models.source(offer.name, self._settings))

    def open(self, request: TranscriptionRequest, *, note: Callable[[str], None], check: Callable[[], None]) -> Decoding:
        """Fetch and load the model if need be, and begin a job; see `contract`."""
        offer = models.offer_of(request.model, self._settings, self._cache)
        models.check_request(replace(request, prompt="", hotwords=""), offer)  # hints are counted exactly, by the loaded model
        folder = self._folder(offer, note, check)
        check()
        holder = self._holder(folder, offer.name)
        if not holder.loaded:
            note(f"Loading the model {offer.label}.")
        loaded = holder.take()
        try:
            note("")
            self._check_exactly(request, loaded)
            return WhisperDecoding(
                self._library,
                loaded,
                self._voice,
                request,
                batch_size=self._settings.whisper_batch_size,
                on_close=partial(done, holder),
                short=request.short and self._bears_short(folder, loaded),
            )
        except BaseException:
            holder.give_back()
            raise

    def unload(self) -> None:
        """Unload every model that nobody uses."""
        for holder in self._all():
            holder.drop()

    def _folder(self, offer: models.Offer, note: Callable[[str], None], check: Callable[[], None]) -> Path:
        """Where the model lies, after fetching it if need be. Threads that want one at the same time wait for each other."""
        folder = models.find(offer.name, self._settings, self._cache)
        if folder is not None:
            return folder
        if offer.state == "missing":
            raise ModelUnavailable(offer.reason, models.INSTALL_HINT)
        while not self._fetching.acquire(timeout=0.2):
            check()
        try:
            folder = models.find(offer.name, self._settings, self._cache)
            if folder is None:
                folder = fetch(offer.name, self._settings, note=note, check=check, cache=self._cache)
            return folder
        except ModelUnavailable as exc:
            self._hub.failed(models.source(offer.name, self._settings), exc.sentence)
            raise
        finally:
            self._fetching.release()

    def _holder(self, folder: Path, name: str) -> Holder[Loaded]:
        """The one for this folder; models that nobody uses make room for a new one."""
        with self._lock:
            holder = self._holders.get(folder)
            if holder is None:
                holder = self._holders[folder] = Holder(
                    partial(self._load, folder, name),
                    unload,
                    lambda loaded: loaded.model.model.load_model(),
                    idle_s=self._settings.model_idle_minutes * 60,
                    clock=self._clock,
                    call_later=self._call_later,
                )
        for other in self._all():
            if other is not holder:
                other.drop()
        return holder

    def _all(self) -> list[Holder[Loaded]]:
        with self._lock:
            return list(self._holders.values())

    def _load(self, folder: Path, name: str) -> Loaded:
        workers, each = self._lanes
        return load(self._library, folder, name, self._settings, threads=each, workers=workers)

    def _bears_short(self, folder: Path, loaded: Loaded) -> bool:
        """Whether the model hears the clip of the self-test in a short window exactly as in a long one; tried once."""
        with self._lock:
            known = self._short.get(folder)
        if known is None:
            try:
                short, whole = selftest.heard_in_short(self._library, loaded.model), selftest.heard(self._library, loaded.model)
                known = selftest.likeness(short, whole) == selftest.likeness(whole, short) == 1.0
            except (RuntimeError, ValueError):  # what CTranslate2 raises for sizes that it does not take
                known = False
            log.info("event=whisper_short_windows model=%s bears=%s", folder.name, known)
            with self._lock:
                self._short[folder] = known
        return known

    def _check_exactly(self, request: TranscriptionRequest, loaded: Loaded) -> None:
        """What only the loaded model can tell: its languages, and how many tokens the hints have."""
        models.check_request(replace(request, prompt="", hotwords=""), loaded.info)
        if request.language and request.language not in loaded.info.languages:
            raise BadInput(
                f"The model {loaded.info.name} does not know the language “{request.language[:12]}”.", "Choose another one."
            )
        tokenizer = loaded.model.hf_tokenizer
        hints = (" " + text.strip() for text in (request.prompt, request.hotwords) if text.strip())
        if sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in hints) > models.MAX_HINT_TOKENS:
            raise models.too_many_hints()


def done(holder: Holder[Loaded]) -> None:
    """A job needs the model no more; the last one leaves only the weights in memory."""
    holder.give_back()
    if not holder.users:
        heap.give_back()


def unload(loaded: Loaded) -> None:
    """Free the weights. CTranslate2 does nothing while its worker threads still count the last call, which may last a moment."""
    for _ in range(UNLOAD_TRIES):
        loaded.model.model.unload_model()
        if not loaded.model.model.model_is_loaded:
            heap.give_back()
            return
        time.sleep(UNLOAD_PAUSE_S)
    log.warning("a model without users could not be unloaded")


def threads(settings: Settings, environ: dict[str, str] | None = None) -> int:
    """CPU threads for one call: this machine's cores shared by the transcriptions that run at once; 0 = as OMP_NUM_THREADS says."""
    if "OMP_NUM_THREADS" in (os.environ if environ is None else environ):
        return 0
    return max(1, min(MOST_THREADS, _cores() // max(1, settings.transcribe_workers)))


def live_lanes(cores: int | None = None, environ: dict[str, str] | None = None) -> tuple[int, int]:
    """Calls at once for captions, and CPU threads for each: twice as many threads as there are cores.

    Measured on two busy cores, in decodings a second for 1, 2 and 4 callers, medians of six rounds: two calls of two threads 5.4,
    7.1, 6.2; one call of two threads 4.3, 4.4, 5.3; two calls of one thread 3.0, 3.7, 3.1.
    """
    count = cores or _cores()
    calls = min(LIVE_CALLS, count)
    if "OMP_NUM_THREADS" in (os.environ if environ is None else environ):
        return calls, 0
    return calls, max(1, min(MOST_THREADS, count, 2 * count // calls))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
