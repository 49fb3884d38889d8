"""Google's engine against the library's own way, with a stand-in server on loopback."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.local_run import LocalRun
from benchmarks.rig import scratch_folder
from tests.fakes.google import FakeGoogle
from tests.speech.prose import prose
from utils.speech import plan, voices
from utils.speech.contract import Prosody, SpeechRequest, Spoken
from utils.speech.engines.gtts_engine import GttsEngine
from utils.speech.engines.gtts_governor import Governor

WORKERS = 3
UNLIMITED = 1000.0  # requests a second: the governor is not what is measured
ANSWER_AFTER_S = 0.2


def run() -> list[Figure]:
    """Requests for a long text, and the time for a page."""
    return [*_requests(), _speed()]


def _engine(url: str) -> GttsEngine:
    return GttsEngine(Governor(UNLIMITED, WORKERS), workers=WORKERS, endpoint=url)


def _speak(engine: GttsEngine, text: str, path: Path, run: LocalRun) -> Spoken:
    parts = plan.plan(SpeechRequest(text, engine="gtts")).parts
    with path.open("w+b") as out:
        return engine.speak(parts, voices.default("gtts", "en-US", None), Prosody(), out, run)


def _requests() -> list[Figure]:
    from gtts import gTTS

    text = prose(100_000)
    plain = len(gTTS(text)._tokenize(text))
    with scratch_folder() as folder, FakeGoogle() as google:
        engine, run = _engine(google.url), LocalRun()
        first = _speak(engine, text, folder / "a.pcm", run)
        again = _speak(engine, text, folder / "b.pcm", run)
        same = (folder / "a.pcm").read_bytes() == (folder / "b.pcm").read_bytes()
        engine.close()
    if not same:
        raise RuntimeError("the cached speech differs from the first one")
    detail = f"plain gTTS: {plain:,}; {first.sample_count / first.rate_hz / 3600:.1f} h of sound"
    return [
        Figure("gTTS requests for 100,000 characters of prose", first.requests, 1100, detail=detail),
        Figure("the same again, from the session's cache", again.requests, 0, detail=f"{again.cached:,} pieces, sound equal"),
    ]


def _speed() -> Figure:
    import gtts.tts
    from gtts import gTTS

    text = prose(5_000, seed=2)
    with scratch_folder() as folder, FakeGoogle() as google:
        _speak(_engine(google.url), "Warm up.", folder / "w.pcm", LocalRun())
        google.delay_s = ANSWER_AFTER_S
        began = time.perf_counter()
        _speak(_engine(google.url), text, folder / "a.pcm", LocalRun())
        ours_s = time.perf_counter() - began
        original = gtts.tts._translate_url
        gtts.tts._translate_url = lambda tld="com", path="": f"{google.url}/{path}"
        try:
            began = time.perf_counter()
            gTTS(text).save(str(folder / "plain.mp3"))
            plain_s = time.perf_counter() - began
        finally:
            gtts.tts._translate_url = original
    detail = f"{ours_s:.1f} against {plain_s:.1f} s; the server answers after 200 ms, {WORKERS} workers"
    return Figure("gTTS page of 5,000 characters against the library's own loop", plain_s / ours_s, 2.5, False, " x", detail)
