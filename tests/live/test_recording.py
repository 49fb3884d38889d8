"""Recordings over the real socket of a real server: on disk before acknowledged, finished by jobs, nothing lost or doubled."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

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
        return bytes(file.readframes(file.getnframes()))


def test_recording_from_start_to_wav(server: Served, client: httpx.Client, token: str) -> None:
    data = sound(2.0)
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token, title="Meeting")
        for seq, chunk in enumerate(chunks_of(data)):
            speaker.send(seq, chunk)
        speaker.acked(len(chunks_of(data)) - 1)
        with speaking(server.url) as viewer:
            viewer.say("watch", item_id=item_id, token=token)
            seen = viewer.until("status")
            assert (seen["status"], seen["sample_rate"], seen["seconds"]) == ("recording", 16_000, 2.0)
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
    assert not [*server.outputs.glob(f".live/{token[:36]}~*"), *server.outputs.glob(f".open/{token[:36]}~*")]


def test_recording_chunks_as_base64_and_again_and_behind_a_gap(server: Served, client: httpx.Client, token: str) -> None:
    import base64

    data = sound(1.0, seed=2)
    parts = chunks_of(data)
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        speaker.say("audio_chunk", data=base64.b64encode(parts[0]).decode())
        speaker.say("audio_chunk", data=base64.b64encode(parts[1]).decode(), seq=1)
        speaker.acked(1)
        speaker.send(0, parts[0])  # there already: acknowledged again, not stored
        speaker.acked(1)
        speaker.send(4, parts[4])
        assert speaker.until("resend")["from"] == 2
        for seq in range(2, len(parts)):
            speaker.send(seq, parts[seq])
        speaker.acked(len(parts) - 1)
        speaker.say("stop", next_seq=len(parts))
        speaker.until("final")
    assert samples_of(client, item_id) == data


def test_recording_stop_before_all_has_come_asks_for_the_rest(server: Served, client: httpx.Client, token: str) -> None:
    parts = chunks_of(sound(0.5))
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        speaker.send(0, parts[0])
        speaker.say("stop", next_seq=2)
        assert speaker.until("resend")["from"] == 1
        speaker.send(1, parts[1])
        speaker.say("stop", next_seq=2)
        speaker.until("final")
    assert samples_of(client, item_id) == parts[0] + parts[1]


def test_recording_goes_on_after_a_lost_connection(server: Served, client: httpx.Client, token: str) -> None:
    data = sound(3.0, seed=3)
    parts = chunks_of(data)
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        for seq in range(7):
            speaker.send(seq, parts[seq])
        speaker.acked(6)
        speaker.socket.socket.close()  # as when the network goes: no goodbye
    with speaking(server.url) as speaker:
        speaker.say("resume", item_id=item_id, token=token)
        status = speaker.until("status")
        assert (status["status"], status["next_seq"]) == ("recording", 7)
        for seq in range(5, len(parts)):  # two that are there already
            speaker.send(seq, parts[seq])
        speaker.acked(len(parts) - 1)
        speaker.say("stop")
        speaker.until("final")
    assert samples_of(client, item_id) == data


def test_recording_is_taken_over_by_a_second_page(server: Served, client: httpx.Client, token: str) -> None:
    data = sound(1.0, seed=4)
    parts = chunks_of(data)
    with speaking(server.url) as first, speaking(server.url) as second:
        item_id = begin(first, token)
        first.send(0, parts[0])
        first.acked(0)
        second.say("resume", item_id=item_id, token=token)
        assert second.until("status")["next_seq"] == 1
        assert first.until("error")["code"] == "taken_over"
        assert first.closed()[0] == 4001
        for seq in range(1, len(parts)):
            second.send(seq, parts[seq])
        second.say("stop")
        second.until("final")
    assert samples_of(client, item_id) == data


def test_recording_only_one_at_a_time_in_a_session(server: Served, token: str) -> None:
    with speaking(server.url) as first, speaking(server.url) as second:
        item_id = begin(first, token)
        second.say("start", sample_rate=16_000, token=token, captions=False)
        refused = second.until("error")
        assert (refused["code"], refused["item_id"]) == ("conflict", item_id)
        first.send(0, b"\x01\x02")
        first.say("stop")
        first.until("final")
        second.say("start", sample_rate=16_000, captions=False)
        assert second.until("status")["status"] == "recording"


def test_recording_is_not_deleted_while_it_is_open(server: Served, client: httpx.Client, token: str) -> None:
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        assert client.delete(f"/api/v1/items/{item_id}").status_code == 409
        assert client.delete(f"/api/v1/session/{token[:36]}").status_code == 409
        assert client.delete(f"/api/v1/session/{token[:36]}?force=true").status_code == 204
        assert speaker.until("error")["code"] == "gone"
        assert speaker.closed()[0] == 4004
    assert not list(server.outputs.glob(f".live/{token[:36]}~*"))


def test_recording_of_nothing_fails_with_a_sentence(server: Served, client: httpx.Client, token: str) -> None:
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        speaker.say("stop")
        assert "Nothing was recorded" in speaker.until("error")["detail"]
        assert speaker.until("status")["status"] == "error"
    assert client.get(f"/api/v1/jobs/{item_id}").json()["state"] == "failed"
    assert client.get("/api/v1/session/info").json()["status"] == "error"


def test_recording_marks_and_pause_are_kept(server: Served, client: httpx.Client, token: str) -> None:
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token, sample_rate=8_000)
        speaker.send(0, sound(0.5, 8_000))
        speaker.say("mark")
        assert speaker.until("marked")["seconds"] == 0.5
        speaker.say("pause")
        assert speaker.until("status")["paused"] is True
        speaker.say("continue")
        speaker.say("stop")
        speaker.until("final")
    item = item_of(client, item_id)
    assert (item["result"]["marks"], item["result"]["seconds"]) == ([0.5], 0.5)
    facts = json.loads(next(server.outputs.glob(f"*/single/{item_id}/live.json")).read_bytes())
    assert (facts["why"], facts["marks"], facts["sample_rate"]) == ("stop", [0.5], 8_000)


def test_recording_survives_a_disk_that_is_full_for_a_while(server: Served, client: httpx.Client, token: str) -> None:
    import resource

    data = sound(4.0, seed=9)
    parts = chunks_of(data)
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        for seq in range(5):
            speaker.send(seq, parts[seq])
        speaker.acked(4)
        try:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (50_000, before[1]))
            with suppress(ConnectionClosed):  # the server may be quicker
                for seq in range(5, len(parts)):
                    speaker.send(seq, parts[seq])
            told = speaker.until("error")
            assert (told["code"], bool(told["detail"])) == ("store_unavailable", True)
            assert speaker.closed()[0] == 1013
        finally:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
    acked = max(event["seq"] for event in speaker.events if event["event"] == "ack")
    with speaking(server.url) as speaker:
        speaker.say("resume", item_id=item_id, token=token)
        first = speaker.until("status")["next_seq"]
        assert first > acked
        for seq in range(first, len(parts)):
            speaker.send(seq, parts[seq])
        speaker.say("stop", next_seq=len(parts))
        speaker.until("final")
    assert samples_of(client, item_id) == data
