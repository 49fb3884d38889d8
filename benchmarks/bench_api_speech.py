"""OpenAI's route for speech: one sentence against the engine called in place, and how soon a long text begins to sound."""

from __future__ import annotations

import http.client
import io
import json
import os
import statistics
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from benchmarks.figure import Figure
from benchmarks.local_run import LocalRun
from benchmarks.rig import Server, scratch_folder, server
from tests.speech.prose import prose
from utils.settings import Settings
from utils.speech.choose import Choice, Chooser
from utils.speech.contract import SpeechRequest
from utils.speech.engines import build
from utils.speech.streaming import Saying, say

ROUNDS, WARM_UP = 40, 4
LONG_ROUNDS, LONG_CHARS = 12, 5_000
VOICE = "espeak:en-us"
GAP_S = 0.05  # between two requests, so that the end of one is not the beginning of the next


class Sink:
    """An outlet that keeps nothing."""

    def begin(self, choice: Choice) -> BinaryIO:
        """Somewhere to write to."""
        return io.BytesIO()

    def take(self, choice: Choice, built: Path) -> None:
        """Read it once, as whoever sends it would."""
        built.read_bytes()


def run() -> list[Figure]:
    """Take turns: once over the route of a running server, once in place."""
    with scratch_folder() as folder, server(folder / "outputs", env={"TRANSCRIBE_WORKERS": "0"}, log=folder / "log") as running:
        settings = Settings(outputs_dir=folder / "own", tts_engine="espeak")
        chooser = Chooser(build(settings), default="espeak")
        client = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=60)
        routed, in_place, firsts, wholes = [], [], [], []
        for number in range(ROUNDS + WARM_UP):
            text = f"Good morning, this is number {number}."  # each is another one: nothing is taken from a cache
            routed.append(_asked(client, text)[1])
            time.sleep(GAP_S)
            began = time.perf_counter()
            say(
                SpeechRequest(text, language="en-US", engine="espeak", voice=VOICE, format="mp3"),
                Saying(),
                chooser=chooser,
                folder=folder,
                outlet=Sink(),
                run=LocalRun(),
                max_chars=settings.max_text_chars,
            )
            in_place.append(time.perf_counter() - began)
            time.sleep(GAP_S)
        for number in range(LONG_ROUNDS + 1):
            first, whole = _asked(client, prose(LONG_CHARS - 1, seed=number + 1))
            firsts.append(first)
            wholes.append(whole)
        client.close()
        memory = _after(running)
    route_ms, place_ms = (statistics.median(times[WARM_UP:]) * 1000 for times in (routed, in_place))
    load = f"load {os.getloadavg()[0]:.1f}"
    long = [first * 1000 for first in firsts[1:]]
    detail = f"median of {LONG_ROUNDS}, {min(long):.0f} to {max(long):.0f} ms; whole {statistics.median(wholes[1:]):.2f} s, {load}"
    return [
        Figure(
            "/v1/audio/speech of one sentence beyond the engine in place, median",
            route_ms - place_ms,
            15,
            unit=" ms",
            detail=f"{route_ms:.1f} against {place_ms:.1f} ms, MP3, {ROUNDS} in turn, {load}; {memory}",
        ),
        Figure("first byte of 5,000 characters by eSpeak", statistics.median(long), 300, unit=" ms", detail=detail),
    ]


def _asked(client: http.client.HTTPConnection, text: str) -> tuple[float, float]:
    """Seconds to the first byte of sound and to the last. Raises RuntimeError when there is none."""
    body = json.dumps({"model": "tts-1", "voice": VOICE, "input": text, "response_format": "mp3"})
    began = time.perf_counter()
    client.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
    answer = client.getresponse()
    if answer.status != 200 or not answer.read(1):
        raise RuntimeError(f"{answer.status} {answer.read()!r}")
    first = time.perf_counter() - began
    answer.read()
    return first, time.perf_counter() - began


def _after(running: Server) -> str:
    return f"server {running.rss_mb():.0f} MB afterwards"
