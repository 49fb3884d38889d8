"""Many people and programs at once on a real server with its workers, for a while; everything that comes back is looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
import psutil

from tests.api.served import Served
from tests.load.browser import Browser
from tests.load.storm import KEY
from tests.load.truth import Owner, Truth
from tests.load.visitors import PATIENCE_S, Person, Program, Tally
from tests.load.watching import Watch, quantile, watched
from tests.transcription.clips import MICRO
from utils.session_manager import SessionManager

SETTINGS = {
    "SECRET_KEY": KEY,
    "STT_ENGINE": "whisper",
    "WHISPER_MODEL": str(MICRO),
    "WHISPER_DEVICE": "cpu",
    "WHISPER_COMPUTE_TYPE": "int8",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Crowd:
    """Who comes.

    Attributes:
        people: Browsers.
        programs: Clients of the routes.
        seconds: How long new acts begin.
        pause_s: Between two acts of one of them, on the average.
    """

    people: int = 50
    programs: int = 50
    seconds: float = 600.0
    pause_s: float = 20.0


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        tally: What was done.
        wrong: One line for each thing that was not as it must be.
        watch: Health and memory of the web process meanwhile.
        before_bytes: Its memory when all were there and each page was open.
        before_files: Its descriptors when the first program was served, before any page was open.
    """

    tally: Tally = field(default_factory=Tally)
    wrong: list[str] = field(default_factory=list)
    watch: Watch = field(default_factory=Watch)
    before_bytes: int = 0
    before_files: int = 0

    @property
    def reaction_p95_s(self) -> float:
        return quantile(self.tally.reactions_s, 0.95)

    def line(self) -> str:
        """For people."""
        done = ", ".join(f"{count} {kind}" for kind, count in sorted(self.tally.done.items()))
        pages = f"{len(self.tally.reactions_s)} page reactions, p50 {quantile(self.tally.reactions_s, 0.5) * 1000:.0f} ms"
        return (
            f"{done}; {self.tally.refused} refused, {len(self.wrong)} wrong; {pages}, p95 {self.reaction_p95_s * 1000:.0f} ms; "
            f"health p99 {self.watch.health_p99_ms:.0f} ms; memory {self.before_bytes / 2**20:.0f} MB, "
            f"most {self.watch.most_bytes / 2**20:.0f} MB"
        )


async def come(server: Served, crowd: Crowd, known: list[Owner]) -> Outcome:
    """Let them come, act for a while, and go."""
    found, process = Outcome(), psutil.Process(server.pid)
    truth = Truth(known)
    people, programs = known[: crowd.people], known[crowd.people :]
    async with AsyncExitStack() as stack:
        stack.callback(truth.close)
        acts: list[Callable[[], Awaitable[None]]] = []
        store = SessionManager(server.outputs, secret_key=KEY)
        for number, owner in enumerate(programs):
            headers = {"Authorization": f"Bearer {store.token(store.create_session())}"}
            client = httpx.AsyncClient(base_url=server.url, headers=headers, timeout=PATIENCE_S, trust_env=False)
            await stack.enter_async_context(client)
            acts.append(Program(owner, truth, found.tally, client, number).act)
        await acts[0]()
        found.before_files = process.num_fds()
        for number, owner in enumerate(people, len(programs)):
            browser = Browser(server.url, lambda data, owner=owner: truth.check_foreign(owner, data, "the page"))  # type: ignore[misc]
            await stack.enter_async_context(browser)
            await browser.visit()
            browser.reactions_s = found.tally.reactions_s
            acts.append(Person(owner, truth, found.tally, browser, number).act)
        await asyncio.gather(*(act() for act in (*acts[1:4], *acts[-3:])))  # libraries are loaded then
        found.before_bytes = process.memory_info().rss
        async with watched(server.url, process) as found.watch:
            ends = time.monotonic() + crowd.seconds
            await asyncio.gather(*(_again(act, ends, crowd.pause_s, number / len(acts)) for number, act in enumerate(acts)))
    found.wrong = truth.wrong
    return found


async def _again(act: Callable[[], Awaitable[None]], ends: float, pause_s: float, share: float) -> None:
    """Act and pause until the end. `share`, 0 to 1, spreads the first acts over a pause."""
    await asyncio.sleep(pause_s * share)
    while time.monotonic() < ends:
        began = time.monotonic()
        await act()
        await asyncio.sleep(max(0.0, min(pause_s - (time.monotonic() - began), ends - time.monotonic())))
