"""Decoding strangers' recordings in the limited child against bare PyAV in one process, and how soon hostile ones are refused."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from benchmarks.figure import Figure
from benchmarks.rig import scratch_folder
from tests.audio import hostile_media, media, sounds
from utils.audio import codec
from utils.audio.decode_process import ColdChild
from utils.audio.recording import RATE_HZ, decode, inspect
from utils.errors import AppError, RecordingTooLong

CLIP_S, CLIP_ROUNDS = 5.0, 60
LONG_S, LONG_ROUNDS = 600, 5
HOURS, HOURS_ROUNDS = 4, 3
MAX_S = 12 * 3600.0
SECOND_BYTES = RATE_HZ * 2


def run() -> list[Figure]:
    """All of it; the long recordings are made first."""
    with scratch_folder() as folder:
        return [*_clip(folder), *_long(folder), *_hostile(folder)]


def _clip(folder: Path) -> list[Figure]:
    path, out = folder / "clip.mp3", folder / "clip.pcm"
    codec.encode([sounds.speech(CLIP_S)], sounds.RATE_HZ, path, "mp3")
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: _bare(path, out),
        "warm": lambda: decode(path, out, max_seconds=MAX_S),
        "cold": lambda: decode(path, out, max_seconds=MAX_S, start=ColdChild),
        "look": lambda: inspect(path),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    ways["warm"]()  # starts the warm process
    for _ in range(CLIP_ROUNDS):
        for name, way in ways.items():
            times[name].append(_timed(way))
    ms = {name: statistics.median(values) * 1_000 for name, values in times.items()}
    detail = f"{ms['warm']:.1f} against {ms['bare']:.1f} ms, medians of {CLIP_ROUNDS}; a fresh interpreter {ms['cold']:.1f} ms"
    return [
        Figure("child's overhead for a clip of 5 s", ms["warm"] - ms["bare"], 60, unit=" ms", detail=detail),
        Figure("looking at it", ms["look"], 60, unit=" ms", detail=f"median of {CLIP_ROUNDS}"),
    ]


def _long(folder: Path) -> list[Figure]:
    plain = {"write_xing": "0", "id3v2_version": "0"}  # so that copies of it joined are one stream
    minute = np.tile(sounds.speech(60.0, rate_hz=RATE_HZ), LONG_S // 60)
    ten = media.encode("mp3", minute, plain)
    path = folder / "long.mp3"
    path.write_bytes(ten)
    figures = _against_bare("10 min", path, LONG_ROUNDS)
    path.write_bytes(ten * (HOURS * 6))
    return [*figures, *_against_bare(f"{HOURS} h", path, HOURS_ROUNDS)]


def _against_bare(label: str, path: Path, rounds: int) -> list[Figure]:
    out = path.with_suffix(".pcm")
    bare, ours, peak = [], [], 0.0
    for _ in range(rounds):
        bare.append(_timed(lambda: _bare(path, out)))
        with _Peak() as seen:
            ours.append(_timed(lambda: decode(path, out, max_seconds=MAX_S)))
        peak = max(peak, seen.most_mb)
    seconds = out.stat().st_size / SECOND_BYTES
    detail = f"{min(ours):.2f} against {min(bare):.2f} s, {seconds / min(ours):,.0f} times real time, best of {rounds}"
    return [
        Figure(f"decoding {label} of MP3 against bare PyAV", min(ours) / min(bare), 1.15, unit=" x", detail=detail),
        Figure("most memory of the child for it", peak, 64, unit=" MB", detail=f"{seconds / 60:,.0f} min of sound"),
    ]


def _hostile(folder: Path) -> list[Figure]:
    slowest = {"refused": (0.0, ""), "over the limit": (0.0, "")}
    peak = 0.0
    for case in hostile_media.cases("http://127.0.0.1:9/sound.ts", str(folder / "victim")):
        path = folder / "hostile"
        path.write_bytes(case.make())
        began = time.perf_counter()
        with _Peak() as seen:
            try:
                decode(path, folder / "hostile.pcm", max_seconds=MAX_S)
            except RecordingTooLong:
                kind = "over the limit"
            except AppError:
                kind = "refused"
            else:
                continue
        slowest[kind] = max(slowest[kind], (time.perf_counter() - began, case.name))
        peak = max(peak, seen.most_mb)
    bounds = {"refused": 2.0, "over the limit": 10.0}
    named = {"refused": "slowest refusal of a hostile file", "over the limit": "slowest refusal of a day in 314 kB"}
    return [
        *(Figure(named[kind], took_s, bounds[kind], unit=" s", detail=name) for kind, (took_s, name) in slowest.items()),
        Figure("most memory of a child for them", peak, 1_024, unit=" MB"),
    ]


def _bare(path: Path, out: Path) -> None:
    """What anybody would write."""
    import av

    convert = av.AudioResampler("s16", "mono", RATE_HZ)
    with av.open(str(path)) as container, out.open("wb") as sink:
        for frame in container.decode(audio=0):
            frame.pts = None
            for ready in convert.resample(frame):
                sink.write(memoryview(ready.planes[0])[: ready.samples * 2])
        for ready in convert.resample(None):
            sink.write(memoryview(ready.planes[0])[: ready.samples * 2])


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


class _Peak:
    """The most memory of any decoding child while something runs, looked at 50 times a second."""

    def __init__(self) -> None:
        self.most_mb = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Peak:
        if sys.platform == "linux":
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            for child in psutil.Process().children(recursive=True):
                try:
                    status = Path(f"/proc/{child.pid}/status").read_text("ascii")
                except (OSError, UnicodeDecodeError):
                    continue
                high = [line for line in status.splitlines() if line.startswith("VmHWM")]
                self.most_mb = max(self.most_mb, int(high[0].split()[1]) / 1024 if high else 0.0)
