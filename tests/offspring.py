"""The children of this process, as tests ask for them: what was started and has to be gone again."""

from __future__ import annotations

import time

import psutil

GONE_S = 60.0


def offspring(named: str = "") -> set[psutil.Process]:
    """Children, and theirs; with a word, those that live and whose command holds it."""
    children = set(psutil.Process().children(recursive=True))
    return {child for child in children if _is_named(child, named)} if named else children


def _is_named(child: psutil.Process, word: str) -> bool:
    try:
        return word in " ".join(child.cmdline())
    except psutil.Error:  # it ended, also while it was looked at
        return False


def left_over(before: set[psutil.Process], named: str = "") -> set[psutil.Process]:
    """What is there and was not there before, as soon as the machine has come round to ending it."""
    deadline = time.monotonic() + GONE_S
    while (left := offspring(named) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
