from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from utils.api.intake import SLACK_BYTES, Intake, Parting, max_body_bytes
from utils.settings import Settings

JSON = {"content-type": "application/json"}
LEFT = b"the client hangs up"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body that it got."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{scope['method']} {body.decode()}")(scope, receive, send)


class Exchange:
    """One request with its body in pieces; a piece None never comes."""

    def __init__(self, pieces: Iterable[bytes | None], headers: dict[str, str], *, method: str = "POST", time_s: float = 5) -> None:
        self._pieces = list(pieces)
        self.read = self.read_when_told = 0
        self.sent: list[dict[str, Any]] = []
        scope = {"type": "http", "method": method, "path": "/", "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
        asyncio.run(Intake(echo, limit_bytes=100, time_s=time_s)(scope, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        if self.read >= len(self._pieces):
            return {"type": "http.disconnect"}
        piece = self._pieces[self.read]
        self.read += 1
        if piece is None:
            await asyncio.Event().wait()
        if piece is LEFT:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": self.read < len(self._pieces)}

    async def send(self, message: dict[str, Any]) -> None:
        if not self.sent:
            self.read_when_told = self.read
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def test_intake_hands_the_whole_body_on() -> None:
    seen = Exchange([b"{", b'"a":', b"1}"], JSON)
    assert (seen.status, seen.body) == (200, b'POST {"a":1}')


def test_intake_announced_too_large_is_refused_unread() -> None:
    seen = Exchange([b"x"], JSON | {"content-length": "101"})
    assert (seen.status, seen.read_when_told) == (413, 0)


def test_intake_claims_less_and_sends_more_is_refused_at_the_limit() -> None:
    seen = Exchange([b"x" * 60] * 1000, JSON | {"content-length": "10"})
    assert (seen.status, seen.read_when_told) == (413, 2)
    assert json.loads(seen.body)["code"] == "too_large"
    assert "MAX_TEXT_CHARS" in json.loads(seen.body)["detail"]


def test_intake_answer_before_the_end_is_whole_and_the_last_one_and_the_rest_is_taken() -> None:
    seen = Exchange([b"x" * 60] * 50, JSON | {"content-length": "3000"})
    assert (seen.status, seen.read, dict(seen.sent[0]["headers"])[b"connection"]) == (413, 50, b"close")
    assert [message.get("more_body", False) for message in seen.sent[1:]] == [True, False]
    assert json.loads(seen.body)["code"] == "too_large"


def test_intake_answer_before_the_end_does_not_wait_long_for_the_rest() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(PlainTextResponse("No")({"type": "http"}, receive, Parting(receive, send, time_s=0.02).send))
    assert b"".join(message.get("body", b"") for message in sent) == b"No"


def test_intake_exactly_the_limit_passes() -> None:
    assert Exchange([b"x" * 50, b"x" * 50], JSON).status == 200


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "9" * 400, ""])
def test_intake_senseless_length_does_no_harm(length: str) -> None:
    assert Exchange(
        [b"{}"], {"content-type": "application/json", "x": "y"} | ({"content-length": length} if length.isascii() else {})
    ).status in (200, 413)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/merge-patch+json", 200),
        ("text/plain", 415),  # what a foreign page can send without asking first
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
def test_intake_takes_json_only(kind: str, status: int) -> None:
    assert Exchange([b"{}"], {"content-type": kind}).status == status


def test_intake_no_body_needs_no_type() -> None:
    assert Exchange([b""], {}, method="DELETE").status == 200


def test_intake_slow_body_is_given_up() -> None:
    seen = Exchange([b"{", None], JSON, time_s=0.02)
    assert (seen.status, json.loads(seen.body)["code"]) == (408, "request_too_slow")


def test_intake_client_that_leaves_in_the_middle_starts_nothing() -> None:
    assert Exchange([b'{"text":', LEFT], JSON).sent == []


def test_intake_head_is_answered_as_get_without_body() -> None:
    seen = Exchange([b""], {}, method="HEAD")
    assert (seen.status, seen.body) == (200, b"")
    assert dict(seen.sent[0]["headers"])[b"content-length"] == b"4"


def test_intake_limit_carries_the_longest_text_however_it_is_escaped() -> None:
    limit_bytes = max_body_bytes(Settings(max_text_chars=1000))
    assert len(json.dumps({"text": "\N{SPEAKING HEAD IN SILHOUETTE}" * 1000})) <= limit_bytes


def test_intake_large_bodies_find_room_again_when_others_are_done() -> None:
    size = SLACK_BYTES + 60

    async def ask(intake: Intake, pieces: list[bytes], *, waits: asyncio.Event | None = None) -> list[dict[str, Any]]:
        left, sent = list(pieces), []

        async def receive() -> dict[str, Any]:
            if waits and len(left) == 1:
                await waits.wait()
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
        await intake(scope, receive, send)
        return sent

    async def play() -> list[int]:
        intake, go_on = Intake(echo, limit_bytes=size, held_bytes=100), asyncio.Event()
        first = asyncio.create_task(ask(intake, [b"a" * (size - 1), b"a"], waits=go_on))
        await asyncio.sleep(0)
        refused = await ask(intake, [b"b" * size])
        small = await ask(intake, [b"c" * SLACK_BYTES])
        go_on.set()
        answers = [await first, refused, small, await ask(intake, [b"d" * size])]
        return [answer[0]["status"] for answer in answers]

    assert asyncio.run(play()) == [200, 429, 200, 200]
