"""Clients that do not keep to the rules: each is told why and let go; what others record is not touched."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.api.served import Served, served
from tests.jobs.rig import until
from tests.live.speaking import Speaker, chunks_of, numbered, sound, speaking, token_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("hostile"), STT_ENGINE="draft", LIVE_WORKERS="0", LIVE_MAX_HOURS="0.01") as found:
        yield found


@pytest.fixture
def token(server: Served) -> str:
    with server.client() as client:
        return token_of(client)


def begin(speaker: Speaker, token: str, **fields: Any) -> str:
    speaker.say("start", **{"sample_rate": 48_000, "token": token, "captions": False, "transcript": False, **fields})
    return str(speaker.until("status")["item_id"])


def too_long(speaker: Speaker) -> None:
    speaker.socket.send(numbered(0, bytes(300_000)))


def text_as_sound(speaker: Speaker) -> None:
    speaker.socket.send("this is no JSON")


def unknown_action(speaker: Speaker) -> None:
    speaker.say("dance")


def half_a_sample(speaker: Speaker) -> None:
    speaker.send(0, b"abc")


def no_sound(speaker: Speaker) -> None:
    speaker.socket.send(b"\0\0\0\0")


def chunk_too_long(speaker: Speaker) -> None:
    speaker.send(0, bytes(64 * 1024 + 2))


def not_base64(speaker: Speaker) -> None:
    speaker.say("audio_chunk", data="***")


def flood(speaker: Speaker) -> None:
    for _ in range(600):
        speaker.say("pause")


def wrong_types(speaker: Speaker) -> None:
    speaker.say("audio_chunk", data=["a"], seq=-1)


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (too_long, 1009),
        (text_as_sound, 1008),
        (unknown_action, 1008),
        (half_a_sample, 1008),
        (no_sound, 1008),
        (chunk_too_long, 1008),
        (not_base64, 1008),
        (flood, 1008),
        (wrong_types, 1008),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_hostile_client_is_told_why_and_let_go(server: Served, token: str, attack: Callable[[Speaker], None], code: int) -> None:
    with speaking(server.url) as speaker:
        begin(speaker, token)
        try:
            attack(speaker)
        except Exception as exc:  # noqa: BLE001 - the server may close while the attack is still being sent
            assert str(code) in str(exc)
        found, reason = speaker.closed()
        assert (found, bool(reason)) == (code, True)
        assert [event for event in speaker.events if event["event"] == "error"]


def test_text_that_is_no_utf8_is_closed_with_1007_and_one_line_in_the_log(server: Served, token: str) -> None:
    with speaking(server.url) as speaker:
        begin(speaker, token)
        speaker.socket.send(b'{"action":"mark","title":"Okapi\xff"}', text=True)
        assert speaker.closed()[0] == 1007
    until(lambda: "Invalid UTF-8" in server.log, 30)
    assert server.log.count("Invalid UTF-8") == 1
    assert "Okapi" not in server.log and "Traceback" not in server.log and "UnicodeDecodeError" not in server.log


@pytest.mark.parametrize(
    "fields",
    [
        {"sample_rate": 7_999},
        {"sample_rate": 48_001},
        {"sample_rate": "16000"},
        {"sample_rate": None},
        {"format": "mp3"},
        {"language": "xx"},
    ],
    ids=str,
)
def test_hostile_start_is_refused_with_a_sentence(server: Served, token: str, fields: dict[str, Any]) -> None:
    with speaking(server.url) as speaker:
        speaker.say("start", **{"sample_rate": 16_000, "token": token, **fields})
        assert speaker.until("error")["detail"]
        assert speaker.closed()[0] == 1008


@pytest.mark.parametrize("first", ["{}", "[]", '{"action": 1}', '{"action": "start", "sample_rate": 16000}', b"\0\0\0\0\0\0"])
def test_hostile_first_message_gets_no_further(server: Served, first: str | bytes) -> None:
    with speaking(server.url) as speaker:
        speaker.socket.send(first)
        assert speaker.closed()[0] == 1008


def test_foreign_sites_do_not_get_in_and_foreign_recordings_are_unknown(server: Served, token: str) -> None:
    cookie = {"Cookie": f"sotto_session={token}"}
    for headers in ({"Origin": "http://elsewhere.test"}, cookie, cookie | {"Origin": "null"}):
        origin = headers.get("Origin")
        others = {name: value for name, value in headers.items() if name != "Origin"}
        with pytest.raises(InvalidStatus), speaking(server.url, origin=origin, additional_headers=others):
            raise AssertionError("let in")
    with server.client() as client:
        other = token_of(client)
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token)
        for action in ("resume", "watch"):
            with speaking(server.url) as stranger:
                stranger.say(action, token=other, item_id=item_id)
                assert stranger.until("error")["code"] == "not_found"
                assert stranger.closed()[0] == 1008
        speaker.send(0, sound(0.1, 48_000))
        speaker.acked(0)


def test_own_page_gets_in_by_its_cookie(server: Served, token: str) -> None:
    with speaking(server.url, origin=server.url, additional_headers={"Cookie": f"sotto_session={token}"}) as speaker:
        speaker.say("start", sample_rate=16_000, captions=False)
        assert speaker.until("status")["status"] == "recording"


def test_longer_than_allowed_ends_the_recording_and_it_is_made(server: Served, token: str) -> None:
    with speaking(server.url) as speaker:
        item_id = begin(speaker, token, sample_rate=8_000, captions=True)  # 36 s are allowed here, and there are no captions
        assert [event["note"] for event in speaker.events if event.get("note")]
        whole = sound(40.0, 8_000)
        parts = chunks_of(whole, 8_000)
        for seq, part in enumerate(parts):
            speaker.send(seq, part)
        error = speaker.until("error")
        assert (error["code"], "LIVE_MAX_HOURS" in error["detail"]) == ("recording_too_long", True)
        acked = max(event["seq"] for event in speaker.events if event["event"] == "ack")  # before the error: what is in it
        why = speaker.until("status")["why"]
        assert why in ("recording_too_long", "limit")  # by who notices first: the chunk, or the clock
        assert speaker.until("final", 60)["item_id"] == item_id
    facts = json.loads(next(server.outputs.glob(f"*/single/{item_id}/live.json")).read_bytes())
    assert facts["why"] == "limit"
    assert acked < len(parts)
    assert acked >= 71 or why == "limit"  # half a second each
    with wave.open(str(next(server.outputs.glob(f"*/single/{item_id}/recording.wav")))) as file:
        assert file.readframes(file.getnframes()) == b"".join(parts[: acked + 1])
    with speaking(server.url) as speaker:  # a page that comes back late learns which of its chunks are in it
        speaker.say("resume", token=token, item_id=item_id)
        refused = speaker.until("error")
        assert (refused["code"], refused["item_id"], refused["next_seq"]) == ("conflict", item_id, acked + 1)
        assert speaker.until("status")["status"] == "processing"
        assert speaker.until("final", 60)["item_id"] == item_id


def test_many_sockets_of_one_session_are_refused_beyond_a_number(server: Served, token: str) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        item_id = begin(stack.enter_context(speaking(server.url)), token)
        for _ in range(15):
            speaker = stack.enter_context(speaking(server.url))
            speaker.say("watch", token=token, item_id=item_id)
            speaker.until("status")
        one_more = stack.enter_context(speaking(server.url))
        one_more.say("watch", token=token, item_id=item_id)
        assert one_more.closed()[0] == 1013
