"""People and programs at once: nobody gets what is another's or anything wrong, and the server is afterwards as it was before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.api.served import Served, served
from tests.load.browser import Browser
from tests.load.mixed import SETTINGS, Crowd, Outcome, come
from tests.load.truth import owners
from tests.load.visitors import SHARES
from tests.load.watching import unfinished

KINDS = {name for name, _ in SHARES}
FORGOTTEN_S = 125.0  # Streamlit keeps a page that was left for two minutes
VISITORS_AFTER = 3  # and lets go of it when others come


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, **SETTINGS) as found:
        yield found


def run(server: Served, crowd: Crowd) -> Outcome:
    found = asyncio.run(come(server, crowd, owners(crowd.people + crowd.programs)))
    print(found.line())
    assert not found.wrong, found.wrong
    assert set(found.tally.done) == KINDS
    assert "Traceback" not in server.log and "incident" not in server.log
    return found


def settled(server: Served) -> tuple[int, int]:
    """Memory and descriptors of the web process once nothing is kept for those who have left."""

    async def visit() -> None:
        for _ in range(VISITORS_AFTER):
            async with Browser(server.url, lambda data: None) as browser:
                await browser.visit()
            await asyncio.sleep(1)

    time.sleep(FORGOTTEN_S)
    asyncio.run(visit())
    time.sleep(5)
    process = psutil.Process(server.pid)
    return process.memory_info().rss, process.num_fds()


def test_people_and_programs_at_once_get_their_own(server: Served) -> None:
    found = run(server, Crowd(people=4, programs=8, seconds=7, pause_s=2.5))
    assert found.watch.most_bytes - found.before_bytes <= 60 * 2**20
    assert unfinished(server.outputs) == []
    workers = [child for child in psutil.Process(server.pid).children() if "utils.jobs.worker" in child.cmdline()]
    niceness = {pool: child.nice() for child in workers for pool in ("speech", "transcribe") if pool in child.cmdline()}
    assert niceness["transcribe"] > niceness["speech"]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("minutes", [10, 30])
def test_50_people_and_50_programs_for_minutes(server: Served, minutes: int) -> None:
    found = run(server, Crowd(seconds=minutes * 60))
    assert found.reaction_p95_s <= 1.0
    after_bytes, after_files = settled(server)
    print(f"afterwards {after_bytes / 2**20:.0f} MB and {after_files} descriptors, {found.before_files} before")
    assert after_bytes <= 1.1 * found.before_bytes
    assert after_files <= found.before_files + VISITORS_AFTER * 5
    assert unfinished(server.outputs) == []
