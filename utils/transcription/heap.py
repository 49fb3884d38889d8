"""How the C library keeps the memory that a model takes and gives back for each layer of each chunk; glibc only, elsewhere nothing.

By default it hands every large block back to the system at once and asks for it anew: half of the processor time of an encoder
went into empty pages (3.1 s became 1.7 s for eight chunks of the tests' model). One heap that is kept ends that; who has finished
gives it back as a whole.
"""

from __future__ import annotations

import ctypes
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
KEPT_BYTES = 2**30  # blocks below come from the heap, and so much of it may stay free at its end


def keep() -> bool:
    """From now on large blocks stay in one heap, for this process; best called before it has threads.

    Returns:
        Whether the C library can.
    """
    change = _function("mallopt")
    if change is None:
        return False
    # One arena: those of other threads are at most 64 MB, and larger blocks would go past them. Callers take turns for
    # microseconds; two that decoded at once needed less time than before.
    wishes = ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, KEPT_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES))
    return all([bool(change(wish, value)) for wish, value in wishes])


def give_back() -> None:
    """Let the system have every free page; takes milliseconds."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(ctypes.c_size_t(0))


def _function(name: str) -> Any:
    """Of the C library, or None where it has none of that name."""
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # no such way to open it
        return None
