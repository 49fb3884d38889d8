"""How the C library keeps memory that is free: what it is told at a process's start, and asked for later. glibc only.

Two kinds of process want two things. The server takes little for moments, in dozens of threads: glibc gives every few threads an
arena of their own, eight for each processor, and after a load of minutes more lay free in sixteen of them than was used. A worker
with a model takes and frees large blocks for each layer of each chunk: glibc gives those back to the system at once, and half of
an encoder's processor time went into empty pages (3.1 s became 1.7 s for eight chunks of the tests' model).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # <malloc.h>
MOST_ONCE_BYTES = 32 * 2**20  # of a block on the heap; older libraries (before 2.35) refuse more
OWN_SETTINGS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")  # of an operator who knows better


@dataclass(frozen=True)
class Habit:
    """How a process wants its free memory kept.

    Attributes:
        arenas: Heaps, for all threads together.
        own_pages_bytes: Larger blocks get pages of their own, which go back as soon as they are free.
        kept_bytes: May stay free at the end of a heap. Both would grow by themselves with what is freed, unless they are set.
    """

    arenas: int
    own_pages_bytes: int
    kept_bytes: int


# Two: the interpreter lets one thread run at a time. Buffers of what comes from the network are smaller than half a megabyte.
SERVER = Habit(arenas=2, own_pages_bytes=512 * 1024, kept_bytes=512 * 1024)
# One: those of other threads are at most 64 MB, and larger blocks would go past them. Callers take turns for microseconds; two that
# decoded at once needed less time than before.
MODELS = Habit(arenas=1, own_pages_bytes=2**30, kept_bytes=2**30)


def keep_as(habit: Habit, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell the C library, for this process; to be called before there are threads. Whether it was done."""
    change = _function("mallopt")
    if change is None or any(environ.get(name) for name in OWN_SETTINGS):
        return False
    large = change(M_MMAP_THRESHOLD, habit.own_pages_bytes) or change(M_MMAP_THRESHOLD, MOST_ONCE_BYTES)
    return all([large, change(M_ARENA_MAX, habit.arenas), change(M_TRIM_THRESHOLD, habit.kept_bytes)])


def give_back() -> bool:
    """Return free pages, also from between others, to the system: a few milliseconds. Whether there were any."""
    trim = _function("malloc_trim")
    return trim is not None and bool(trim(ctypes.c_size_t(0)))


def _function(name: str) -> Callable[..., int] | None:
    """A function of glibc, or None where there is another library."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None
