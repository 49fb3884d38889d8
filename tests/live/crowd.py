"""Clients of the live socket that mean no good, over bare connections, in a process of their own: `python -m tests.live.crowd`.

On the first line of its input come a URL, tokens and items as JSON. It prints "ready" when all slow ones hold their places, and
when its input ends, how its connections were closed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

HELLO = (
    "GET /api/v1/live HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
DRIP_S = 1.0
RATE = 1000  # messages a second of one that floods


@dataclass(frozen=True)
class Wish:
    """What the crowd shall be.

    Attributes:
        url: Of the server.
        places: Token and open recording of some sessions.
        slow: How many slow sockets, of all kinds.
        floods: How many that send a thousand messages a second, and come again when they are let go.
    """

    url: str
    places: list[tuple[str, str]]
    slow: int = 0
    floods: int = 0


def frame(opcode: int, data: bytes, length: int | None = None) -> bytes:
    """As clients send it; `length` is told instead of the true one."""
    size = len(data) if length is None else length
    head = bytes([0x80 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + bytes(4) + data  # a mask of zeros changes nothing


def begun(opcode: int, data: bytes) -> bytes:
    """A part of a message, not its last."""
    found = frame(opcode, data)
    return bytes([found[0] & 0x7F]) + found[1:]


def command(action: str, **fields: Any) -> bytes:
    return frame(TEXT, json.dumps({"action": action, **fields}).encode())


class Bare:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def opened(cls, url: str, address: str, *, tight: bool = False) -> Bare:
        """Connected, as if from that address; `tight` takes next to nothing from the server before it is read."""
        place = urlsplit(url)
        line = socket.socket()
        if tight:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(line, (place.hostname, place.port))
            bare = cls(*await asyncio.open_connection(sock=line, limit=2**12 if tight else 2**16))
        except BaseException:
            line.close()
            raise
        bare.hello = HELLO.format(host=place.netloc, address=address).encode()
        return bare

    async def shake(self) -> None:
        self.writer.write(self.hello)
        await self.reader.readuntil(b"\r\n\r\n")

    async def closed(self) -> int:
        """Read to the end; the code of the goodbye."""
        while True:
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size >= 126:
                width = 2 if size == 126 else 8
                size = int.from_bytes(await self.reader.readexactly(width), "big")
            data = await self.reader.readexactly(size)
            if first & 15 == CLOSE:
                return int.from_bytes(data[:2], "big")

    def abort(self) -> None:
        self.writer.transport.abort()


class Crowd:
    """See the module."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.closings: Counter[str] = Counter()
        self.there = 0
        self._addresses = 0

    def address(self) -> str:
        """Always another one."""
        self._addresses += 1
        return f"10.{self._addresses >> 16 & 255}.{self._addresses >> 8 & 255}.{self._addresses & 255}"

    async def again(self, kind: Callable[[int, Callable[[], None]], Awaitable[None]], number: int) -> None:
        """One that comes back whenever it is let go."""
        here = False

        def arrived() -> None:
            nonlocal here
            self.there += not here
            here = True

        while True:
            with suppress(OSError, EOFError):
                await kind(number, arrived)
            await asyncio.sleep(0.5)

    async def silent(self, number: int, arrived: Callable[[], None]) -> None:
        """Shakes hands, then nothing."""
        bare = await Bare.opened(self.wish.url, self.address())
        try:
            await bare.shake()
            arrived()
            self.closings[f"silent {await bare.closed()}"] += 1
        finally:
            bare.abort()

    async def hesitant(self, number: int, arrived: Callable[[], None]) -> None:
        """Takes for ever to shake hands."""
        bare = await Bare.opened(self.wish.url, self.address())
        try:
            bare.writer.write(bare.hello[:60])
            arrived()
            for letter in bare.hello[60:-1]:
                await asyncio.sleep(DRIP_S)
                bare.writer.write(bytes([letter]))
        finally:
            bare.abort()

    async def dripping(self, number: int, arrived: Callable[[], None]) -> None:
        """Looks on, and sends a long message of its own drop by drop."""
        bare = await Bare.opened(self.wish.url, self.address())
        try:
            await self._look_on(bare, number)
            arrived()
            bare.writer.write(frame(BINARY, b"", 200_000))
            while True:
                await asyncio.sleep(DRIP_S)
                bare.writer.write(b"x")
                await bare.writer.drain()
        finally:
            bare.abort()

    async def deaf(self, number: int, arrived: Callable[[], None]) -> None:
        """Looks on, asks now and then, and reads nothing of what it is told."""
        bare = await Bare.opened(self.wish.url, self.address(), tight=True)
        try:
            await self._look_on(bare, number)
            arrived()
            token, item_id = self.wish.places[number % len(self.wish.places)]
            for second in itertools.count():
                await asyncio.sleep(DRIP_S)
                bare.writer.write(frame(PING, b"x" * 125))
                if second % 10 == 9:
                    bare.writer.write(command("watch", token=token, item_id=item_id))
                await bare.writer.drain()
        finally:
            bare.abort()

    async def flooding(self, number: int, arrived: Callable[[], None]) -> None:
        """A thousand messages a second."""
        bare = await Bare.opened(self.wish.url, self.address())
        closed = asyncio.ensure_future(asyncio.sleep(0, 0))
        try:
            await self._look_on(bare, number)
            arrived()
            closed, began, sent = asyncio.ensure_future(bare.closed()), time.monotonic(), 0
            while not closed.done() and not bare.writer.transport.is_closing():
                due = int((time.monotonic() - began) * RATE)
                bare.writer.write(command("watch", item_id=self.wish.places[number % len(self.wish.places)][1]) * (due - sent))
                sent = due
                await asyncio.wait([closed], timeout=0.01)
            self.closings[f"flood {await closed}"] += 1
        except (OSError, EOFError):
            self.closings["flood cut"] += 1  # what we still sent kept us from hearing why
        finally:
            closed.cancel()
            bare.abort()

    async def _look_on(self, bare: Bare, number: int) -> None:
        token, item_id = self.wish.places[number % len(self.wish.places)]
        await bare.shake()
        bare.writer.write(command("watch", token=token, item_id=item_id))

    async def run(self, ended: asyncio.Event) -> None:
        slow = [self.silent, self.hesitant, self.dripping, self.deaf]
        tasks = [asyncio.create_task(self.again(slow[number % 4], number // 4)) for number in range(self.wish.slow)]
        tasks += [asyncio.create_task(self.again(self.flooding, number)) for number in range(self.wish.floods)]
        while self.there < len(tasks) and not ended.is_set():
            await asyncio.sleep(0.05)
        print("ready", flush=True)
        await ended.wait()
        told_by = time.monotonic() + 100
        while self.wish.floods and not self.closings["flood 1008"] and time.monotonic() < told_by:
            await asyncio.sleep(0.05)  # on a busy machine nobody has been told yet
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> None:
    crowd = Crowd(Wish(**json.loads(sys.stdin.readline())))
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    os.nice(10)  # what it costs itself shall not be taken for what the server lets it cost others
    await crowd.run(ended)
    print(json.dumps(dict(crowd.closings)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
