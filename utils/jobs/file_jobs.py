"""The Jobs protocol over files: submit, status, cancel, retry, wait. For the server; workers use the journal directly."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from utils.errors import BadInput, Conflict, NotFound, TooMany
from utils.jobs.contract import OPEN_STATES, JobStatus, NewJob
from utils.jobs.journal import Journal
from utils.jobs.kinds import Kind
from utils.jobs.machine import live_workers
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import RECORD, JobName, Record, encode, new_record
from utils.jobs.status import STOPPING, Board, Health, ahead_of, eta_queued, eta_running, status_of
from utils.session_manager import SessionManager
from utils.storage import names
from utils.storage.made import Made, tell

SESSION_LIMIT = 32
TOTAL_LIMIT = 256
RETRY_AFTER_S = (2.0, 60.0)  # at least, at most
FIRST_LOOK_S, LAST_LOOK_S = 0.002, 0.05  # pauses of `wait`, growing
SIGN_FRESH_S = 20.0  # workers give a sign every 5 s
log = logging.getLogger(__name__)


class FileJobs:
    """Jobs kept as files in items. Implements `contract.Jobs`."""

    def __init__(
        self,
        journal: Journal,
        queue: Queue,
        kinds: Mapping[str, Kind],
        rates: Rates,
        *,
        slots: Mapping[str, int],
        session_limit: int = SESSION_LIMIT,
        total_limit: int = TOTAL_LIMIT,
    ) -> None:
        """Opens and starts nothing.

        Args:
            journal: Where the truth is.
            queue: Carries names to workers.
            kinds: What can be submitted.
            rates: How long jobs took lately.
            slots: Threads by pool, for estimates.
            session_limit: Most open jobs of one session.
            total_limit: Most open jobs in all.
        """
        self._journal = journal
        self._sessions: SessionManager = journal.sessions
        self._queue = queue
        self._kinds = kinds
        self._rates = rates
        self._slots = slots
        self._session_limit = session_limit
        self._total_limit = total_limit
        self._board = Board(journal)
        self._submitting = threading.Lock()

    # ---- the protocol

    def submit(self, session_id: str, job: NewJob) -> JobStatus:
        """Make the item (or take the one named), admit the job, queue it.

        Raises:
            NotFound: There is no such session or item.
            BadInput: There is no such kind of work.
            Conflict: The item has an open job.
            TooMany: A limit of open jobs is reached; `retry_after_s` is set.
            QuotaExceeded: The session's quota is used up.
        """
        kind = self._kinds.get(job.kind)
        if kind is None:
            raise BadInput(f"There is no work of the kind {job.kind!r}.")
        with self._submitting, self._sessions.lease(session_id):
            mine = self._admitted(session_id, kind.pool)
            priority = self._journal.open_cost(mine, kind.pool)
            name, record = self._publish(session_id, job, kind.pool, priority, mine)
        return self._handed_over(name, record)

    def status(self, session_id: str, job_id: str) -> JobStatus:
        """How the job stands. Raises NotFound."""
        name, record = self._found(session_id, job_id)
        self._heal(name, record)
        if record["state"] in OPEN_STATES and self._journal.close_late(name, record):
            name, record = self._found(session_id, job_id)
        return self._status(name, record)

    def of_session(self, session_id: str, *, open_only: bool = False) -> list[JobStatus]:
        """Jobs of a session, newest first; none when there is no such session."""
        wanted = self._journal.open_names(session_id) if open_only else self._journal.names_of(session_id)
        records = [(name, self._journal.read(name)) for name in wanted]
        found = [self._status(name, record) for name, record in records if record]
        return sorted((job for job in found if job.is_open or not open_only), key=lambda job: job.submitted_at, reverse=True)

    def cancel(self, session_id: str, job_id: str) -> JobStatus:
        """Ask to stop, and close the job at once if nobody runs it. Raises NotFound; Conflict when it is over already."""
        name, record = self._found(session_id, job_id)
        if record["state"] not in OPEN_STATES:
            raise Conflict("This work is over already.")
        self._journal.ask_to_stop(name)
        claimed = self._journal.claim(name)
        if claimed:
            lease, record = claimed
            record |= {"state": "cancelled", "lease": lease.number, "note": "", "ended_at": self._journal.clock()}
            self._journal.save(name, record)
        log.info("event=job_cancelled job=%s at_once=%s", name.logged, bool(claimed))
        if claimed:
            self._board.remove(name)
        return self._status(*self._found(session_id, job_id))

    def retry(self, session_id: str, job_id: str) -> JobStatus:
        """Run a failed or cancelled job again from its checkpoints.

        Raises:
            NotFound: There is no such job.
            Conflict: It is open, or done.
            TooMany: A limit of open jobs is reached.
        """
        with self._submitting, self._sessions.lease(session_id):
            name, record = self._found(session_id, job_id)
            if record["state"] in OPEN_STATES:
                raise Conflict("This work is not over yet.", "Wait for its end, or cancel it.")
            if record["state"] == "done":
                raise Conflict("This work is done.", "Start it anew if you want it once more.")
            mine = self._admitted(session_id, record["pool"])
            number = self._journal.newest_number(name, record)
            record |= {
                "state": "queued",
                "priority": self._journal.open_cost(mine, record["pool"]),
                "base": number,
                "lease": number,
            }
            record |= {"handed_back": 0, "attempt": 0, "error": None, "note": "", "not_before": 0.0}
            record |= {"submitted_at": self._journal.clock(), "started_at": None, "ended_at": None}
            tell(session_id, Made(job_id, submitted_at=record["submitted_at"]))
            self._journal.forget_stop(name)
            self._journal.add_marker(name)
            self._journal.save(name, record)
        return self._handed_over(name, record)

    def wait(self, session_id: str, job_id: str, timeout_s: float) -> JobStatus:
        """Block until the job is over or the time is up, and say how it stands. Raises NotFound."""
        name, record = self._found(session_id, job_id)
        deadline, pause_s = time.monotonic() + timeout_s, FIRST_LOOK_S
        self._heal(name, record)
        while self._sessions.markers.has(session_id, job_id) and time.monotonic() < deadline:
            time.sleep(min(pause_s, max(0.0, deadline - time.monotonic())))
            pause_s = min(LAST_LOOK_S, pause_s * 1.1)
        return self.status(session_id, job_id)

    # ---- for the server

    def is_open(self, session_id: str, job_id: str) -> bool:
        """Is the job not over yet? One look at the index, quick enough for an event loop; False for unknown ids."""
        return names.is_item_id(job_id) and names.is_session_id(session_id) and self._sessions.markers.has(session_id, job_id)

    def health(self) -> Health:
        """What /readyz tells. Reads one listing and the open records, at most once a second."""
        jobs = self._board.jobs()
        waiting = [job for job in jobs if not job.running]
        queue = self._queue.reachable()
        folder = self._sessions.outputs / ".queue"
        now = self._journal.now()
        workers = {pool: live_workers(folder, pool, SIGN_FRESH_S, now) for pool in self._queue.pools}
        oldest = min((job.submitted_at for job in waiting), default=None)
        oldest_s = 0.0 if oldest is None else max(0.0, self._journal.clock() - oldest)
        wanted = all(workers[pool] for pool in self._queue.pools if self._slots.get(pool, 0) > 0)
        pools = {
            pool: {
                "waiting": sum(job.pool == pool for job in waiting),
                "running": sum(job.pool == pool and job.running for job in jobs),
            }
            for pool in workers
        }
        return Health(queue, workers, len(waiting), len(jobs) - len(waiting), round(oldest_s, 1), pools, queue and wanted)

    def close(self) -> None:
        """Let go of the queue; the next call opens it again."""
        self._queue.close()

    # ---- inside

    def _found(self, session_id: str, job_id: str) -> tuple[JobName, Record]:
        self._sessions.item_path(session_id, job_id)  # NotFound for unknown, malformed and foreign ids
        name = JobName(session_id, job_id)
        record = self._journal.read(name)
        if not record:
            raise NotFound("There is no such work.", "It may have been deleted.")
        return name, record

    def _admitted(self, session_id: str, pool: str) -> set[JobName]:
        """The session's open jobs, if it may have one more."""
        everyone = self._journal.open_names()
        mine = {name for name in everyone if name.session_id == session_id}
        after_s = self._retry_after_s(pool)
        hint = f"Wait for one of them to end, about {after_s:.0f} s, or cancel one."
        if len(mine) >= self._session_limit:
            raise TooMany(
                f"{self._session_limit} pieces of work are open in this session, the most allowed.", hint, retry_after_s=after_s
            )
        if len(everyone) >= self._total_limit:
            raise TooMany(
                f"This server is busy: {self._total_limit} pieces of work are open, the most allowed.", hint, retry_after_s=after_s
            )
        return mine

    def _retry_after_s(self, pool: str) -> float:
        """When one place should be free: the average time of a job, shared by the pool's threads."""
        known = [
            rate for rate in (self._rates.get(key) for key, kind in self._kinds.items() if kind.pool == pool) if rate is not None
        ]
        least, most = RETRY_AFTER_S
        return min(most, max(least, max(known, default=least) / max(1, self._slots.get(pool, 1))))

    def _publish(self, session_id: str, job: NewJob, pool: str, priority: int, mine: set[JobName]) -> tuple[JobName, Record]:
        now = self._journal.clock()
        if job.item_id is None:
            record = new_record(job, pool, priority=priority, now=now)
            item = self._sessions.create_item(
                session_id,
                folder=job.folder,
                kind=job.item_kind,
                title=job.title,
                request=job.request,
                files={**job.files, RECORD: encode(record)},
                built=job.built,
                listed=job.listed,
            )
            name = JobName(session_id, item.id)
            self._journal.add_marker(name)  # killed just before: `find_unmarked` and `_heal` bring the job back
            return name, record
        name = JobName(session_id, job.item_id)
        self._sessions.item_path(session_id, job.item_id)
        old = self._journal.read(name)
        if name in mine or old.get("state") in OPEN_STATES:
            raise Conflict("Work on this item is still running.", "Wait for its end, or cancel it.")
        record = new_record(job, pool, priority=priority, now=now, base=self._journal.newest_number(name, old))
        self._journal.forget_stop(name)
        tell(session_id, Made(job.item_id, submitted_at=now))
        self._journal.add_marker(name)
        if job.request:
            record["request"] = job.request  # killed before the next line: the runner puts it into the item
        self._journal.save(name, record)
        if job.request:
            self._sessions.update_item(session_id, job.item_id, request=job.request)
        return name, record

    def _handed_over(self, name: JobName, record: Record) -> JobStatus:
        queued = self._queue.enqueue(record["pool"], str(name), record["priority"])
        log.info(
            "event=job_submitted job=%s kind=%s priority=%d queued=%s", name.logged, record["kind"], record["priority"], queued
        )
        self._board.add(name, record)
        return self._status(name, record)

    def _heal(self, name: JobName, record: Record) -> None:
        """An open job without a marker would never be run: a submit was killed half-way, or a deleted item was taken back."""
        if record["state"] in OPEN_STATES and not self._sessions.markers.has(name.session_id, name.item_id):
            if self._journal.read(name).get("state") not in OPEN_STATES:
                return  # closed in this moment
            self._journal.add_marker(name)
            self._queue.enqueue(record["pool"], str(name), record["priority"])

    def _status(self, name: JobName, record: Record) -> JobStatus:
        state: str = record["state"]
        more: dict[str, Any] = {"note": record["note"], "position": 0, "eta_s": None}
        if state == "running" and not self._journal.beats(name, record):
            state = "queued"  # its worker is gone, or has just ended it
            record = self._journal.read(name) or record
            state = record["state"] if record["state"] not in OPEN_STATES else state
        if state == "queued":
            jobs = self._board.jobs()
            ahead = ahead_of(jobs, name, record)
            more |= {"position": len(ahead) + 1, "eta_s": eta_queued(jobs, ahead, record, self._slots, self._rates)}
        elif state == "running":
            more["eta_s"] = eta_running(record, self._journal.clock(), self._rates.get(record["kind"]))
        if state in OPEN_STATES and self._asked_to_stop(name):
            more["note"] = STOPPING
        return status_of(name, record, state=state, **more)

    def _asked_to_stop(self, name: JobName) -> bool:
        try:
            return (self._journal.home(name) / "cancel").exists()
        except NotFound:
            return False
