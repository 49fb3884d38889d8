"""One request with an Idempotency-Key that has its key for itself: answered as the first time, or carried out and noted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
from anyio import to_thread
from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope

from utils.api import remade
from utils.api.arriving import gathered
from utils.api.fingerprint import Fingerprint
from utils.api.intake import is_streamed
from utils.errors import BadInput
from utils.services import Services
from utils.storage.faults import unavailable
from utils.storage.made import Made, told_to
from utils.storage.replies import Answer, Reply

log = logging.getLogger(__name__)

REPLAYED = "Idempotent-Replayed"
KEPT_HEADERS = frozenset({"content-type", "location", "etag"})


class KeyReused(BadInput):
    """The key was used for another request."""

    code = "key_reused"


class Turn:
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
