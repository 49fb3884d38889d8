"""`WS /api/v1/live`: sound in, words out. Every chunk is on disk before it is acknowledged; see docs/live.md for the messages.

A connection is four tasks: one reads, one does what was read in order, one looks every second whether the recording still is ours,
one tells words. What a client can make us hold is bounded: a few messages, each within its limit, and one answer at a time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from utils.api import callers, cookies, presence
from utils.api.live_closing import Closing
from utils.api.live_messages import Command, parse
from utils.api.live_speaker import Speaker, Speakers, error_event
from utils.errors import AppError, TooMany
from utils.limits import Buckets
from utils.services import Services
from utils.workflows import sessions as workflow

FIRST_WITHIN_S = 10.0
SEND_WITHIN_S = 10.0
QUEUED = 32  # messages that wait for the disk; then nothing more is read from the network
MESSAGES_PER_S, MESSAGES_BURST = 100.0, 400.0
OPENINGS_PER_S, OPENINGS_BURST = 1.0, 60.0  # of one address
SOCKETS_A_SESSION, SOCKETS_AN_ADDRESS, SOCKETS = 16, 200, 1000
log = logging.getLogger(__name__)


class Live:
    """ASGI app for the socket. One for a server process."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        """Holds no connection yet.

        Args:
            services: As everywhere.
            clock: Monotonic seconds.
        """
        self._services = services
        self._clock = clock
        self._openings = Buckets(OPENINGS_PER_S, OPENINGS_BURST, clock=clock)
        self._speakers = Speakers()
        self._counts: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        connection = _Connection(scope, receive, send, self._clock)
        if not await connection.accept():
            return
        held: list[str] = []
        try:
            self._enter(held, "", SOCKETS)
            address = callers.address_of(scope)
            self._enter(held, f"address {address}", SOCKETS_AN_ADDRESS)
            if self._openings.take(address):
                raise Closing(1013, TooMany("This address opens the live socket too often.", "Wait a moment."))
            first = await connection.first()
            session_id, token = await to_thread.run_sync(self._whose, scope, first)
            self._enter(held, f"session {session_id}", SOCKETS_A_SESSION)
            by_cookie = cookies.read(Headers(scope=scope)) == token  # then the edge notes that a page is connected
            if by_cookie:
                await self._serve(connection, session_id, first)
            else:
                await presence.while_present(self._services, token, lambda: self._serve(connection, session_id, first))
        except Closing as closing:
            await connection.close(closing)
        finally:
            for key in held:
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]

    async def _serve(self, connection: _Connection, session_id: str, first: Command) -> None:
        """Both ends until one of them is over."""
        speaker = Speaker(self._services, session_id, connection.tell, self._speakers)
        tasks = [
            asyncio.create_task(connection.read()),
            asyncio.create_task(speaker.obey(first, connection.messages)),
            asyncio.create_task(speaker.watch_over()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.shield(speaker.leave())

    def _whose(self, scope: Scope, first: Command) -> tuple[str, str]:
        """The living session that the connection names: by Bearer, in its first message, or by cookie; and the token."""
        headers = Headers(scope=scope)
        token = callers.bearer_of(headers) or _token_of(first) or cookies.read(headers) or ""
        session_id = workflow.whose(self._services, token)
        if session_id is None:
            raise Closing.no_session()
        return session_id, token

    def _enter(self, held: list[str], key: str, most: int) -> None:
        if self._counts.get(key, 0) >= most:
            raise Closing(1013, TooMany("Too many live sockets are open.", "Close some, or wait a moment."))
        self._counts[key] = self._counts.get(key, 0) + 1
        held.append(key)


class _Connection:
    """One client's end of the line."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Callable[[], float]) -> None:
        self._receive = receive
        self._send = send
        self._sending = asyncio.Lock()
        self._rate = Buckets(MESSAGES_PER_S, MESSAGES_BURST, clock=clock)
        self._open = False
        self.messages: asyncio.Queue[Message] = asyncio.Queue(QUEUED)

    async def accept(self) -> bool:
        """Take the handshake."""
        if (await self._receive())["type"] != "websocket.connect":
            return False
        await self._send({"type": "websocket.accept"})
        self._open = True
        return True

    async def first(self) -> Command:
        """The first message, which must be a command and must come soon."""
        try:
            async with asyncio.timeout(FIRST_WITHIN_S):  # not wait_for: in Python 3.11 that may swallow a cancellation
                message = await self._receive()
        except TimeoutError:
            raise Closing(1008, TooMany("Nothing was asked for.", "Send a first message at once.")) from None
        if message["type"] == "websocket.disconnect":
            self._open = False
            raise Closing.gone()
        try:
            command = parse(message)
        except AppError as exc:
            raise Closing.of(exc) from exc
        if not isinstance(command, Command):
            raise Closing(1008, TooMany("Sound came before a recording was begun.", "Send a start first."))
        return command

    async def read(self) -> None:
        """Hand messages over in order. Returns when the client is gone; raises Closing for one that sends too much."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._open = False
                return
            if self._rate.take("client"):
                sentence = f"More than {MESSAGES_PER_S:.0f} messages a second came."
                raise Closing(1008, TooMany(sentence, "Send larger chunks, and fewer."))
            await self.messages.put(message)

    async def tell(self, event: dict[str, Any]) -> None:
        """Send an event. A client that does not read is let go."""
        async with self._sending:
            if not self._open:
                raise Closing.gone()
            try:
                text = json.dumps(event, ensure_ascii=False)
                async with asyncio.timeout(SEND_WITHIN_S):
                    await self._send({"type": "websocket.send", "text": text})
            except TimeoutError:
                self._open = False
                raise Closing.gone() from None
            except (OSError, RuntimeError) as exc:  # the server's ways to say that the other end has left
                self._open = False
                raise Closing.gone() from exc

    async def close(self, closing: Closing) -> None:
        """Say why, then close."""
        if not self._open or (closing.error is None and closing.code == Closing.GONE):
            return
        try:
            if closing.error is not None:
                await self.tell(error_event(closing.error))
            self._open = False
            goodbye = {"type": "websocket.close", "code": closing.code, "reason": closing.reason}
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._send(goodbye)
        except (Closing, TimeoutError, OSError, RuntimeError):
            return


def _token_of(first: Command) -> str:
    token = first.fields.get("token")
    return token if isinstance(token, str) else ""
