"""Requests share looks at the disk, and nobody is told what was true before they asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from utils.api.looks import Looks
from utils.errors import NotFound

PATIENCE_S = 60.0


class Disk:
    """What is looked at; a look takes until it is let."""

    def __init__(self) -> None:
        self.value, self.looks = 0, 0
        self.begun, self.may_end = threading.Semaphore(0), threading.Semaphore(0)

    def look(self) -> int:
        self.looks += 1
        found = self.value
        self.begun.release()
        assert self.may_end.acquire(timeout=PATIENCE_S)
        if found < 0:
            raise NotFound("It is gone.")
        return found

    async def is_looked_at(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE_S)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE_S))


async def waiting(looks: Looks[int], disk: Disk, count: int) -> list[asyncio.Task[int]]:
    """So many who have asked and have no answer yet."""
    tasks = [asyncio.create_task(looks.see("one", disk.look)) for _ in range(count)]
    await asyncio.sleep(0)  # all of them have asked then
    return tasks


def test_all_who_wait_share_the_next_look_and_see_what_changed_before_they_asked() -> None:
    async def scene() -> None:
        looks, disk = Looks[int](2), Disk()
        first = await waiting(looks, disk, 1)
        await disk.is_looked_at()
        disk.value = 1  # the look that goes on has not seen it
        others = await waiting(looks, disk, 20)
        disk.may_end.release(2)
        assert await asyncio.gather(*first, *others) == [0] + [1] * 20
        assert disk.looks == 2

    run(scene())


def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    async def scene() -> None:
        looks, disk = Looks[int](2), Disk()
        leaving, staying = await waiting(looks, disk, 2)
        await disk.is_looked_at()
        leaving.cancel()
        disk.may_end.release()
        assert await staying == 0

    run(scene())


def test_a_failure_is_told_to_all_who_waited_and_to_nobody_after() -> None:
    async def scene() -> None:
        looks, disk = Looks[int](2), Disk()
        disk.value = -1
        disk.may_end.release(2)
        told = await asyncio.gather(*await waiting(looks, disk, 3), return_exceptions=True)
        assert all(isinstance(one, NotFound) for one in told)
        disk.value = 7
        assert await looks.see("one", disk.look) == 7
        assert disk.looks == 2

    run(scene())


def test_looks_of_different_keys_do_not_wait_for_each_other() -> None:
    async def scene() -> None:
        looks, slow, quick = Looks[int](2), Disk(), Disk()
        blocked = await waiting(looks, slow, 1)
        quick.may_end.release()
        assert await looks.see("other", quick.look) == 0
        slow.may_end.release()
        assert await blocked[0] == 0

    run(scene())


@pytest.mark.parametrize("leave", [1, 2])
def test_nothing_is_kept_of_looks_that_are_over(leave: int) -> None:
    async def scene() -> None:
        looks, disk = Looks[int](1), Disk()
        tasks = [*await waiting(looks, disk, 1), *await waiting(looks, disk, 1)]
        for task in tasks[:leave]:
            task.cancel()
        disk.may_end.release(2)
        await asyncio.gather(*tasks, return_exceptions=True)
        while looks._next or looks._now:  # or the test runs out of patience
            await asyncio.sleep(0.01)

    run(scene())
