"""A look at a server from outside, again and again: how fast it says that it is well, its memory, its descriptors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.load.senders import connection, read
from utils.storage.atomic import TEMPORARY, WORK

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: load\r\n\r\n"
LOOK_S = 0.05


def quantile(values: list[float], share: float) -> float:
    """The value under which that share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@dataclass
class Watch:
    """What was seen.

    Attributes:
        health_s: Seconds of each answer of the health route.
        most_bytes: Highest resident memory of the web process.
    """

    health_s: list[float] = field(default_factory=list)
    most_bytes: int = 0

    @property
    def health_p99_ms(self) -> float:
        return quantile(self.health_s, 0.99) * 1000


@asynccontextmanager
async def watched(url: str, process: psutil.Process) -> AsyncIterator[Watch]:
    """Watch the server inside the block."""
    seen = Watch()

    async def look() -> None:
        async with connection(url) as (reader, writer):
            while True:
                began = time.perf_counter()
                writer.write(HEALTH)
                answer = await read(reader)
                seen.health_s.append(time.perf_counter() - began)
                assert answer.status == 200
                seen.most_bytes = max(seen.most_bytes, process.memory_info().rss)
                await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield seen
        assert not looking.done(), "the health route does not answer"
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def unfinished(outputs: Path) -> list[str]:
    """Names of what unfinished work has left in the sessions."""
    homes = [home for home in outputs.iterdir() if not home.name.startswith(".")]
    return [path.name for home in homes for path in home.rglob("*") if path.name.startswith((TEMPORARY, WORK))]
