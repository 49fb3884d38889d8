"""A storm of uploads on a real server: most are honest, some stop half way, some lie about their length, some hold the line."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field

import psutil

from tests.api.served import Served
from tests.jobs.recordings import wav
from tests.load import senders
from tests.load.senders import Answer
from tests.load.watching import Watch, watched
from utils.session_manager import SessionManager

KEY = "load-test-secret-key"
SESSION_FILES = 8  # that a session may send at one time
TONE = [int(9000 * (index % 40 < 20)) for index in range(16_000)]


@dataclass(frozen=True)
class Storm:
    """How many of each, all at once.

    Attributes:
        honest: Whole recordings.
        broken: Connections that end half way.
        silent: Connections that stay open half way.
        lies: Bodies that are longer than announced; as many again are shorter.
        drips: Connections that send a byte a second; half of them of the headers, half of the body.
        seconds: Length of each recording.
    """

    honest: int = 180
    broken: int = 10
    silent: int = 10
    lies: int = 4
    drips: int = 0
    seconds: int = 10


@dataclass
class Aftermath:
    """What came of it.

    Attributes:
        honest: Answers to the whole ones.
        liars: Answers to those whose length was not true.
        holding: Answers to those that held the line half way through a body, in the end.
        seconds: Until the honest ones were done.
        before_bytes: Memory of the web process before.
        before_files: Its descriptors before.
        watch: What was seen from outside meanwhile.
    """

    before_bytes: int
    before_files: int
    honest: list[Answer] = field(default_factory=list)
    liars: list[Answer] = field(default_factory=list)
    holding: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    watch: Watch = field(default_factory=Watch)

    @property
    def grown_mb(self) -> float:
        return (self.watch.most_bytes - self.before_bytes) / 2**20


def tokens(server: Served, count: int) -> list[str]:
    """Credentials of new sessions, enough for so many files at one time. Made on the disk: a program opens a few, not fifty."""
    store = SessionManager(server.outputs, secret_key=KEY)
    opened = [store.token(store.create_session()) for _ in range(-(-count // SESSION_FILES))]
    return list(itertools.islice(itertools.cycle(opened), count))


async def rage(server: Served, storm: Storm, *, to_the_end: bool) -> Aftermath:
    """Let it loose, all at once.

    Args:
        server: Where.
        storm: How many.
        to_the_end: Wait until the server has given up all who hold the line in a body; else they hang up after the honest ones.
            Those in the headers hang up in any case, no program of ours sees them.
    """
    data, process = wav(TONE * storm.seconds), psutil.Process(server.pid)
    honest = tokens(server, storm.honest)
    bad = iter(tokens(server, storm.broken + storm.silent + 2 * storm.lies + storm.drips))
    await senders.whole(server.url, honest[0], data)  # libraries are loaded then
    await asyncio.sleep(0.5)
    found = Aftermath(process.memory_info().rss, process.num_fds())
    length, start = len(senders.form(data)), asyncio.create_task
    async with watched(server.url, process) as found.watch:
        in_headers = [start(senders.drips(server.url, next(bad), in_body=False)) for _ in range(storm.drips // 2)]
        holding = [start(senders.drips(server.url, next(bad), in_body=True)) for _ in range(storm.drips - storm.drips // 2)]
        holding += [start(senders.falls_silent(server.url, next(bad), data)) for _ in range(storm.silent)]
        await asyncio.sleep(0.5)  # they have their places
        began = time.monotonic()
        broken = [start(senders.breaks_off(server.url, next(bad), data)) for _ in range(storm.broken)]
        lies = [start(senders.lies(server.url, next(bad), data, told)) for told in (length - 10, length + 10) * storm.lies]
        sending = [start(senders.whole(server.url, token, data, f"{number}.wav")) for number, token in enumerate(honest)]
        found.honest = await asyncio.gather(*sending)
        found.seconds = time.monotonic() - began
        await asyncio.gather(*broken)
        found.liars = await asyncio.gather(*lies)
        if to_the_end:
            found.holding = await asyncio.gather(*holding)
        for task in (*in_headers, *holding):
            task.cancel()
        await asyncio.gather(*in_headers, *holding, return_exceptions=True)
    return found
