"""Idempotency-Key: a request that is sent again, because its answer was lost, makes nothing twice.

As in draft-ietf-httpapi-idempotency-key. Stands between Intake and the routes. The first request with a key is answered as always,
and what it makes and is answered is noted in its session (`storage.replies`). The same request again gets the same answer for a
day, also while the first still works (it waits), after a restart, and when the server was killed after making and before answering:
then the answer is made from what is there. Answers that report an error are not kept: the key is free again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Annotated

import anyio
from anyio import to_thread
from fastapi import Depends, Header, Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.api import cookies, problems, remade
from utils.api.arriving import gathered
from utils.api.callers import bearer_of
from utils.api.fingerprint import Fingerprint
from utils.api.intake import is_streamed
from utils.errors import AppError, BadInput, Conflict
from utils.services import Services
from utils.storage import locks
from utils.storage.faults import unavailable
from utils.storage.made import Made, told_to
from utils.storage.replies import Answer, Replies, Reply

log = logging.getLogger(__name__)

HEADER, REPLAYED = "idempotency-key", "Idempotent-Replayed"
KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
ROUTES = re.compile(
    r"/api/v1/(speech|bulk|upload|transcriptions|items/[^/]+/(transcribe|check|rows/(retry|check|\d+))|jobs/[^/]+/retry)", re.ASCII
)
KEPT_HEADERS = frozenset({"content-type", "location", "etag"})
WAIT_S = 90.0  # for the first of two at once; the routes themselves wait 60 s at most
LOOKS_S = (0.01, 0.25)  # first and longest pause between two looks


class KeyReused(BadInput):
    """The key was used for another request."""

    code = "key_reused"


class KeyInUse(Conflict):
    """The first request with this key is still being worked on."""

    code = "key_in_use"


class Idempotency:
    """ASGI wrapper of the routes; see the module.

    Args:
        app: The routes.
        services: For sessions, and for what was made.
        wait_s: How long the second of two at once waits.
    """

    def __init__(self, app: ASGIApp, services: Services, *, wait_s: float = WAIT_S) -> None:
        self.app = app
        self._services = services
        self._replies = Replies(services.sessions.outputs, services.clock)
        self._wait_s = wait_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        session_id = await to_thread.run_sync(self._session_of, scope) if key else None
        if key is None or session_id is None:  # without a key, or refused by the routes
            await self.app(scope, receive, send)
            return
        with ExitStack() as stack:
            try:
                reply = await self._held(stack, session_id, key)
                answer = await _Turn(self.app, self._services, session_id, reply).answer(scope, receive)
            except AppError as exc:
                answer = problems.response(exc, {"Connection": "close"} if is_streamed(scope) else None)
        await answer(scope, receive, send)

    def _session_of(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        bearer = bearer_of(headers)
        session_id = self._services.sessions.verify(cookies.read(headers) if bearer is None else bearer.strip())
        return session_id if session_id and self._services.sessions.peek_session(session_id) else None

    async def _held(self, stack: ExitStack, session_id: str, key: str) -> Reply:
        ends, pause_s = time.monotonic() + self._wait_s, LOOKS_S[0]
        while True:
            try:
                return await to_thread.run_sync(stack.enter_context, self._replies.held(session_id, key))
            except locks.Busy as exc:
                if time.monotonic() >= ends:
                    sentence = "The first request with this Idempotency-Key is still being worked on."
                    raise KeyInUse(sentence, "Send this one again a little later.", retry_after_s=LOOKS_S[1] * 20) from exc
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LOOKS_S[1])


class _Turn:
    """One request that has its key for itself."""

    def __init__(self, app: ASGIApp, services: Services, session_id: str, reply: Reply) -> None:
        self._app = app
        self._services = services
        self._session_id = session_id
        self._reply = reply
        self._left = list(reply.made)  # of a request that was cut off
        self._is_other = False

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """The recorded answer, one made again, or what the routes answer now. Raises AppError."""
        fingerprint = Fingerprint(scope)
        if is_streamed(scope):
            if self._reply.answer is None:
                return await self._first(scope, self._watched(receive, fingerprint))
            async for data in gathered(Request(scope, receive)):
                fingerprint.feed(data)
            self._check(fingerprint)
            return _again(self._reply.answer)
        message = await receive()
        body = message.get("body", b"")
        fingerprint.feed(body)
        self._check(fingerprint)
        if self._reply.answer is None and self._reply.asked is not None:
            await to_thread.run_sync(self._make_again, scope, body)
        if self._reply.answer is not None:
            return _again(self._reply.answer)
        await to_thread.run_sync(self._begin, fingerprint.hexdigest())
        return await self._first(scope, _after(message, receive))

    def _check(self, fingerprint: Fingerprint) -> None:
        if self._reply.asked not in (None, fingerprint.hexdigest()):
            raise _other()

    def _begin(self, digest: str) -> None:
        """What was asked is known; what a request that was cut off has made goes, so that it is there once."""
        remade.remove(self._services, self._session_id, self._left)
        with _told():
            self._reply.begin_anew([made for made in self._reply.made if made not in self._left])
            self._reply.ask(digest)

    def _make_again(self, scope: Scope, body: bytes) -> None:
        answer = remade.answer(self._services, self._session_id, scope["path"], body, self._left)
        if answer is not None:
            self._kept(answer)

    def _watched(self, receive: Receive, fingerprint: Fingerprint) -> Receive:
        """The body as it passes to the route; before its last piece it is known whether it may go on."""

        async def passing() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                fingerprint.feed(message.get("body", b""))
                if not message.get("more_body", False):
                    self._is_other = self._reply.asked not in (None, fingerprint.hexdigest())
                    if self._is_other:
                        return {"type": "http.disconnect"}  # the route throws away what arrived
                    await to_thread.run_sync(self._begin, fingerprint.hexdigest())
            return message

        return passing

    async def _first(self, scope: Scope, receive: Receive) -> Response:
        """What the routes answer, noted before it is sent."""
        taken = _Taken()
        try:
            with told_to(self._note):
                await self._app(scope, receive, taken.send)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._close, None if self._is_other else taken)
        if self._is_other:
            raise _other()
        return taken.response()

    def _note(self, session_id: str, made: Made) -> None:
        with _told():
            self._reply.note(session_id, made)

    def _close(self, taken: _Taken | None) -> None:
        """The end of the request: keep its answer, or leave the key as if it had not been used."""
        if taken is None:
            with suppress(OSError):
                self._reply.begin_anew(self._left)
        elif 200 <= taken.status < 300:
            self._kept(Answer(taken.status, taken.kept_headers(), bytes(taken.body)))
        elif not remade.any_left(self._services, self._session_id, self._reply.made):
            self._reply.forget()

    def _kept(self, answer: Answer) -> None:
        try:
            self._reply.keep(answer)
        except OSError as exc:  # it is given all the same, and can be made again
            self._reply.answer = answer
            log.warning("event=reply_not_kept cause=%s", type(exc).__name__)


class _Taken:
    """An answer of the routes, held back."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        """As ASGI's."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def kept_headers(self) -> dict[str, str]:
        """Those that belong to the answer itself."""
        found = Headers(raw=self.headers)
        return {name: found[name] for name in KEPT_HEADERS if name in found}

    def response(self) -> Response:
        """To be sent."""
        answer = Response(bytes(self.body), self.status)
        answer.raw_headers = self.headers
        return answer


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise unavailable(exc) from exc


def _key(scope: Scope) -> str | None:
    """The request's key; None without one, and for one that the route refuses as malformed."""
    if scope["type"] != "http" or scope["method"] != "POST" or not ROUTES.fullmatch(scope["path"]):
        return None
    found = Headers(scope=scope).getlist(HEADER)
    return found[0] if len(found) == 1 and KEY.fullmatch(found[0]) else None


def _other() -> KeyReused:
    sentence = "This Idempotency-Key was used for another request within the last day."
    return KeyReused(sentence, "Draw a new key for each new request.")


def _again(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})


def _after(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _header(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=f"^{KEY.pattern}$",
            description="Drawn anew for each new request, such as a UUID. The same request with the same key is answered as the "
            "first time, for a day, and makes nothing again.",
            examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
        ),
    ] = None,
) -> None:
    """Only for the document and for refusing what is no key: the work is done before the routes."""


KEYED = [Depends(_header)]  # of every route in ROUTES
