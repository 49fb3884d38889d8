"""`WS /api/v1/live`: sound in, words out. Every chunk is on disk before it is acknowledged; see docs/live.md for the messages.

A connection is five tasks: one reads, one does what was read in order, two look every second whether the recording still is ours
and the line alive, one tells words. What a client can make us hold is bounded, see `live_line`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from utils.api import callers, cookies, presence
from utils.api.live_closing import Closing
from utils.api.live_line import Line
from utils.api.live_messages import Command
from utils.api.live_speaker import Everybody, Speaker
from utils.errors import AppError, TooMany
from utils.limits import Buckets
from utils.services import Services
from utils.workflows import sessions as workflow

OPENINGS_PER_S, OPENINGS_BURST = 4.0, 200.0  # of one address: a house full of people whose network comes back
SOCKETS_A_SESSION, SOCKETS_AN_ADDRESS, SOCKETS = 16, 200, 1000


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
        self._everybody = Everybody(services, clock)
        self._counts: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        line = Line(receive, send, self._clock)
        if not await line.accept():
            return
        held: list[str] = []
        try:
            self._enter(held, "", SOCKETS)
            address = callers.address_of(scope)
            self._enter(held, f"address {address}", SOCKETS_AN_ADDRESS)
            if self._openings.take(address):
                raise Closing(1013, TooMany("This address opens the live socket too often.", "Wait a moment."))
            first = await line.first()
            session_id, token = await to_thread.run_sync(self._whose, scope, first)
            self._enter(held, f"session {session_id}", SOCKETS_A_SESSION)
            by_cookie = cookies.read(Headers(scope=scope)) == token  # then the edge notes that a page is connected
            if by_cookie:
                await self._serve(line, session_id, first)
            else:
                await presence.while_present(self._services, token, lambda: self._serve(line, session_id, first))
        except Closing as closing:
            await line.close(closing)
        except AppError as exc:  # of the looks every second: a disk that refuses
            await line.close(Closing.of(exc))
        finally:
            line.let_go()
            for key in held:
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]

    async def _serve(self, line: Line, session_id: str, first: Command) -> None:
        """Both ends until one of them is over."""
        speaker = Speaker(self._services, session_id, line.tell, self._everybody)
        tasks = [
            asyncio.create_task(line.read()),
            asyncio.create_task(line.watch()),
            asyncio.create_task(speaker.obey(first, line.inbox)),
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


def _token_of(first: Command) -> str:
    token = first.fields.get("token")
    return token if isinstance(token, str) else ""
