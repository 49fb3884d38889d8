from __future__ import annotations

import asyncio
import gc
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.api.surface import NoWorkers, Surface, surface
from utils.api import accesslog, descriptors
from utils.api.lifespan import lifespan_of
from utils.services import Services
from utils.transcription.contract import Transcript
from utils.transcription.memo import KEPT_S, TextMemo


@pytest.fixture(autouse=True)
def thaw() -> Any:
    yield
    gc.unfreeze()


def live(services: Services, seconds: float = 0.3) -> set[str]:
    """Bring the server's background up and down; names of the tasks that are left."""

    async def run() -> set[str]:
        async with lifespan_of(services, warm_after_s=0)(None):
            await asyncio.sleep(seconds)
        return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}

    return asyncio.run(run())


def workers_of(sotto: Surface) -> list[str]:
    supervisor: Any = sotto.services.supervisor
    asked: list[str] = supervisor.asked
    return asked


def test_lifespan_starts_and_stops_everything(sotto: Surface) -> None:
    assert live(sotto.services) == set()
    assert workers_of(sotto) == ["start", "stop"]
    assert gc.get_freeze_count() > 0


def test_lifespan_sweeps_at_the_start(sotto: Surface) -> None:
    sotto.browser()
    sotto.clock.now += 25 * 3600
    live(sotto.services)
    assert sotto.folders == []


def test_lifespan_sweeps_again_and_again(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", cleanup_interval_minutes=0.001) as sotto:

        async def run() -> None:
            async with lifespan_of(sotto.services)(None):
                await asyncio.sleep(0.2)
                sotto.services.sessions.create_session()
                sotto.clock.now += 25 * 3600
                while sotto.folders:
                    await asyncio.sleep(0.02)

        asyncio.run(asyncio.wait_for(run(), 60))


def test_lifespan_does_not_wait_for_the_sweep(sotto: Surface) -> None:
    """The server answers before a long sweep is over."""
    began, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        async def cleanup_loop(self, interval_s: float) -> None:
            began.set()
            await go_on.wait()

    slow: Any = Slow()

    async def run() -> None:
        async with lifespan_of(replace(sotto.services, sessions=slow))(None):
            await asyncio.wait_for(began.wait(), 60)

    asyncio.run(run())


def test_lifespan_survives_workers_that_do_not_start(sotto: Surface, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(NoWorkers):
        def start(self) -> None:
            raise OSError("no processes left")

    broken: Any = Broken()
    with caplog.at_level(logging.WARNING):
        live(replace(sotto.services, supervisor=broken), 0)
    assert "work=start_workers cause=OSError" in caplog.text
    assert "no processes left" not in caplog.text
    assert broken.asked == ["stop"]


def test_access_log_ends_at_the_question_mark(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(accesslog.LOGGER)
    with caplog.at_level(logging.INFO, logger=accesslog.LOGGER):
        with accesslog.fit_logs():
            logger.info('%s - "%s %s HTTP/%s" %d', "::1", "GET", "/api/v1/items?q=secret", "1.1", 200)
        assert caplog.messages == ['::1 - "GET /api/v1/items HTTP/1.1" 200']
        with accesslog.fit_logs():
            path = "/api/v1/items/20261121-133918-my-dear-john-303e.zip"
            logger.info('%s - "%s %s HTTP/%s" %d', "::1", "GET", path, "1.1", 200)
        assert caplog.messages[-1] == '::1 - "GET /api/v1/items/20261121-133918-303e.zip HTTP/1.1" 200'
        logger.info('%s - "%s %s HTTP/%s" %d', "::1", "GET", "/x?y", "1.1", 200)
        assert caplog.messages[-1].endswith('"GET /x?y HTTP/1.1" 200')


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_descriptor_limit_is_raised_as_far_as_allowed() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = descriptors.count().used or 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (low + 100, hard))
    try:
        descriptors.raise_soft_limit()
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised == (descriptors.ENOUGH if hard == resource.RLIM_INFINITY else min(hard, descriptors.ENOUGH))
        assert descriptors.count().limit == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_lifespan_lets_go_of_texts_that_nobody_reads_any_more(sotto: Surface) -> None:
    clock = [0.0]
    services = replace(sotto.services, texts=TextMemo(clock=lambda: clock[0]))
    made = []

    def text() -> Transcript:
        made.append(1)
        return Transcript((), "", None, "draft", "draft", 1.0)

    async def run() -> None:
        async with lifespan_of(services, give_back_every_s=0.01)(None):
            while len(made) < 2:  # until it is made a second time, or the test runs out of patience
                services.texts.get("one", text)
                clock[0] += KEPT_S + 1
                await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(run(), 60))
