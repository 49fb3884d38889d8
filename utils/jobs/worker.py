"""One worker process: one pool, N threads, engines loaded once. `python -m utils.jobs.worker speech`

Started by the server (see `supervise`), or on another machine by hand or by a service manager. It is a new process, never a
fork: a model that was loaded before a fork hangs in the child.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from utils import heap
from utils.errors import AppError
from utils.jobs import live_slots
from utils.jobs.heart import Heart
from utils.jobs.journal import Journal
from utils.jobs.kinds import KINDS, Kind, pools_of, threads_of
from utils.jobs.lines import QueueAway
from utils.jobs.live_kind import LIVE_POOL
from utils.jobs.machine import Machine, Sign, hold_lock, tidy
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.runner import Runner, Timing
from utils.jobs.traces import where
from utils.session_manager import SessionManager
from utils.settings import Settings

HARD_STOP_S = 20.0  # after the grace, for jobs that do not call `progress`; then the process ends, their leases go stale
SEARCH_AFTER_S, SEARCH_EVERY_S = 3.0, 600.0  # for open jobs that no marker tells of; it reads every job's record
WORN_AFTER_S, WORN_BYTES = 60.0, 400 * 2**20  # see Wear
SIGN_EVERY_S = 5.0  # as with Timing.tend_s, while there is no tender yet
WARM_AFTER_S = 1.0  # the server's own start has the processor first
NICENESS = {"transcribe": 10}  # its work takes minutes: it leaves the processors to pages and speech when they want them
WARM = {
    "speech": ("utils.speech.streaming", "utils.speech.engines.espeak", "utils.speech.engines.gtts_engine"),
    LIVE_POOL: ("utils.jobs.live_work", "utils.transcription.captions_run", "utils.transcription.engines.whisper"),
}
MODEL_POOLS = ("transcribe", LIVE_POOL)  # they load models
log = logging.getLogger("utils.jobs.worker")  # not __name__: this module is run as __main__


def run(
    settings: Settings,
    pool: str,
    *,
    kinds: Mapping[str, Kind] = KINDS,
    timing: Timing | None = None,
    attached: bool = False,
    machine: Machine | None = None,
    warm: Sequence[str] = (),
) -> None:
    """Serve one pool until told to stop.

    Args:
        settings: The same as the server's, where several machines serve too.
        pool: `speech`, `transcribe` or `live`.
        kinds: What jobs can do.
        timing: Other than usual, for tests.
        attached: Stop when stdin closes: the server that started us is gone.
        machine: Other than this one, for tests.
        warm: Modules to import before the first job asks for them.
    """
    timing = timing or Timing()
    machine = machine or Machine.here(settings.outputs_dir, pool, shared=bool(settings.jobs_url))
    journal = Journal(SessionManager.from_settings(settings), lease_s=timing.lease_s, machine=machine.name)
    queue = Queue(settings.jobs_url, settings.queue_dir, pools_of(kinds))
    runner = Runner(journal, queue, kinds, Rates(settings.queue_dir / "rates.json"), settings, timing)
    lock = hold_lock(machine.lock, _stopped_by_whom(queue, timing, attached))
    if lock is None:
        return
    count = journal.release_dead(pool, None if machine.is_only_one else machine.name)
    if count:
        log.info("event=released_dead pool=%s count=%d", pool, count)
    tidy(settings.queue_dir)
    sign = Sign(settings.queue_dir, pool)
    sign.give()
    runner.heart.start()
    threads = threads_of(settings)[pool]
    if pool == LIVE_POOL:
        threads = _places(settings, sign, lambda: queue.stopping)
    tender = Tender(journal, queue, pool, sign, runner.heart, threads, Wear(runner.heart, settings.model_idle_minutes * 60))
    threading.Thread(target=tender.tend, args=(timing.tend_s,), name="tend", daemon=True).start()
    threading.Thread(target=_import, args=(warm,), name="warm", daemon=True).start()
    log.info("event=worker_started pool=%s threads=%d pid=%d", pool, threads, os.getpid())
    queue.serve(pool, threads, runner)
    sign.take_back()
    lock.close()
    log.info("event=worker_ended pool=%s pid=%d", pool, os.getpid())


def _places(settings: Settings, sign: Sign, stopping: Callable[[], bool]) -> int:
    """How many recordings this worker follows at one time; told to the servers. Measuring it may take longer than a sign lasts."""
    found = threading.Event()

    def live_on() -> None:
        while not found.wait(SIGN_EVERY_S):
            sign.give()

    threading.Thread(target=live_on, name="sign", daemon=True).start()
    try:
        places = live_slots.find(settings, stopping)
    finally:
        found.set()
    live_slots.tell(settings.queue_dir, sign.path, places)
    later = functools.partial(live_slots.tell_until_reachable, settings, sign.path, places)
    threading.Thread(target=later, name="tell", daemon=True).start()
    return places


def _stopped_by_whom(queue: Queue, timing: Timing, attached: bool) -> threading.Event:
    """Let a signal, or the end of the parent, stop the worker; the event is set then."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        if not stopped.is_set():
            stopped.set()
            queue.stop()
            _end_hard_after(timing.grace_s + HARD_STOP_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if attached:
        threading.Thread(target=_watch_parent, args=(stop,), name="parent", daemon=True).start()
    return stopped


def _watch_parent(stop: Callable[[], None]) -> None:
    """The server holds the other end of our stdin: it closes when the server ends, however it ends."""
    while os.read(sys.stdin.fileno(), 4096):
        continue
    stop()


def _end_hard_after(seconds: float) -> None:
    def end() -> None:
        log.warning("event=worker_ends_hard pid=%d", os.getpid())
        os._exit(3)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _resident_bytes() -> int:
    """Memory of this process, or 0 where the system does not tell it in this way."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


class Wear:
    """Says when a worker had better be replaced: it rests, its models are unloaded, and it still is far larger than at its start.

    Libraries of engines keep memory that they once took (SYSTRAN/faster-whisper#660, #1055); a new process has none of it.
    """

    def __init__(self, heart: Heart, models_idle_s: float, memory_bytes: Callable[[], int] = _resident_bytes) -> None:
        """Look at the memory now.

        Args:
            heart: Knows how long nothing has run.
            models_idle_s: After so long models are unloaded; 0 = never, and then nothing can be said.
            memory_bytes: Of this process; 0 where that is not known.
        """
        self._heart = heart
        self._after_s = models_idle_s + WORN_AFTER_S
        self._never = models_idle_s <= 0
        self._memory_bytes = memory_bytes
        self._at_start = memory_bytes()

    def is_worn(self) -> bool:
        """It is time."""
        if self._never or self._heart.rests_for_s() < self._after_s:
            return False
        return self._memory_bytes() - self._at_start > WORN_BYTES


class Tender:
    """What a worker does every few seconds beside its work: give a sign of life, bring lost jobs back."""

    def __init__(self, journal: Journal, queue: Queue, pool: str, sign: Sign, heart: Heart, threads: int, wear: Wear) -> None:
        self._journal = journal
        self._queue = queue
        self._pool = pool
        self._sign = sign
        self._heart = heart
        self._threads = threads
        self._wear = wear
        self._search_at = time.monotonic() + SEARCH_AFTER_S

    def tend(self, every_s: float) -> None:
        """Until the worker stops."""
        while not self._queue.stopping:
            self._sign.give()
            try:
                self._bring_back()
            except QueueAway:
                log.warning("event=queue_away pool=%s action=reconcile", self._pool)
            except (AppError, OSError) as exc:  # the next round tries again
                log.warning("event=reconcile_failed pool=%s trace=%s", self._pool, where(exc))
            if self._heart.hung() >= self._threads > 0:
                log.error("event=worker_hung pool=%s pid=%d", self._pool, os.getpid())
                os._exit(4)  # nothing else ends a thread that is stuck in a library; the supervisor starts a new worker
            if self._wear.is_worn():
                log.info("event=worker_worn pool=%s pid=%d", self._pool, os.getpid())
                self._queue.stop()  # whoever started us starts another one
            time.sleep(every_s)

    def _bring_back(self) -> None:
        count = self._journal.reconcile(self._queue, self._pool)
        if count:
            log.info("event=reconciled pool=%s count=%d", self._pool, count)
        if time.monotonic() >= self._search_at:
            self._search_at = time.monotonic() + SEARCH_EVERY_S
            count = self._journal.find_unmarked()
            if count:
                log.warning("event=unmarked_jobs pool=%s count=%d", self._pool, count)


def _import(modules: Sequence[str]) -> None:
    """The first job shall not wait for libraries; one that is missing is that job's business, not ours."""
    time.sleep(WARM_AFTER_S)
    began = time.monotonic()
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as exc:  # noqa: BLE001 - a broken library must not keep the worker from telling people so
            log.warning("event=warm_failed module=%s cause=%s", module, type(exc).__name__)
    log.info("event=warm seconds=%.2f", time.monotonic() - began)


def end() -> NoReturn:
    """End this process at once: the interpreter would wait for a decoding that was left behind, its job long handed back."""
    logging.shutdown()
    os._exit(0)  # children end with their pipes


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m utils.jobs.worker", description=__doc__)
    parser.add_argument("pool", choices=pools_of(KINDS))
    parser.add_argument("--attached", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # it tells each decoding, of which captions do two a second
    try:
        settings = Settings.load()
    except AppError as exc:
        parser.exit(2, f"{exc.sentence} {exc.hint}\n")
    if (niceness := NICENESS.get(options.pool)) and hasattr(os, "nice"):
        os.nice(niceness)
    if options.pool in MODEL_POOLS:
        heap.keep_as(heap.MODELS)
    run(settings, options.pool, attached=options.attached, warm=WARM.get(options.pool, ()))
    end()


if __name__ == "__main__":
    main()
