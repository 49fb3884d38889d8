"""Runs one job at a time for each calling thread, and settles how it ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from utils.errors import AppError, Cancelled, NotFound, StoreUnavailable
from utils.jobs.context import Context, HandBack, JobCancelled, LeaseLost, Shared
from utils.jobs.ended import Ended, EndedLog
from utils.jobs.heart import Heart, Pulse
from utils.jobs.journal import LEASE_S, Journal
from utils.jobs.kinds import Kind
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName, Record, WorkerDied
from utils.jobs.status import share_of_attempt, weight_of
from utils.jobs.traces import where
from utils.settings import Settings

MAX_TRIES = 3
SUSPECT_S = 15.0  # after a death its jobs run one at a time for this long each, so that the deadly one finds no company
SUSPECT_AGAIN_S = 1.0
LOOK_AROUND_EVERY_S = 1.0  # how often an expired slice asks whether anybody waits
LOOK_AROUND_OFTEN_S = 0.3  # how often work does that gives way at any time
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How a worker spends its time; tests are quicker than people.

    Attributes:
        lease_s: After this silence a job is anybody's. The same in servers and workers.
        tend_s: Between two rounds that bring lost jobs back.
        slice_s: A resumable job that ran this long makes room if another session waits.
        grace_s: After a request to stop, running jobs may go on for this long before they hand back.
        retry_s: Before a job that failed by surprise is tried again.
        settle_s: Pauses between tries to write how a job ended on a disk that refuses.
    """

    lease_s: float = LEASE_S
    tend_s: float = 5.0
    slice_s: float = 600.0
    grace_s: float = 5.0
    retry_s: float = 2.0
    settle_s: tuple[float, ...] = (0.5, 1.0, 2.0)


