"""A program that asks one address again and again over a few bare connections: it must cost less than what it measures."""

from __future__ import annotations

import asyncio
import socket
import time
from urllib.parse import urlsplit


def requests_per_s(url: str, path: str, token: str, *, seconds: float, connections: int = 8) -> float:
    """Answers a second of GET, all of them 200. Raises RuntimeError for another one."""
    return asyncio.run(_asked(url, path, token, seconds, connections))


async def _asked(url: str, path: str, token: str, seconds: float, connections: int) -> float:
    place = urlsplit(url)
    request = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    ends = time.perf_counter() + seconds

    async def ask() -> int:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        count = 0
        while time.perf_counter() < ends:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode("latin-1"))
            at = head.lower().index(b"content-length:") + len(b"content-length:")
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            count += 1
        writer.close()
        await writer.wait_closed()
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(ask() for _ in range(connections)))
    return sum(counts) / (time.perf_counter() - began)
