"""One client's end of the line: what comes from it, counted and bounded, what it is told, and how it is let go.

What a client can make this server hold is bounded: a message of `MOST_FRAME_BYTES` that is not whole yet, `MOST_WAITING_BYTES` that
wait for the disk, one answer that it does not read, and `MOST_UNSENT_BYTES` that the server itself owes it. The server's own
limits hold for all sockets and are far higher, so they are drawn closer for this one (`_narrowed`).
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.types import Message, Receive, Send

from utils.api.live_closing import Closing, error_event
from utils.api.live_messages import MOST_MESSAGE_BYTES, Command, parse, size_of
from utils.errors import AppError, TooMany
from utils.limits import Buckets

FIRST_WITHIN_S = 10.0
SEND_WITHIN_S = 10.0
LET_GO_AFTER_S = (
    15.0  # after the goodbye; the server itself waits 10 s for an answer to it, and then for ever to be rid of the rest
)
LOOK_EVERY_S = 1.0
MESSAGES_PER_S, MESSAGES_BURST = 100.0, 400.0
MOST_WAITING, MOST_WAITING_BYTES = 32, 512 * 1024
MOST_FRAME_BYTES = 2 * MOST_MESSAGE_BYTES  # what is between the two is refused with a sentence of ours
MOST_UNSENT_BYTES = 1024 * 1024  # answers to pings; events wait long before


class Inbox:
    """Messages that wait for the disk, in order. One task puts, one takes."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()

    async def put(self, message: Message) -> None:
        """Add one; waits while there are too many: then nothing more is read from the network."""
        size = size_of(message)
        while self._waiting and (len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_WAITING_BYTES):
            await self._change()
        self._waiting.append((message, size))
        self._bytes += size
        self._changed.set()

    async def take(self, most: int) -> list[Message]:
        """The next ones; waits for the first."""
        while not self._waiting:
            await self._change()
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._bytes -= sum(size for _, size in taken)
        self._changed.set()
        return [message for message, _ in taken]

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Line:
    """See the module."""

    def __init__(self, receive: Receive, send: Send, clock: Callable[[], float]) -> None:
        """Not accepted yet.

        Args:
            receive: As ASGI has it.
            send: As ASGI has it.
            clock: Monotonic seconds.
        """
        self._receive = receive
        self._send = send
        self._sending = asyncio.Lock()
        self._rate = Buckets(MESSAGES_PER_S, MESSAGES_BURST, clock=clock)
        self._open = False
        self._protocol: Any = getattr(receive, "__self__", None)  # of the web server; None where it is another one
        self.inbox = Inbox()

    async def accept(self) -> bool:
        """Take the handshake."""
        if (await self._receive())["type"] != "websocket.connect":
            return False
        self._narrowed()
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
            await self.inbox.put(message)

    async def watch(self) -> None:
        """Returns when the line is dead although the server does not say so: the client reads nothing of what it is owed."""
        transport = getattr(self._protocol, "transport", None)
        while transport is None or not transport.is_closing():
            if transport is not None and transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
                transport.abort()
                break
            await asyncio.sleep(LOOK_EVERY_S)
        self._open = False

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

    def let_go(self) -> None:
        """The connection is over: be rid of it soon, even if the client never reads what it was sent."""
        transport = getattr(self._protocol, "transport", None)
        if transport is not None:
            asyncio.get_running_loop().call_later(LET_GO_AFTER_S, transport.abort)

    def _narrowed(self) -> None:
        """Have the server refuse large messages by their header, with 1009, before it gathers them: it allows others far more."""
        reader = getattr(self._protocol, "conn", None)
        if reader is not None and hasattr(reader, "max_message_size"):
            reader.max_message_size = MOST_FRAME_BYTES
