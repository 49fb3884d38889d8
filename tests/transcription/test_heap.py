"""Large blocks that come and go: their pages are asked for once, and given back at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, resource, sys
from pathlib import Path
import numpy as np
from utils.transcription import heap

def own_mb():
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(facts["RssAnon"].split()[0]) / 1024

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        np.ones(90_000_000, np.uint8)  # beyond what glibc ever keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

can = heap.keep() if "keep" in sys.argv else None
_, then, full = faults(), faults(), own_mb()
heap.give_back()
print(json.dumps({"can": can, "then": then, "fell_mb": full - own_mb()}))
"""


def told(*arguments: str) -> dict[str, float]:
    """What a fresh process found."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_kept_heap_asks_for_no_pages_twice_and_gives_them_back_at_once() -> None:
    kept = told("keep")
    if not kept["can"]:
        pytest.skip("this C library is not glibc")
    assert kept["then"] < 40  # 360 MB came and went; 180 at least without it, with pages of 2 MB
    assert kept["fell_mb"] > 60