class Suspects:
    """Jobs whose last attempt ended with its process: each of them may be what killed it, and all others in it.

    They run one at a time until one has lived for SUSPECT_S, so that a deadly one does not take the same companions along
    three times.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._name: JobName | None = None
        self._until = 0.0

    def enter(self, name: JobName) -> bool:
        """May this one run now?"""
        with self._lock:
            if self._name is not None and time.monotonic() < self._until:
                return False
            self._name, self._until = name, time.monotonic() + SUSPECT_S
            return True

    def leave(self, name: JobName) -> None:
        """It has ended and everybody lives. Only for who has entered."""
        with self._lock:
            if self._name == name:
                self._name = None


class Runner:
    """What a worker does with each name from the queue."""

    def __init__(
        self, journal: Journal, queue: Queue, kinds: Mapping[str, Kind], rates: Rates, settings: Settings, timing: Timing
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._kinds = kinds
        self._rates = rates
        self._settings = settings
        self._timing = timing
        self._shared = Shared()
        self._ended = EndedLog(journal.sessions.outputs)
        self._unsettled: dict[JobName, dict[str, Any]] = {}  # how jobs ended that the disk refused to note
        self._suspects = Suspects()
        self.heart = Heart(timing.lease_s, self._close_over)

    def __call__(self, text: str) -> None:
        """Run the job if it is still open and nobody else runs it."""
        name = JobName.parse(text)
        if name is None:
            return
        record = self._journal.read(name)
        suspect = record.get("state") == "running" and not self._journal.beats(name, record)
        if suspect and not self._suspects.enter(name):
            self._again(name, record, SUSPECT_AGAIN_S)
            return
        claimed = self._journal.claim(name)
        if claimed is None:
            if suspect:  # a second delivery of a suspect that runs already must not let the next one in beside it
                self._suspects.leave(name)
            return  # closed, gone, or in other hands
        lease, record = claimed
        pulse = Pulse(name, lease)
        self.heart.add(pulse)
        try:
            again_in_s = self._attempt(pulse, record)
        finally:
            self.heart.remove(pulse)
            if suspect:
                self._suspects.leave(name)
        if again_in_s is not None:
            lease.release()
            self._again(name, record, again_in_s)

    def _again(self, name: JobName, record: Record, in_s: float) -> None:
        def enqueue() -> None:
            self._queue.enqueue(record["pool"], str(name), record["priority"])

        if in_s <= 0:
            enqueue()
            return
        timer = threading.Timer(in_s, enqueue)
        timer.daemon = True  # should the process end before, reconciling brings the job back
        timer.start()

    def _attempt(self, pulse: Pulse, record: Record) -> float | None:
        """One attempt. Returns after how many seconds the job should run again, or None."""
        kind = self._kinds.get(record["kind"])
        tries = _count(record, pulse.lease.number, resumable=bool(kind and kind.resumable))
        try:
            item = self._journal.sessions.get_item(pulse.name.session_id, pulse.name.item_id)
        except NotFound:
            return None
        rule = self._yield_rule(kind, pulse.name)
        context = Context(
            self._journal,
            pulse,
            record,
            item=item,
            settings=self._settings,
            shared=self._shared,
            must_yield=rule,
            stopping=self._must_stop,
        )
        if pulse.name in self._unsettled:
            return self._settle(context, record, self._unsettled[pulse.name])
        if kind is None or tries > MAX_TRIES:
            error = _died() if kind else AppError(f"This server does not know the work {record['kind']!r}.", "Update it.")
            return self._settle(context, record, _failed(error))
        started = time.monotonic()
        log.info("event=job_started job=%s kind=%s attempt=%d", pulse.name.logged, record["kind"], tries)
        outcome = self._outcome(context, kind, tries, started)
        return None if outcome is None else self._settle(context, record, outcome)

    def _outcome(self, context: Context, kind: Kind, tries: int, started: float) -> dict[str, Any] | None:
        """Do the work; what to write into the record then, or None when there is nothing of ours to write."""
        record, now = context.record, self._journal.clock
        try:
            context.check()
            fresh = {} if kind.resumable else {"done": 0, "total": 0}
            context.take_request()
            context.begin(state="running", started_at=now(), ended_at=None, error=None, note="", not_before=0.0, **fresh)
            kind.run(context)
        except LeaseLost:
            log.info("event=lease_lost job=%s", context.name.logged)
            return None
        except JobCancelled:
            return {"state": "cancelled"}
        except HandBack:
            # One slice was used: the priority falls by one, so that two long jobs take turns.
            return {"state": "queued", "handed_back": record["handed_back"] + 1, "priority": record["priority"] + 1}
        except Cancelled:
            return {"state": "cancelled"}  # an engine's own word for it
        except AppError as error:
            if context.is_lost:  # most likely the item was deleted under the engine
                return None
            log.info("event=job_refused job=%s code=%s trace=%s", context.name.logged, error.code, where(error))
            return _failed(error)
        except Exception as error:  # noqa: BLE001 - the boundary: a library may raise anything
            if context.is_lost:
                return None
            log.error(
                "event=job_broke job=%s attempt=%d error=%s trace=%s",
                context.name.logged,
                tries,
                type(error).__name__,
                where(error),
            )
            if tries >= MAX_TRIES:
                return _failed(_surprise(tries))
            return {"state": "queued", "not_before": now() + self._timing.retry_s}
        done = share_of_attempt(record) if kind.resumable else 1.0
        self._rates.learn(record["kind"], time.monotonic() - started, weight_of(record) * done)
        return self._followed(context, kind) or {"state": "done", "error": None}

    def _followed(self, context: Context, kind: Kind) -> dict[str, Any]:
        """How the same job goes on as another kind of work, in its own pool; {} when all is done."""
        name = kind.follow(context) if kind.follow else ""
        then = self._kinds.get(name)
        if then is None:
            return {}
        record, now = context.record, self._journal.clock()
        ended = {**record, "state": "done", "ended_at": now}
        self._ended.note(_ended(ended, self._journal.machine, context.item.result.get("seconds")))
        counts = {"done": 0, "done_before": 0, "total": 0, "attempt": 0, "handed_back": 0, "base": record["lease"]}
        times = {"submitted_at": now, "started_at": None, "not_before": 0.0}
        return {"state": "queued", "kind": name, "pool": then.pool, **counts, **times}

    def _settle(self, context: Context, record: Record, outcome: dict[str, Any]) -> float | None:
        """Write how the attempt ended. Returns after how many seconds the job should run again, or None."""
        outcome = {**outcome, "note": ""}
        if outcome["state"] != "queued":
            outcome.setdefault("ended_at", self._journal.clock())
        for pause_s in (*self._timing.settle_s, None):
            try:
                context.save(**outcome)
                break
            except LeaseLost:
                return None
            except StoreUnavailable:
                if pause_s is None:  # remembered, and written when reconciling brings the job here again
                    log.error("event=job_unsettled job=%s state=%s", context.name.logged, outcome["state"])
                    self._unsettled[context.name] = outcome
                    return None
                time.sleep(pause_s)
        self._unsettled.pop(context.name, None)
        took_s = self._journal.clock() - (record["started_at"] or self._journal.clock())
        log.info(
            "event=job_ended job=%s kind=%s state=%s seconds=%.3f", context.name.logged, record["kind"], record["state"], took_s
        )
        if record["state"] != "queued":
            self._ended.note(_ended(record, self._journal.machine, context.item.result.get("seconds")))
            return None
        return self._timing.retry_s if record["not_before"] else 0.0

    def _close_over(self, pulse: Pulse) -> None:
        """A job does not react to its cancellation: overtake its lease, so that it writes nothing more, and close it."""
        if self._journal.close_over(pulse.name, pulse.lease.number):
            log.info("event=job_closed_over job=%s", pulse.name.logged)

    def _must_stop(self) -> bool:
        return self._queue.stopping_for_s > self._timing.grace_s

    def _yield_rule(self, kind: Kind | None, name: JobName) -> Callable[[], bool]:
        """When a job has to hand back its slot: its slice is over and others wait, or the worker is stopping."""
        slice_s, gives_way = self._timing.slice_s, bool(kind and kind.gives_way)
        if kind is not None and kind.slice_s is not None:
            slice_s = min(slice_s, kind.slice_s)
        began = time.monotonic()
        looked_at = began if gives_way else 0.0  # some work is done in any case, so that it gets on
        look_every_s = LOOK_AROUND_OFTEN_S if gives_way else LOOK_AROUND_EVERY_S

        def must_yield() -> bool:
            nonlocal looked_at
            now = time.monotonic()
            if self._queue.stopping:
                return self._must_stop()
            if kind is None or not kind.resumable or now - looked_at < look_every_s:
                return False
            used_up = now - began >= slice_s
            if not (used_up or gives_way):
                return False
            looked_at = now
            return self._journal.others_wait(kind.pool, name.session_id, new_only=not used_up)

        return must_yield


def _count(record: Record, number: int, *, resumable: bool) -> int:
    """Which try lease `number` is, noted in the record. Work that keeps checkpoints begins to count anew when it got on."""
    if resumable and record["done"] > record.get("done_before", 0):
        record["base"] = number - 1 - record["handed_back"]
    record["done_before"] = record["done"]
    tries = number - record["base"] - record["handed_back"]
    record["lease"], record["attempt"] = number, min(tries, MAX_TRIES)
    return int(tries)


def _ended(record: Record, machine: str, sound_s: object) -> Ended:
    ended_at, started_at = record["ended_at"], record["started_at"] or record["ended_at"]
    return Ended(
        when=ended_at,
        machine=machine,
        pool=record["pool"],
        kind=record["kind"],
        state=record["state"],
        code=(record["error"] or {}).get("code", ""),
        waited_s=round(max(0.0, started_at - record["submitted_at"]), 3),
        ran_s=round(max(0.0, ended_at - started_at), 3),
        sound_s=float(sound_s) if isinstance(sound_s, int | float) and record["state"] == "done" else 0.0,
    )


def _failed(error: AppError) -> dict[str, Any]:
    return {"state": "failed", "error": error.as_dict()}


def _died() -> WorkerDied:
    return WorkerDied(
        f"The work was begun {MAX_TRIES} times and the program that does it stopped each time.",
        "Try it with less or other text; if it stops again, tell whoever runs this server.",
    )


def _surprise(tries: int) -> AppError:
    return AppError(
        f"Something went wrong here that we did not foresee, {tries} times in a row.",
        "Try again later; if it stays so, tell whoever runs this server.",
    )
