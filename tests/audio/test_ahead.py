"""Blocks made in a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from utils.audio.ahead import ahead
from utils.audio.pcm import Pcm


def test_ahead_passes_blocks_and_errors_on_in_order() -> None:
    def blocks() -> Iterator[Pcm]:
        yield np.zeros(3, np.int16)
        yield np.ones(2, np.int16)
        raise ValueError("broken")

    got = []
    with pytest.raises(ValueError, match="broken"):
        for block in ahead(blocks(), 1):
            got.append(len(block))
    assert got == [3, 2]


def test_ahead_closed_early_ends_its_thread() -> None:
    before = set(threading.enumerate())
    blocks = ahead((np.zeros(1, np.int16) for _ in range(1000)), 2)
    next(blocks)
    blocks.close()
    assert set(threading.enumerate()) <= before
