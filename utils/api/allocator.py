"""Memory that a busy hour has taken goes back to the system: what the C library is told at the start, and asked for later.

glibc gives every few threads an arena of its own, eight for each processor, and keeps what is free in each. A server that runs
pages and looks at the disk in dozens of threads that come and go scatters what stays over all of them: after a load of a few
minutes more lay free in sixteen arenas than was used. Two arenas cost little here: the interpreter lets one thread run at a time.
Elsewhere than on glibc nothing is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable, Mapping

ARENAS = 2
OWN_PAGES_BYTES = 512 * 1024  # larger buffers get pages of their own, which go back at once; what comes from the network is smaller
KEPT_FREE_BYTES = 512 * 1024  # at the end of an arena; both also grow by themselves with what is freed unless they are set
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # <malloc.h>
OWN_SETTINGS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")  # of an operator who knows better
GIVE_BACK_EVERY_S = 30.0


def _function(name: str) -> Callable[..., int] | None:
    """A function of glibc, or None where there is another library."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None


def use_few_arenas(environ: Mapping[str, str] = os.environ) -> bool:
    """To be called before there are threads, once a process. Whether it was done."""
    mallopt = _function("mallopt")
    if mallopt is None or any(environ.get(name) for name in OWN_SETTINGS):
        return False
    wanted = ((M_ARENA_MAX, ARENAS), (M_MMAP_THRESHOLD, OWN_PAGES_BYTES), (M_TRIM_THRESHOLD, KEPT_FREE_BYTES))
    return all([mallopt(what, value) == 1 for what, value in wanted])


def give_back() -> bool:
    """Return free pages, also from between others, to the system: a few milliseconds. Whether there were any."""
    trim = _function("malloc_trim")
    return trim is not None and trim(0) == 1


async def keep_giving_back(let_go: Callable[[], None], every_s: float = GIVE_BACK_EVERY_S) -> None:
    """Again and again until cancelled. In a thread: both let others run meanwhile.

    Args:
        let_go: Called before, to forget what has not been used for a while.
        every_s: Between two rounds.
    """

    def once() -> None:
        let_go()
        give_back()

    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(once)
