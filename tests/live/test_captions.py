"""Captions over the real socket: words while somebody speaks, a better text at the end, each to their own session."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from tests.api.served import Served, served
from tests.jobs.rig import until
from tests.live.speaking import Speaker, chunks_of, speaking, token_of
from tests.live.webm import webm
from utils.transcription.engines.whisper_selftest import CLIP

MODEL = Path(__file__).resolve().parents[1] / "assets" / "micro-whisper"
WORDS = {"turn", "on", "the", "light", "in", "kitchen"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"WHISPER_MODEL": str(MODEL), "STT_ENGINE": "whisper", "LIVE_WORKERS": "2"}
    with served(tmp_path_factory.mktemp("captions"), **settings) as found:
        yield found


def clip(rate_hz: int = 16_000) -> bytes:
    """The sentence of the self-test, and a second and a half of silence."""
    with wave.open(str(CLIP)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    samples = np.concatenate([samples, np.zeros(24_000)])
    places = np.arange(round(len(samples) * rate_hz / 16_000)) * (16_000 / rate_hz)
    return bytes(np.interp(places, np.arange(len(samples)), samples).astype("<i2").tobytes())


def heard(text: str) -> set[str]:
    return {word.strip(".,!?").lower() for word in text.split()}


def speak(speaker: Speaker, data: bytes, rate_hz: int) -> None:
    """As fast as somebody speaks."""
    for seq, chunk in enumerate(chunks_of(data, rate_hz // 5 * 2)):
        speaker.send(seq, chunk)
        time.sleep(0.2)


def recorded(server: Served, token: str, rate_hz: int, told: dict[str, Any], may_stop: Event) -> None:
    """One recording from its begin to its text; `told` gets all events."""
    with speaking(server.url) as speaker:
        speaker.say("start", sample_rate=rate_hz, language="en", token=token, title="Kitchen")
        told["item_id"] = speaker.until("status")["item_id"]
        speak(speaker, clip(rate_hz), rate_hz)
        while "kitchen" not in (text := told.get("live", "")):
            event = speaker.until("words", 60)
            told["live"] = text + event["committed"]
        with speaking(server.url) as viewer:
            viewer.say("watch", item_id=told["item_id"], token=token)
            told["seen"] = viewer.until("words")["committed"]
        may_stop.wait(60)
        speaker.say("stop")
        told["final"] = speaker.until("final", 60)["text"]
        told["last"] = speaker.until("status")["status"]


def test_captions_come_while_two_people_speak_and_each_gets_their_own(server: Served) -> None:
    told: list[dict[str, Any]] = [{}, {}]
    may_stop = Event()  # when a third was there beside the two
    with server.client() as client:
        tokens = [token_of(client), token_of(client)]
        pairs = zip(tokens, (16_000, 48_000), told, strict=True)
        threads = [Thread(target=recorded, args=(server, *pair, may_stop)) for pair in pairs]
        for thread in threads:
            thread.start()
        token = token_of(client)
        until(lambda: all("item_id" in found for found in told), 60)
        with speaking(server.url) as third:
            third.say("start", sample_rate=16_000, token=token)
            refused = third.until("error")
            assert (refused["code"], "for 2 at one time (LIVE_WORKERS)" in refused["detail"]) == ("too_many", True)
            assert third.closed()[0] == 1013
        may_stop.set()
        for thread in threads:
            thread.join()
        for token, found in zip(tokens, told, strict=True):
            assert found["seen"] == found["live"]
            assert heard(found["live"]) >= {"light", "kitchen"}, found
            assert heard(found["final"]) >= {"light", "kitchen"}
            assert found["last"] == "complete"
            headers = {"Authorization": f"Bearer {token}"}
            item = client.get(f"/api/v1/items/{found['item_id']}", headers=headers).json()
            roles = {file["name"]: file["role"] for file in item["files"]}
            assert (item["kind"], item["title"]) == ("transcript", "Kitchen")
            assert roles["transcript.json"] == "transcript" and roles["recording.wav"] == "source"
            assert roles["captions.srt"] == roles["captions.txt"] == "captions" and roles["listen.mp3"] == "audio"
            for name in ("files/recording.wav", "transcript.srt", "transcript.txt", "files/captions.srt", "files/captions.txt"):
                answer = client.get(f"/api/v1/items/{found['item_id']}/{name}", headers=headers)
                assert answer.status_code == 200 and (b"kitchen" in answer.content or answer.content[:4] == b"RIFF"), name
            assert client.get("/api/v1/session/info", headers=headers).json()["status"] == "complete"


def test_captions_of_a_browsers_own_recorder(server: Served) -> None:
    with server.client() as client:
        token = token_of(client)
    with server.client() as client, speaking(server.url) as speaker:
        speaker.say("start", sample_rate=48_000, format="webm", language="en", token=token, transcript=False)
        item_id = speaker.until("status")["item_id"]
        for seq, chunk in enumerate(chunks_of(webm(clip(48_000)), 2_000)):
            speaker.send(seq, chunk)
            time.sleep(0.1)
        while not heard(speaker.until("words", 60)["committed"]) & WORDS:  # before the end
            continue
        speaker.say("stop")
        speaker.until("final", 60)
        item = client.get(f"/api/v1/items/{item_id}", headers={"Authorization": f"Bearer {token}"}).json()
    assert item["result"]["seconds"] == pytest.approx(4.59, abs=0.1)
    assert {file["name"] for file in item["files"]} >= {"recording.wav", "captions.srt"}
