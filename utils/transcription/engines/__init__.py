"""The transcription engines that come with Sotto, and which one does a job. A new one is a module here and a line in `build`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from utils.errors import BadInput, EngineUnreachable
from utils.transcription.contract import TranscriptionEngine, TranscriptionRequest

if TYPE_CHECKING:
    from utils.settings import Settings

HINT = "Install a Whisper model such as base or small, or choose what the draft engine can do."


def build(settings: Settings, *, live: bool = False) -> dict[str, TranscriptionEngine]:
    """The engines that the setting STT_ENGINE allows, by name, in the order in which `auto` tries them; call once a process.

    `draft` leaves Whisper out, so that no model is ever fetched. Their libraries load on first use.

    Args:
        settings: The server's.
        live: For captions: several short decodings at once instead of one long one.
    """
    from utils.transcription.engines.draft import DraftEngine
    from utils.transcription.engines.voice import Voice
    from utils.transcription.engines.whisper import WhisperEngine, live_lanes

    voice = Voice()
    engines: list[TranscriptionEngine] = [DraftEngine(voice=voice)]
    if settings.stt_engine != "draft":
        engines.insert(0, WhisperEngine(settings, voice=voice, lanes=live_lanes() if live else None))
    return {engine.name: engine for engine in engines}


def choose(
    engines: Mapping[str, TranscriptionEngine], settings: Settings, request: TranscriptionRequest
) -> tuple[TranscriptionEngine, str]:
    """The engine for a request, and why it is not the first choice ("" if it is).

    Somebody who asks for an engine gets that engine or its error, and so does a server that is set to one. Under `auto` Whisper is
    the first choice and the draft engine the second.

    Raises:
        BadInput: There is no such engine here.
        EngineUnreachable: No engine can do it; the sentence names each one's reason.
    """
    asked = request.engine if request.engine != "auto" else settings.stt_engine
    if asked != "auto":
        engine = engines.get(asked)
        if engine is None:
            raise BadInput(f"There is no engine “{asked[:20]}” here.", "Choose one of " + ", ".join(("auto", *engines)) + ".")
        if problem := engine.problem(request):
            raise EngineUnreachable(problem, HINT)
        return engine, ""
    problems: list[str] = []
    for engine in engines.values():
        problem = engine.problem(request)
        if not problem:
            return engine, problems[0] if problems else ""
        problems.append(problem)
    raise EngineUnreachable(" ".join(problems) or "No transcription engine is installed.", HINT)
