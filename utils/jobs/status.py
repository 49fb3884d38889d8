"""How jobs stand, for people: place in the queue, time left, and what /readyz tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from utils.jobs.contract import OPEN_STATES, JobStatus
from utils.jobs.journal import Journal
from utils.jobs.rates import Rates
from utils.jobs.records import JobName, Record

BOARD_AGE_S = 1.0  # one look at all open jobs serves every page for this long ...
BOARD_SHARE = 50  # ... and for this many times of what the look took, so that it costs 2 % of a core at most
FROM_PROGRESS_S = 1.0  # a running job's own pace is believed after this time ...
FROM_PROGRESS = 0.05  # ... and this share of the work
STOPPING = "Stopping."


@dataclass(frozen=True)
class OpenJob:
    """One line of the board."""

    name: JobName
    kind: str
    pool: str
    weight: float
    priority: int
    submitted_at: float
    running: bool


@dataclass(frozen=True)
class Health:
    """What /readyz tells about jobs.

    Attributes:
        queue: The queue answers.
        workers: Live worker processes by pool, on all machines that share the outputs folder.
        waiting: Jobs that wait.
        running: Jobs at work.
        oldest_waiting_s: Age of the job that has waited longest; 0 when none waits.
        pools: For each pool, how many of its jobs wait and how many run.
        ok: Jobs are being done: the queue answers, and every pool that is wanted has a worker.
    """

    queue: bool
    workers: dict[str, int]
    waiting: int
    running: int
    oldest_waiting_s: float
    pools: dict[str, dict[str, int]]
    ok: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class Board:
    """All open jobs, read at most once a second however many pages ask. What is done here is noted at once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._jobs: list[OpenJob] = []
        self._stale_at = float("-inf")

    def jobs(self) -> list[OpenJob]:
        """Open jobs in the order in which workers take them, about BOARD_AGE_S old."""
        with self._lock:
            began = time.monotonic()
            if began >= self._stale_at:
                self._jobs = sorted(self._read(), key=_place)
                ended = time.monotonic()
                self._stale_at = ended + max(BOARD_AGE_S, BOARD_SHARE * (ended - began))
            return self._jobs

    def add(self, name: JobName, record: Record) -> None:
        """A job was queued here."""
        with self._lock:
            others = [job for job in self._jobs if job.name != name]
            self._jobs = sorted([*others, _line(name, record, running=False)], key=_place)

    def remove(self, name: JobName) -> None:
        """A job was closed here."""
        with self._lock:
            self._jobs = [job for job in self._jobs if job.name != name]

    def _read(self) -> list[OpenJob]:
        found = []
        for name in self._journal.open_names():
            record = self._journal.read(name)
            if record and record["state"] in OPEN_STATES:
                running = record["state"] == "running" and self._journal.beats(name, record)
                found.append(_line(name, record, running=running))
        return found


def _line(name: JobName, record: Record, *, running: bool) -> OpenJob:
    place = record["priority"], record["submitted_at"]
    return OpenJob(name, record["kind"], record["pool"], weight_of(record), *place, running)


def _place(job: OpenJob) -> tuple[int, float]:
    return job.priority, job.submitted_at


def ahead_of(jobs: list[OpenJob], name: JobName, record: Record) -> list[OpenJob]:
    """Jobs of the same pool that wait and will be taken before this one."""
    mine = (record["priority"], record["submitted_at"])
    waiting = [job for job in jobs if job.pool == record["pool"] and not job.running and job.name != name]
    return [job for job in waiting if (job.priority, job.submitted_at) < mine]


def eta_running(record: Record, now: float, average_s: float | None) -> float | None:
    """Seconds left of a running job: from its own pace, else from what such jobs took lately."""
    elapsed_s = max(0.0, now - (record["started_at"] or now))
    share, moved = share_done(record), share_of_attempt(record)
    if moved >= FROM_PROGRESS and elapsed_s >= FROM_PROGRESS_S:
        return elapsed_s * (1 - share) / moved
    if average_s is None:
        return None
    left_s = average_s * weight_of(record) * (1 - share + moved) - elapsed_s
    return left_s if left_s > 0 else None  # slower than usual: nothing sensible can be said


def eta_queued(jobs: list[OpenJob], ahead: list[OpenJob], record: Record, slots: Mapping[str, int], rates: Rates) -> float | None:
    """Seconds until a waiting job is done, were all jobs as long as they are on average; running ones are half over."""
    own_s = rates.get(record["kind"])
    if own_s is None:
        return None
    before_s = sum((rates.get(job.kind) or own_s) * job.weight for job in ahead)
    before_s += sum((rates.get(job.kind) or own_s) * job.weight / 2 for job in jobs if job.running and job.pool == record["pool"])
    return float(before_s / max(1, slots.get(record["pool"], 1)) + own_s * weight_of(record))


def weight_of(record: Record) -> float:
    """Size of the work; records of older versions have only a cost."""
    return float(record["weight"] if "weight" in record else record["cost"])


def share_of_attempt(record: Record) -> float:
    """What the running attempt has done, 0 to 1: work that keeps checkpoints begins where an earlier one stopped."""
    total, before = float(record["total"]), float(record.get("done_before", 0))
    done = float(record["done"])
    return share_done(record) if total <= 0 or done < before else min(1.0, (done - before) / total)


def share_done(record: Record) -> float:
    """0 to 1."""
    if record["state"] == "done":
        return 1.0
    total = float(record["total"])
    return min(1.0, max(0.0, float(record["done"]) / total)) if total > 0 else 0.0


def status_of(name: JobName, record: Record, *, state: str, note: str, position: int, eta_s: float | None) -> JobStatus:
    """The record as everybody above sees it."""
    return JobStatus(
        id=name.item_id,
        session_id=name.session_id,
        kind=record["kind"],
        state=state,
        title=record["title"],
        progress=round(share_done(record), 4),
        done=record["done"],
        total=record["total"],
        note=note,
        position=position,
        eta_s=None if eta_s is None else round(eta_s, 1),
        error=record["error"],
        submitted_at=record["submitted_at"],
        started_at=record["started_at"],
        ended_at=record["ended_at"],
        attempt=record["attempt"],
    )
