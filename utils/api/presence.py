"""Presence: while a page's socket is connected, its session counts as used, once a minute; see storage.sessions.PRESENCE."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from anyio import to_thread

from utils.services import Services
from utils.storage.sessions import PRESENCE_EVERY_S


async def while_present(
    services: Services, token: str | None, serve: Callable[[], Awaitable[None]], every_s: float = PRESENCE_EVERY_S
) -> None:
    """Run `serve`, a socket's whole life, and note meanwhile that the page of this cookie is connected.

    A session that is gone is not noted any more, and nothing makes it come back.
    """
    session_id = services.sessions.verify(token)
    if session_id is None:
        await serve()
        return

    async def note() -> None:
        while await to_thread.run_sync(services.sessions.touch_page, session_id):
            await asyncio.sleep(every_s)

    noting = asyncio.create_task(note())
    try:
        await serve()
    finally:
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)
