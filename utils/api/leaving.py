"""Readers of downloads that do not read: their connection and the file behind it are not held for ever."""

from __future__ import annotations

from typing import Any

import anyio
from starlette.types import Message, Receive, Send

STALLED_S = 600.0  # for one message: of a file 256 kB, so this also is the least pace. A player that pauses asks for the rest anew
GONE_WITHIN_S = 5.0


class Patient:
    """Sends the messages of one answer, each within a time.

    A cancelled `send` alone would free nothing: the server waits for as long as the client likes before it closes a connection that
    has bytes to deliver. So the connection is broken off, and `receive` tells so as it does whenever a client has left.
    """

    def __init__(self, receive: Receive, send: Send, stalled_s: float | None = None) -> None:
        self._cycle: Any = getattr(receive, "__self__", None)  # the server's own; something else where it is wrapped
        self._send = send
        self._stalled_s = STALLED_S if stalled_s is None else stalled_s

    async def send(self, message: Message) -> None:
        """Send it; for a reader that does not take it in time the connection ends, and this does not return."""
        with anyio.move_on_after(self._stalled_s):
            await self._send(message)
            return
        transport = getattr(self._cycle, "transport", None)
        if transport is not None:
            transport.abort()
            await anyio.sleep(GONE_WITHIN_S)  # whoever waits for `receive` ends this
        raise OSError("The reader takes nothing.")
