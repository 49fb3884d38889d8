"""Engines tried out on a few words, for the operator: does each of them really work here, and if not, why?"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from utils.errors import AppError
from utils.jobs.supervise import ROOT, environment
from utils.services import Services
from utils.speech import voices
from utils.speech.contract import Part, PieceCache, Prosody, SpeechEngine
from utils.transcription import models
from utils.transcription.engines.whisper_selftest import ENOUGH, SENTENCE, likeness

TEXT = "Good morning."
LANGUAGE = "en-US"
TRIAL = (sys.executable, "-m", "utils.transcription.trial")
TRIAL_S = 300.0  # a large model on a slow disk takes its time to load


@dataclass(frozen=True)
class Outcome:
    """How an engine did.

    Attributes:
        engine: Its name for people.
        ok: It worked.
        told: What it did, or why it did not, one sentence.
        seconds: How long that took.
    """

    engine: str
    ok: bool
    told: str
    seconds: float


class _NoCache:
    """Nothing is kept of a test, and nothing remembered answers for an engine."""

    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, data: bytes) -> None:
        return None


class _Trial:
    """The run of a test: it is never stopped and nobody watches."""

    session_id = ""
    cache: PieceCache = _NoCache()

    def progress(self, done: float, total: float) -> None:
        return None

    def note(self, sentence: str) -> None:
        return None


def speech(services: Services) -> list[Outcome]:
    """Let every speech engine of this server speak two words. Google's engine asks Google."""
    return [_speak(engine) for engine in services.engines.values()]


def _speak(engine: SpeechEngine) -> Outcome:
    began = time.monotonic()
    try:
        voice = voices.default(engine.name, LANGUAGE, None)
        with tempfile.TemporaryFile() as out:  # our own two words, nobody's
            spoken = engine.speak([Part(TEXT)], voice, Prosody(), out, _Trial())
    except AppError as error:
        return Outcome(engine.label, False, f"{error.sentence} {error.hint}".strip(), time.monotonic() - began)
    sound_s = spoken.sample_count / spoken.rate_hz
    return Outcome(engine.label, True, f"Spoke two words, {sound_s:.1f} s of sound.", time.monotonic() - began)


def recognisers(services: Services) -> list[tuple[str, str]]:
    """Name and state of each recogniser that this server has or could have; nothing is loaded."""
    told = {"here": "is here", "fetchable": "is fetched on first use"}
    wanted = services.settings.stt_engine
    found = [(offer.label, told.get(offer.state) or offer.reason) for offer in models.offers(services.settings)]
    return [*([] if wanted == "draft" else found), ("PocketSphinx", "is built in, for drafts in English")]


def transcription(services: Services) -> list[Outcome]:
    """Let every recogniser whose model is here hear the clip that comes with Sotto; each in a process of its own."""
    wanted = services.settings.stt_engine
    here = [offer for offer in models.offers(services.settings) if offer.state == "here" and wanted != "draft"]
    tries = [(offer.label, "whisper", offer.name) for offer in here]
    tries.append(("PocketSphinx", "draft", ""))
    return [_hear(services, *each) for each in tries]


def _hear(services: Services, label: str, engine: str, model: str) -> Outcome:
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - our own module, by our own interpreter
            [*TRIAL, engine, model], cwd=ROOT, env=environment(services.settings), capture_output=True, timeout=TRIAL_S, check=False
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Outcome(label, False, f"It did not answer within {TRIAL_S:g} s.", time.monotonic() - began)
    except (OSError, ValueError, IndexError):
        return Outcome(label, False, "Its process ended without an answer.", time.monotonic() - began)
    took_s = time.monotonic() - began
    if "sentence" in found:
        return Outcome(label, False, f"{found['sentence']} {found['hint']}".strip(), took_s)
    text = str(found.get("text", ""))
    told = f"Heard “{text}”, said was “{SENTENCE}” {found.get('note') or ''}".strip()
    # The draft recogniser hears synthetic speech badly: that it hears words at all is what can be asked of it.
    ok = bool(text.split()) if engine == "draft" else likeness(text) >= ENOUGH
    return Outcome(label, ok, told, took_s)
