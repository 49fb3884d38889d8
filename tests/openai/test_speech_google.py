"""Google's voices below /v1: heard before the last piece is fetched, no piece is kept, and eSpeak where Google does not speak."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from tests.api.served import served
from tests.fakes.google import FakeGoogle
from tests.openai.left import assert_nothing_left

CANARY = "Quokka"
LONG = " ".join(
    f"{CANARY} number {number} went out for a walk in the rain, and nobody in the street saw it." for number in range(12)
)


@pytest.mark.long  # in pieces it is held by the tests of the engine, of streaming and of the store
def test_google_speaks_is_heard_early_and_is_replaced_when_it_fails(tmp_path: Path) -> None:
    last, asked = threading.Event(), {"model": "tts-1", "voice": "fable", "response_format": "mp3"}
    with FakeGoogle() as google:
        google.delay_s = lambda text: 0.0 if "number 11" not in text else (last.wait(60) and 0.0) or 0.0
        settings = {"TTS_ENGINE": "auto", "GTTS_ENDPOINT": google.url, "GTTS_REQUESTS_PER_SECOND": "200", "TRANSCRIBE_WORKERS": "0"}
        with served(tmp_path, **settings) as server, server.client() as http:
            with http.stream("POST", "/v1/audio/speech", json=asked | {"input": LONG}) as answer:
                assert answer.headers["sotto-voice"] == "gtts:en:co.uk"
                pieces = answer.iter_raw()
                assert next(pieces)  # while Google still keeps the last piece back
                last.set()
                assert sum(map(len, pieces))
            assert_nothing_left(server.outputs, [CANARY])
            before = len(google.asked)
            assert before > 10 and http.post("/v1/audio/speech", json=asked | {"input": LONG[:90]}).status_code == 200
            assert len(google.asked) > before  # nothing was remembered of the same words

            google.fail("noaudio", text="odd")
            with pytest.raises(httpx.RemoteProtocolError):  # in the middle nobody takes over
                http.post("/v1/audio/speech", json=asked | {"input": LONG + " Then something odd happens to all of them."})
            assert http.post("/v1/audio/speech", json=asked | {"model": "gtts", "input": "How odd."}).status_code == 502
            replaced = http.post("/v1/audio/speech", json=asked | {"input": "How odd."})
            assert replaced.status_code == 200 and replaced.headers["sotto-voice"].startswith("espeak:en")
            assert_nothing_left(server.outputs, [CANARY])
