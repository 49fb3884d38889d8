"""Intake: what stands before the JSON routes. Bodies are counted while they arrive, HEAD is answered wherever GET is."""

from __future__ import annotations

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.api import problems
from utils.api.multipart import MAX_FIELD_BYTES
from utils.errors import TooLarge, TooMany, UnsupportedMedia
from utils.settings import Settings
from utils.speech.table.read import MAX_TABLE_BYTES

HEAD = "sotto.head"  # key in the scope of a HEAD request that is answered as GET
BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BODY_TIME_S = 60.0
NO_ROOM_S = 5.0
PARTING_S = 2.0
BYTES_PER_CHAR = 12  # a character beyond the BMP, written as two \\uXXXX escapes
FORM_PATH = "/api/v1/bulk"  # the one route that takes a form in memory
# Recordings: they go to the disk while they arrive, see `arriving`.
STREAM_PATHS = ("/v1/upload", "/v1/transcriptions", "/v1/audio/transcriptions", "/v1/audio/translations")
SLACK_BYTES = 256 * 1024  # everything but the text: dictionary, title, options
TEXT_PATH, TEXT_BYTES = "/transcript", 16 * 2**20  # a corrected transcript of a long recording, sent back whole
HELD_BYTES = 256 * 2**20  # of all larger bodies together that are in memory at one time


class Parting:
    """Receive and send of a request that may be answered before all of its body is there.

    Such an answer is the connection's last one. It is sent whole, and what still comes is taken for a moment: if the connection
    were closed while the sender sends, the sender would hear of a broken connection and not what the server has said.
    """

    def __init__(self, receive: Receive, send: Send, time_s: float = PARTING_S) -> None:
        self._receive, self._send, self._time_s = receive, send, time_s
        self._over = False  # the body

    async def receive(self) -> Message:
        """The next of the body."""
        message = await self._receive()
        self._over = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """The next of the answer."""
        if self._over:
            await self._send(message)
        elif message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
            await self._send(message)
        elif message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            with anyio.move_on_after(self._time_s):
                while not self._over:
                    await self.receive()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def max_body_bytes(settings: Settings) -> int:
    """The longest JSON body that can carry the longest text allowed (MAX_TEXT_CHARS), however it is escaped."""
    return settings.max_text_chars * BYTES_PER_CHAR + SLACK_BYTES


def max_form_bytes() -> int:
    """The longest form: the largest table and what stands around it."""
    return MAX_TABLE_BYTES + MAX_FIELD_BYTES + SLACK_BYTES


class _Refused(Exception):
    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Intake:
    """ASGI wrapper of the routes; see the module.

    Args:
        app: The routes.
        limit_bytes: Longest JSON body.
        form_bytes: Longest body of a form with a table.
        time_s: Seconds within which a body must have arrived.
        held_bytes: Most that all bodies above SLACK_BYTES may take together; smaller ones always find room.
    """

    def __init__(
        self, app: ASGIApp, *, limit_bytes: int, form_bytes: int = 0, time_s: float = BODY_TIME_S, held_bytes: int = HELD_BYTES
    ) -> None:
        self.app = app
        self._limit_bytes = limit_bytes
        self._form_bytes = form_bytes
        self._time_s = time_s
        self._room = held_bytes  # what is left of it; all bodies are read on one loop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self.app({**scope, "method": "GET", HEAD: True}, receive, _without_body(send))
        elif scope["type"] == "http" and scope["method"] in BODY_METHODS and not is_streamed(scope):
            await self._with_body(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] in BODY_METHODS:
            parting = Parting(receive, send)
            await self.app(scope, parting.receive, parting.send)
        else:
            await self.app(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        form = scope["path"].endswith(FORM_PATH)
        held, parting = bytearray(), Parting(receive, send)
        try:
            limit_bytes = max(TEXT_BYTES, self._limit_bytes) if scope["path"].endswith(TEXT_PATH) else self._limit_bytes
            body = await self._read(Headers(scope=scope), parting.receive, self._form_bytes if form else limit_bytes, form, held)
            if body is not None:
                await self.app(scope, _replay(body, receive), send)
        except _Refused as refused:
            await refused.answer(scope, parting.receive, parting.send)
        finally:
            self._room += max(len(held) - SLACK_BYTES, 0)

    async def _read(self, headers: Headers, receive: Receive, limit_bytes: int, form: bool, body: bytearray) -> bytes | None:
        """The whole body, or None when the client went away in the middle; _Refused with the answer to what is not let in."""
        told = headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told[:19]) > limit_bytes:
            raise _Refused(_too_large(limit_bytes, form))
        with anyio.move_on_after(self._time_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                before = max(len(body) - SLACK_BYTES, 0)
                body += message.get("body", b"")
                self._room -= max(len(body) - SLACK_BYTES, 0) - before
                if len(body) > limit_bytes:
                    raise _Refused(_too_large(limit_bytes, form))
                if self._room < 0:
                    raise _Refused(_no_room())
                if not message.get("more_body", False):
                    if body and not form and not is_json(headers.get("content-type", "")):
                        raise _Refused(_wrong_type())
                    return bytes(body)
        raise _Refused(_too_slow(self._time_s))


def _too_large(limit_bytes: int, form: bool) -> Response:
    why = "the most a table may have" if form else "which follows from the setting MAX_TEXT_CHARS"
    hint = "Split it into several tables." if form else "Send a shorter text."
    return problems.response(TooLarge(f"The body is larger than {limit_bytes:,} bytes, {why}.", hint), {"Connection": "close"})


def is_streamed(scope: Scope) -> bool:
    """Whether the route reads the body itself, and counts it."""
    return scope["path"].endswith(STREAM_PATHS) and not is_json(Headers(scope=scope).get("content-type", ""))


def is_json(content_type: str) -> bool:
    """Whether a Content-Type header says JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _wrong_type() -> Response:
    error = UnsupportedMedia("The body is not announced as JSON.", "Send it with Content-Type: application/json.")
    return problems.response(error, {"Accept": "application/json"})


def _too_slow(time_s: float) -> Response:
    error = problems.RequestTooSlow(f"The body did not arrive within {time_s:g} seconds.", "Send it again.")
    return problems.response(error, {"Connection": "close"})


def _no_room() -> Response:
    error = TooMany("Too many large bodies arrive at this moment.", "Send it again in a few seconds.", retry_after_s=NO_ROOM_S)
    return problems.response(error, {"Connection": "close"})


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()  # only the end of the connection can come now
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _without_body(send: Send) -> Send:
    ended = False

    async def bare(message: Message) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return bare
