"""What runs beside the pages while the server is up: sweeps, the emptying of the trash, the workers."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from utils import heap
from utils.api.accesslog import fit_logs
from utils.api.descriptors import raise_soft_limit
from utils.services import Services
from utils.workflows import live_care, passing

log = logging.getLogger(__name__)

WARM_AFTER_S = 2.0  # the first page is more urgent than the routes' libraries
GIVE_BACK_EVERY_S = 30.0  # free memory, to the system


@contextmanager
def _noticing_the_end(stopping: threading.Event) -> Iterator[None]:
    """Set the event as soon as the process is told to end: the server itself waits for open answers, some of which wait for us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def told(number: int, frame: FrameType | None) -> None:
        stopping.set()
        then = before[signal.Signals(number)]
        if callable(then):
            then(number, frame)

    for number, then in before.items():
        if callable(then):  # only beside somebody who ends the process
            signal.signal(number, told)
    try:
        yield
    finally:
        stopping.set()
        for number, then in before.items():
            if signal.getsignal(number) is told:
                signal.signal(number, then)


async def _surviving(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """One piece of background work; its failure is logged and does not end the server."""
    try:
        await work()
    except Exception as exc:  # noqa: BLE001 - the next round may go well
        log.warning("event=background_failed work=%s cause=%s", name, type(exc).__name__)


async def _warm_up(after_s: float) -> None:
    """Load what the first request to the routes would have to wait for."""
    await asyncio.sleep(after_s)
    await _surviving("warm_up", lambda: asyncio.to_thread(importlib.import_module, "utils.api.application"))
    _freeze()


async def _keep_giving_back(let_go: Callable[[], None], every_s: float) -> None:
    """Forget what has not been used for a while and return free memory, again and again; in a thread: both let others run."""

    def once() -> None:
        let_go()
        heap.give_back()

    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(once)


def _freeze() -> None:
    """Take everything that lives now out of garbage collection: Streamlit collects after every rerun, with the lock held."""
    gc.collect()
    gc.freeze()


def lifespan_of(
    services: Services, *, warm_after_s: float = WARM_AFTER_S, give_back_every_s: float = GIVE_BACK_EVERY_S
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """The lifespan for the app: starts the background work and ends all of it."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        raise_soft_limit()
        with fit_logs(), _noticing_the_end(services.stopping):
            await _surviving("start_workers", lambda: asyncio.to_thread(services.supervisor.start))
            tasks = [
                asyncio.create_task(services.sessions.cleanup_loop(services.settings.cleanup_interval_minutes * 60)),
                asyncio.create_task(passing.keep_clear(services)),
                asyncio.create_task(live_care.keep_finishing(services)),
                asyncio.create_task(_warm_up(warm_after_s)),
                asyncio.create_task(_surviving("give_back", lambda: _keep_giving_back(services.let_go, give_back_every_s))),
            ]
            _freeze()
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await _surviving("clear_passing", lambda: asyncio.to_thread(passing.close, services))
                await _surviving("stop_workers", lambda: asyncio.to_thread(services.supervisor.stop))

    return lifespan
