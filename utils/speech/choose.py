"""Which engine speaks: what was asked for decides, else the setting, else the first that can.

Somebody who asks for an engine, or for a voice of it, gets that engine or its error. Under `auto` the next engine takes over when
one cannot be reached, blocks us, or does not give sound that fits; the reason is kept for the item and the page. An engine that
could not be reached or blocked us is left out for a while, so that only one speech pays for finding it out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from utils.errors import EngineBusy, EngineError, EngineRefused, EngineUnreachable, UnknownVoice
from utils.speech import voices
from utils.speech.contract import SpeechEngine, SpeechRequest, Voice

REMEMBER_S = 60.0


@dataclass(frozen=True)
class Choice:
    """An engine with the voice it would speak with.

    Attributes:
        engine: The engine.
        voice: One of its voices.
        reason: Why an engine before it does not speak ("Google could not be reached"), or empty.
    """

    engine: SpeechEngine
    voice: Voice
    reason: str = ""


class Chooser:
    """Puts engines in order for requests, and remembers which ones failed lately. Thread-safe; one for a process."""

    def __init__(
        self,
        engines: Mapping[str, SpeechEngine],
        default: str = "auto",
        *,
        clock: Callable[[], float] = time.monotonic,
        remember_s: float = REMEMBER_S,
        on_away: Callable[[str], None] = lambda engine: None,
    ) -> None:
        """Engines in the order in which `auto` tries them.

        Args:
            engines: By name.
            default: The setting TTS_ENGINE: `auto`, or the engine for requests that name none.
            clock: Seconds, monotonic.
            remember_s: How long an engine that could not be reached is left out.
            on_away: Told the name of an engine that could not be reached.
        """
        self._engines = engines
        self._default = default
        self._clock = clock
        self._remember_s = remember_s
        self._on_away = on_away
        self._failed: dict[str, tuple[float, str]] = {}  # engine -> until when, why
        self._lock = threading.Lock()

    def choices(self, request: SpeechRequest) -> list[Choice]:
        """The engines to try, in order; at least one. More than one only where a fallback is allowed.

        Raises:
            UnknownVoice: No engine that may speak has a voice for this.
            EngineUnreachable: The engine that was asked for cannot work on this machine.
        """
        asked = voices.find(request.voice).engine if request.voice else request.engine
        if asked != "auto":
            return [self._asked(asked, request)]
        if self._default != "auto":
            return [self._preferred(request)]
        fresh: list[Choice] = []
        stale: list[Choice] = []  # failed lately
        reasons: list[str] = []
        for engine in self._engines.values():
            voice, hindrance = _voice_of(engine, request)
            if voice is not None:
                failed = self._failed_lately(engine.name)
                choice = Choice(engine, voice, reasons[0] if reasons and not fresh else "")
                (stale if failed else fresh).append(choice)
                hindrance = failed
            if hindrance:
                reasons.append(hindrance)
        if not (fresh or stale):
            raise _nobody(reasons)
        return fresh or stale

    def failed(self, choice: Choice, error: EngineError) -> str:
        """Note that an engine failed.

        Returns:
            The reason for people: "Google could not be reached".
        """
        label = label_of(choice.engine)
        if isinstance(error, EngineUnreachable):
            reason = f"{label} could not be reached"
            self._on_away(choice.engine.name)
        elif isinstance(error, EngineBusy):
            reason = f"{label} asked for a pause"
        elif isinstance(error, EngineRefused):
            reason = f"{label} sent no sound that fits the text"
        else:
            reason = f"{label} failed"
        if isinstance(error, EngineUnreachable | EngineBusy):
            with self._lock:
                self._failed[choice.engine.name] = (self._clock() + self._remember_s, reason)
        return reason

    def _asked(self, name: str, request: SpeechRequest) -> Choice:
        """The engine that somebody named; no other will do."""
        engine = self._engines.get(name)
        if engine is None:
            raise UnknownVoice(
                f"There is no engine {name[:20]!r} here.", "Choose one of " + ", ".join(("auto", *self._engines)) + "."
            )
        voice = voices.find(request.voice) if request.voice else voices.default(name, request.language, request.accent)
        if missing := engine.available():
            raise EngineUnreachable(missing, "Choose another engine.")
        return Choice(engine, voice)

    def _preferred(self, request: SpeechRequest) -> Choice:
        """The engine of the setting; another one only for a language that it has no voice for, or when it cannot work here."""
        reasons: list[str] = []
        for engine in sorted(self._engines.values(), key=lambda engine: engine.name != self._default):
            voice, hindrance = _voice_of(engine, request)
            if voice is not None:
                return Choice(engine, voice, reasons[0] if reasons else "")
            reasons.append(hindrance)
        raise _nobody(reasons)

    def _failed_lately(self, name: str) -> str:
        """Why the engine is left out for now, or empty."""
        with self._lock:
            until, reason = self._failed.get(name, (0.0, ""))
            return reason if self._clock() < until else ""


def label_of(engine: SpeechEngine) -> str:
    """Short name of an engine for people: "Google"."""
    return voices.LABELS.get(engine.name, engine.label)


def _voice_of(engine: SpeechEngine, request: SpeechRequest) -> tuple[Voice | None, str]:
    """The engine's voice for a request that names none, or None and the reason."""
    if missing := engine.available():
        return None, missing.rstrip(".")
    try:
        return voices.default(engine.name, request.language, request.accent), ""
    except UnknownVoice as exc:
        return None, exc.sentence.rstrip(".")


def _nobody(reasons: list[str]) -> UnknownVoice:
    return UnknownVoice(f"Nobody here can speak this: {'; '.join(reasons)}.", "Choose another language, accent or engine.")
