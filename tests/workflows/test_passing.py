"""Passing work: whatever becomes of a request, nothing of it is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.api.surface import Surface, surface
from tests.jobs.rig import until
from tests.storage.support import everything
from utils.errors import Cancelled, NotFound, TooMany
from utils.jobs.contract import NewJob
from utils.jobs.records import JobName
from utils.session_manager import SessionManager
from utils.workflows import passing

CANARY = "quokka"
JOB = NewJob("speech", f"Title {CANARY}", "speech", {"text": CANARY})


@pytest.fixture
def sotto(tmp_path: Path) -> Iterator[Surface]:
    with surface(tmp_path / "outputs") as built:
        yield built


def left(sotto: Surface) -> list[str]:
    """Everything on disk that is of a request: items, markers, trash, and whatever holds its words."""
    found = everything(sotto.services.sessions.outputs)
    places = (".trash/", ".open/2", ".tmp-")
    return [
        name
        for name, data in found.items()
        if name.startswith(places) or "~" in name or "-passing-" in name or (isinstance(data, bytes) and CANARY.encode() in data)
    ]


def test_work_that_was_done_leaves_nothing(sotto: Surface) -> None:
    with passing.work(sotto.services, "key-1") as work:
        status = work.submit(JOB)
        sotto.runner(str(JobName(work.session_id, status.id)))
        assert sotto.services.jobs.status(work.session_id, status.id).state == "done"
        assert CANARY not in status.id
    assert left(sotto) == []


def test_work_that_is_queued_is_cancelled_and_leaves_nothing(sotto: Surface) -> None:
    with passing.work(sotto.services, "key-1") as work:
        status = work.submit(JOB)
    assert left(sotto) == []
    sotto.runner(str(JobName(work.session_id, status.id)))  # its name still was in the queue
    assert left(sotto) == []
    with pytest.raises(NotFound):
        sotto.services.jobs.status(work.session_id, status.id)


def test_end_twice_and_submit_after_it_leave_nothing(sotto: Surface) -> None:
    work = passing.begin(sotto.services, "key-1")
    work.submit(JOB)
    work.end()
    work.end()
    with pytest.raises(Cancelled):
        work.submit(JOB)
    assert left(sotto) == []


def test_item_that_is_adopted_too_late_is_removed(sotto: Surface) -> None:
    work = passing.begin(sotto.services, "key-1")
    item = sotto.services.sessions.create_item(work.session_id, folder="single", kind="upload", title=CANARY, request={})
    work.end()
    with pytest.raises(Cancelled):
        work.adopt(item)
    assert left(sotto) == []


def test_requests_of_a_caller_share_the_limit_of_open_jobs(sotto: Surface) -> None:
    works = [passing.begin(sotto.services, "key-1") for _ in range(33)]
    for work in works[:32]:
        work.submit(JOB)
    with pytest.raises(TooMany):
        works[32].submit(JOB)
    with passing.work(sotto.services, "key-2") as other:
        other.submit(JOB)
    for work in works:
        work.end()
    assert left(sotto) == []


def test_session_goes_when_it_was_idle_for_a_while(sotto: Surface) -> None:
    work = passing.begin(sotto.services, "key-1")
    sotto.clock.now += passing.IDLE_S + 1
    sotto.services.passing.beat(sotto.clock())
    assert passing.tidy(sotto.services) == 0
    work.end()
    assert passing.tidy(sotto.services) == 0
    sotto.clock.now += passing.IDLE_S + 1
    sotto.services.passing.beat(sotto.clock())
    assert passing.tidy(sotto.services) == 1
    assert sotto.folders == []


def test_tidy_removes_what_a_killed_server_left_with_its_open_work(sotto: Surface) -> None:
    dead = SessionManager.from_settings(sotto.services.settings, sotto.clock)
    mark = dead.create_passing()
    sotto.services.jobs.submit(mark.session_id, replace(JOB, title=passing.TITLE))
    assert passing.tidy(sotto.services) == 0
    mark.release()  # as the kernel does when a process dies
    assert passing.tidy(sotto.services) == 1
    assert left(sotto) == [] and sotto.folders == []


def test_close_removes_all_sessions_and_a_late_end_does_no_harm(sotto: Surface) -> None:
    work = passing.begin(sotto.services, "key-1")
    work.submit(JOB)
    passing.close(sotto.services)
    assert sotto.folders == [] and left(sotto) == []
    work.end()
    assert sotto.folders == []


def test_keep_clear_looks_at_once(sotto: Surface) -> None:
    mark = SessionManager.from_settings(sotto.services.settings, sotto.clock).create_passing()
    mark.release()

    async def look() -> None:
        task = asyncio.create_task(passing.keep_clear(sotto.services))
        while sotto.folders:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(look(), 20))


def test_end_while_the_worker_runs_leaves_nothing(sotto: Surface) -> None:
    work = passing.begin(sotto.services, "key-1")
    status = work.submit(JOB)
    running = threading.Thread(target=sotto.runner, args=(str(JobName(work.session_id, status.id)),))
    running.start()
    work.end()
    running.join()
    sotto.services.sessions.empty_trash()
    until(lambda: left(sotto) == [])
