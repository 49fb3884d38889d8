"""What the C library is told about memory, seen in processes of their own."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.served import ROOT
from utils import heap

THREADS_THAT_KEEP_SOMETHING = """
import ctypes, threading
THREADS = 12
there, over = threading.Barrier(THREADS + 1), threading.Barrier(THREADS + 1)
def keep():
    kept = bytearray(100_000)
    there.wait(60)
    over.wait(60)
threads = [threading.Thread(target=keep) for _ in range(THREADS)]
for thread in threads:
    thread.start()
there.wait(60)
library = ctypes.CDLL(None)
stdout = ctypes.c_void_p.in_dll(library, "stdout")
library.malloc_info(0, stdout)
library.fflush(stdout)
over.wait(60)
"""
HOLES = """
import ctypes
from utils.heap import give_back
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
blocks = [library.malloc(16_000) for _ in range(5_000)]
for block in blocks:
    ctypes.memset(block, 1, 16_000)
for number, block in enumerate(blocks):
    if number % 100:
        library.free(block)
before = resident_mb()
print(give_back(), before - resident_mb())
"""

LARGE = """
import json, resource, sys
from pathlib import Path
import numpy as np
from utils import heap

def own_mb():
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(facts["RssAnon"].split()[0]) / 1024

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        np.ones(90_000_000, np.uint8)  # beyond what glibc ever keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

can = heap.keep_as(heap.MODELS) if "keep" in sys.argv else None
_, then, full = faults(), faults(), own_mb()
heap.give_back()
print(json.dumps({"can": can, "then": then, "fell_mb": full - own_mb()}))
"""

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "gnu_get_libc_version"), reason="another C library"
)


def said(program: str, folder: Path, **environ: str) -> str:
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    environ = usual | {"OUTPUTS_DIR": str(folder / "outputs"), "TTS_ENGINE": "espeak"} | environ
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_many_threads_of_the_server_share_few_arenas(tmp_path: Path) -> None:
    assert said("import app\n" + THREADS_THAT_KEEP_SOMETHING, tmp_path).count("<heap nr=") <= heap.SERVER.arenas


def test_threads_of_another_process_have_more_of_them(tmp_path: Path) -> None:
    """The test before would say the same of anything otherwise."""
    assert said(THREADS_THAT_KEEP_SOMETHING, tmp_path).count("<heap nr=") > heap.SERVER.arenas


def test_operator_who_has_set_the_allocator_is_left_alone() -> None:
    assert not heap.keep_as(heap.SERVER, {"MALLOC_ARENA_MAX": "8"})
    assert not heap.keep_as(heap.SERVER, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=8"})


def test_pages_between_what_is_used_are_given_back(tmp_path: Path) -> None:
    told, freed_mb = said(HOLES, tmp_path).split()
    assert told == "True"
    assert float(freed_mb) > 30  # of 76 that are free


def test_giving_back_twice_finds_nothing_wrong() -> None:
    heap.give_back()
    assert heap.give_back() in (True, False)


def told(*arguments: str) -> dict[str, float]:
    """What a fresh process found."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_kept_heap_asks_for_no_pages_twice_and_gives_them_back_at_once() -> None:
    kept = told("keep")
    assert kept["can"]
    assert kept["then"] < 40  # 360 MB came and went; 180 at least without it, with pages of 2 MB
    assert kept["fell_mb"] > 60
