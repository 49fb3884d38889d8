"""How many recordings with captions this machine carries at one time. `python -m utils.jobs.live_slots` measures and prints it.

Measured in a process of its own, which gives all its memory back, once for each model, device and number of processors: the figure
lies in `outputs/.queue/live-speed.json`. A model that would have to be fetched first is not; until then there is one place.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from utils.errors import AppError
from utils.settings import AUTO, Settings
from utils.storage.atomic import write_whole

SPEED = "live-speed.json"
SLOTS = ".slots"  # beside a worker's sign of life: how many places it has, and `draft` if it cannot get its model
DRAFT = "draft"
ASK_EVERY_S = 60.0
FRESH_S = 20.0
MEASURE_WITHIN_S = 180.0
HEAR_S = 1.0  # see `queue.HEAR_S`
# What a speaker costs, see `benchmarks.bench_captions`: 0.35 cores with a model that needs 0.17 s for the clip. There is a decoding
# every 0.6 s, most of them of more sound than the clip has; the voice detector, the socket and the files cost the rest.
DECODINGS = 1.8  # of the clip, that those of one second take as long as
BESIDE = 0.05  # cores
SHARE = 0.8  # of the machine
MOST_A_CORE = 4
FORM = 2  # of the measurement; one that was made otherwise is made again
AUTO_ENGINE = "auto"  # of STT_ENGINE
FIRST = 1  # before anything is known
log = logging.getLogger(__name__)


def slots_of(core_s: float, cores: int) -> int:
    """Places, for an engine that needs so many seconds of one core for a short sentence."""
    return max(1, min(MOST_A_CORE * cores, int(SHARE * cores / (BESIDE + DECODINGS * core_s))))


def find(settings: Settings, stopping: Callable[[], bool] = lambda: False) -> int:
    """Places of this machine: as set, else as measured, now if need be and for as long as nobody wants it to stop. Never raises."""
    if settings.live_workers != AUTO:
        return settings.live_workers
    wanted = _what(settings)
    known = _read(settings.queue_dir / SPEED)
    if known.get("what") != wanted:
        known = {"what": wanted, "core_s": _measured_aside(stopping)}
        if known["core_s"] is None:
            return FIRST
        with suppress(AppError):  # measured again next time
            write_whole(settings.queue_dir / SPEED, json.dumps(known).encode(), durable=False)
    slots = slots_of(float(known["core_s"]), os.cpu_count() or 1)
    log.info("event=live_slots slots=%d core_s=%.3f", slots, known["core_s"])
    return slots


def tell(folder: Path, sign: Path, slots: int, *, draft: bool = False) -> None:
    """Let servers know how many places the worker with this sign has, and whether the draft engine makes its captions."""
    with suppress(AppError):
        write_whole(folder / (sign.name + SLOTS), f"{slots}{f' {DRAFT}' if draft else ''}".encode(), durable=False)


def told(folder: Path, now: float) -> int | None:
    """Places of all machines that share the folder; None while no worker has told."""
    places = [int(words[0]) for words in _told(folder, now)]
    return sum(places) if places else None


def told_draft(folder: Path, now: float) -> bool:
    """A worker has told that it cannot get its model, so that the draft engine makes captions."""
    return any(DRAFT in words for words in _told(folder, now))


def _told(folder: Path, now: float) -> list[list[str]]:
    """What each worker that gives signs of life has told, in words."""
    found = []
    for path in folder.glob(f"live@*{SLOTS}"):
        with suppress(OSError, ValueError):
            if now - path.with_name(path.name.removesuffix(SLOTS)).stat().st_mtime < FRESH_S:
                words = path.read_text("ascii").split()
                if words and words[0].isdigit():
                    found.append(words)
    return found


def is_unreachable(settings: Settings, problem: Callable[[str], str] | None = None) -> bool:
    """The model would have to be fetched, and the hub does not give it: the draft engine stands in. Takes a few seconds at most.

    Args:
        settings: As everywhere.
        problem: Why the hub does not give a model, or ""; None asks it.
    """
    from utils.transcription import models
    from utils.transcription.engines.hub import Hub

    offer = models.offer_of(settings.live_model, settings)
    if settings.stt_engine != AUTO_ENGINE or offer.state != "fetchable":
        return False
    return bool((problem or Hub().problem)(models.source(offer.name, settings)))


def tell_until_reachable(settings: Settings, sign: Path, slots: int) -> None:
    """Tell the places, and whether the draft engine stands in; look again from time to time as long as it does. For a thread."""
    while is_unreachable(settings):
        tell(settings.queue_dir, sign, slots, draft=True)
        time.sleep(ASK_EVERY_S)
    tell(settings.queue_dir, sign, slots)


def _what(settings: Settings) -> str:
    """All that a measurement depends on."""
    model = settings.live_model or settings.whisper_model
    parts = (FORM, settings.stt_engine, model, settings.whisper_device, settings.whisper_compute_type, os.cpu_count())
    return "|".join(map(str, parts))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("core_s"), float) else {}


def _measured_aside(stopping: Callable[[], bool]) -> float | None:
    """Seconds of a core that a decoding takes, found in a child; None when it cannot be told, or the worker is told to stop."""
    child: subprocess.Popen[bytes] | None = None
    try:
        child = subprocess.Popen([sys.executable, "-m", "utils.jobs.live_slots"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        told = _answer(child, stopping)
        found = None if told is None else json.loads(told)["core_s"]
        return None if found is None else float(found)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as exc:
        log.warning("event=live_speed_unknown cause=%s", type(exc).__name__)
        return None
    finally:
        if child is not None and child.poll() is None:
            child.kill()
            child.communicate()


def _answer(child: subprocess.Popen[bytes], stopping: Callable[[], bool]) -> bytes | None:
    """What it printed. Waits in short steps: only between them the main thread hears of a signal that another thread was given."""
    deadline = time.monotonic() + MEASURE_WITHIN_S
    while not stopping():
        try:
            told, _ = child.communicate(timeout=HEAR_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise
            continue
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, child.args)
        return told
    return None


def measure(settings: Settings) -> float | None:
    """Seconds of one core for decoding the clip of the self-test, the better of two tries; None where the model is not here.

    Not by the clock, for the machine may be busy; but the draft engine works in a child of its own, on one core.

    Raises:
        AppError: No engine works here.
    """
    from utils.transcription import captions_rules, engines, models
    from utils.transcription.contract import Span
    from utils.transcription.engines.whisper_selftest import clip

    request = captions_rules.live_request("en", model=settings.live_model)
    if settings.stt_engine != "draft" and models.offer_of(request.model, settings).state == "fetchable":
        return None
    engine, _ = engines.choose(engines.build(settings, live=True), settings, request)
    decoding = engine.open(request, note=lambda sentence: None, check=lambda: None)
    try:
        samples, best = clip(), float("inf")
        for _ in range(2):
            began, clock = time.process_time(), time.perf_counter()
            list(decoding.decode(samples, [Span(0.0, len(samples) / 16_000)], "en"))
            used, took = time.process_time() - began, time.perf_counter() - clock
            best = min(best, took if engine.name == "draft" else used)
        return best
    finally:
        decoding.close()


def main() -> None:
    """For the parent: one line of JSON."""
    try:
        found = measure(Settings.load())
    except AppError as exc:
        raise SystemExit(f"{exc.sentence} {exc.hint}") from None
    sys.stdout.write(json.dumps({"core_s": found}) + "\n")


if __name__ == "__main__":
    main()
