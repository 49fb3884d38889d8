"""Recordings over the real socket of a real server: on disk before acknowledged, finished by jobs, nothing lost or doubled."""

from __future__ import annotations

import json
import time
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.served import Served, served
from tests.live.speaking import Speaker, chunks_of, sound, speaking, token_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("live"), STT_ENGINE="draft", LIVE_WORKERS="2") as found:
        yield found


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def token(client: httpx.Client) -> str:
    token = token_of(client)
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {token}"
    return token


def begin(speaker: Speaker, token: str, **fields: Any) -> str:
    speaker.say("start", **{"sample_rate": 16_000, "token": token, "captions": False, "transcript": False, **fields})
    status = speaker.until("status")
    assert status["status"] == "recording"
    return str(status["item_id"])


def item_of(client: httpx.Client, item_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/items/{item_id}").json()
    return found


def samples_of(client: httpx.Client, item_id: str, name: str = "recording.wav") -> bytes:
    answer = client.get(f"/api/v1/items/{item_id}/files/{name}")
    assert answer.status_code == 200, answer.text
    with wave.open(BytesIO(answer.content)) as file:
        return file.readframes(file.getnframes())


def test_recording_from_start_to_wav(server: Served, client: httpx.Client, token: str) -> None:
    data = sound(2.0)
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token, title="Meeting")
        for seq, chunk in enumerate(chunks_of(data)):
            speaker.send(seq, chunk)
        speaker.acked(len(chunks_of(data)) - 1)
        home = next(server.outputs.glob(f"*/single/{item_id}"))
        assert (home / "sound.pcm").read_bytes() == data
        assert client.get("/api/v1/session/info").json()["status"] == "recording"
        speaker.say("stop")
        assert speaker.until("status")["status"] == "processing"
        assert speaker.until("final")["item_id"] == item_id
        assert speaker.until("status")["status"] == "complete"
    assert samples_of(client, item_id) == data
    item = item_of(client, item_id)
    assert (item["kind"], item["title"]) == ("recording", "Meeting")
    assert [file["name"] for file in item["files"]] == ["listen.mp3", "recording.wav", "player.json"]
    assert client.get("/api/v1/session/info").json()["status"] == "complete"
    assert not list(server.outputs.glob(".live/*")) and not list(server.outputs.glob(".open/*~*"))
