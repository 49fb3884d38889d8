"""Idempotency-Key: a request that is sent again, because its answer was lost, makes nothing twice.

As in draft-ietf-httpapi-idempotency-key. Stands between Intake and the routes. The first request with a key is answered as always,
and what it makes and is answered is noted in its session (`storage.replies`). The same request again gets the same answer for a
day, also while the first still works (it waits), after a restart, and when the server was killed after making and before answering:
then the answer is made from what is there. Answers that report an error are not kept: the key is free again.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from typing import Annotated

import anyio
from anyio import to_thread
from fastapi import Depends, Header
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from utils.api import cookies, problems
from utils.api.callers import bearer_of
from utils.api.intake import is_streamed
from utils.api.keyed import KeyReused, Turn
from utils.errors import AppError, BadInput, Conflict
from utils.services import Services
from utils.storage import locks
from utils.storage.replies import Replies, Reply

__all__ = ["KEYED", "Idempotency", "KeyInUse", "KeyReused"]

HEADER = "idempotency-key"
KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
ROUTES = re.compile(
    r"/api/v1/(speech|bulk|upload|transcriptions|items/[^/]+/(transcribe|check|rows/(retry|check|\d+))|jobs/[^/]+/retry)", re.ASCII
)
WAIT_S = 90.0  # for the first of two at once; the routes themselves wait 60 s at most
LOOKS_S = (0.01, 0.25)  # first and longest pause between two looks


class KeyInUse(Conflict):
    """The first request with this key is still being worked on."""

    code = "key_in_use"


class KeyTwice(BadInput):
    """The request has more than one key, and whoever sent it believes that it has one."""


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
        try:
            key = _key(scope)
        except KeyTwice as exc:
            await problems.response(exc, {"Connection": "close"} if is_streamed(scope) else None)(scope, receive, send)
            return
        session_id = await to_thread.run_sync(self._session_of, scope) if key else None
        if key is None or session_id is None:  # without a key, or refused by the routes
            await self.app(scope, receive, send)
            return
        with ExitStack() as stack:
            try:
                reply = await self._held(stack, session_id, key)
                answer = await Turn(self.app, self._services, session_id, reply).answer(scope, receive)
            except AppError as exc:
                answer = problems.response(exc, {"Connection": "close"} if is_streamed(scope) else None)
        await answer(scope, receive, send)

    def _session_of(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        bearer = bearer_of(headers)
        session_id = self._services.sessions.verify(cookies.read(headers) if bearer is None else bearer)
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


def _key(scope: Scope) -> str | None:
    """The request's key; None without one, and for one that the route refuses as malformed. Raises KeyTwice."""
    if scope["type"] != "http" or scope["method"] != "POST" or not ROUTES.fullmatch(scope["path"]):
        return None
    found = Headers(scope=scope).getlist(HEADER)
    if len(found) > 1:
        raise KeyTwice("The header Idempotency-Key is given more than once.", "Send it once.")
    return found[0] if found and KEY.fullmatch(found[0]) else None


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
