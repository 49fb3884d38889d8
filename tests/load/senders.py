"""Programs that send recordings over bare connections: whole, in halves, drop by drop, or with a length that is not true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "----load"
PATH = "/api/v1/upload"
BLOCK_BYTES = 64 * 1024
TRIES = 40  # of a program that comes again when it is told to
DRIP_S = 1.0


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def form(data: bytes, name: str = "recording.wav") -> bytes:
    """A multipart body with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def head(token: str, length: int | None, *, kind: str = f"multipart/form-data; boundary={BOUNDARY}", path: str = PATH) -> bytes:
    """Request line and headers; without a length the body goes in chunks."""
    told = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (f"POST {path} HTTP/1.1", "Host: load", f"Authorization: Bearer {token}", f"Content-Type: {kind}", told, "", "")
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the server, closed at the end whatever it thinks of that."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def read(reader: asyncio.StreamReader) -> Answer:
    """One answer with a length; status 0 when the connection ends without one."""
    try:
        start = await reader.readuntil(b"\r\n\r\n")
        first, *lines = start.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, OSError):
        return Answer(0)
    return Answer(int(first.split()[1]), headers, body)


def blocks(data: bytes, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """All of it, as fast as the server takes it; a server that has answered and closed is no error."""
    with suppress(OSError):
        for block in blocks(data):
            writer.write(block)
            await writer.drain()


async def whole(url: str, token: str, data: bytes, name: str = "recording.wav") -> Answer:
    """Send a recording; come again after the time told when there is no room."""
    body = form(data, name)
    for _ in range(TRIES):
        async with connection(url) as (reader, writer):
            await write(writer, head(token, len(body)) + body)
            answer = await read(reader)
        if answer.status != 429:
            break
        await asyncio.sleep(float(answer.headers["retry-after"]))
    return answer


async def breaks_off(url: str, token: str, data: bytes) -> None:
    """Send half and hang up."""
    body = form(data)
    async with connection(url) as (_, writer):
        await write(writer, head(token, len(body)) + body[: len(body) // 2])


async def falls_silent(url: str, token: str, data: bytes) -> Answer:
    """Send half, then nothing, and wait for what the server says."""
    body = form(data)
    async with connection(url) as (reader, writer):
        await write(writer, head(token, len(body)) + body[: len(body) // 2])
        return await read(reader)


async def drips(url: str, token: str, *, in_body: bool) -> Answer:
    """Send a byte a second, of the headers or of the body, until the server has had enough; for ever if it never has."""
    start = head(token, 50_000_000)
    async with connection(url) as (reader, writer):
        answer = asyncio.create_task(read(reader))
        await write(writer, start + form(b"")[:200] if in_body else start[:60])
        while not answer.done():
            await write(writer, b"x")
            await asyncio.wait([answer], timeout=DRIP_S)
        return await answer


async def lies(url: str, token: str, data: bytes, told: int) -> Answer:
    """Announce another length than that of the body and send it all; hang up when that is less."""
    body = form(data)
    async with connection(url) as (reader, writer):
        await write(writer, head(token, told) + body)
        return await read(reader) if told <= len(body) else Answer(0)
