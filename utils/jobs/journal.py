"""Jobs on disk: the truth about every job, and the one lock that decides who runs it.

    <item>/job.json   the record, replaced whole, never edited in place
    <item>/lease.N    attempt N belongs to whoever created it (O_CREAT | O_EXCL); its mtime is the heartbeat
    <item>/cancel     somebody asked to stop
    outputs/.open/<session>~<item>   one empty file for each unfinished job ("marker"): the index
    outputs/.open/.clock             touched to read the file server's clock

Lease numbers are never used twice in an item, not even after a retry by hand: a worker that was frozen and wakes must find
its number overtaken or gone. The queue only carries names and may lose any of them; `reconcile` brings them back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from utils.errors import NotFound
from utils.jobs.contract import OPEN_STATES
from utils.jobs.leases import FileClock, Lease
from utils.jobs.records import RECORD, JobName, Record, decode, encode
from utils.session_manager import SessionManager
from utils.storage.names import is_item_id, is_session_id
from utils.storage.sessions import FOLDERS

LEASE_S = 15.0  # a job whose worker was not heard of for this long is anybody's; over NFS at least 30
MARKER_GRACE_S = 60.0  # a marker without a record may be a submit in progress for this long
LATE_S = 2.0  # a cancelled job that is still open after this long is closed by whoever looks


class Waiting(Protocol):
    """What reconciling needs from a queue."""

    def enqueue(self, pool: str, name: str, priority: int) -> bool:
        """Hand a name over."""
        ...

    def pending(self, pool: str) -> set[str]:
        """Names that wait."""
        ...


class Journal:
    """Reads and writes the files above, for the server and for every worker; holds no truth of its own."""

    def __init__(
        self,
        sessions: SessionManager,
        *,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = time.time,
        machine: str = "",
        marker_grace_s: float = MARKER_GRACE_S,
    ) -> None:
        """Holds nothing open.

        Args:
            sessions: The store.
            lease_s: The same for servers and workers.
            clock: For what people see; leases go by the file server's clock.
            machine: Who we are, written into the leases that we take.
            marker_grace_s: See MARKER_GRACE_S.
        """
        self.sessions = sessions
        self.lease_s = lease_s
        self.clock = clock
        self.machine = machine
        self._marker_grace_s = marker_grace_s
        self._file_clock = FileClock(sessions.outputs / ".open" / ".clock")
        self._file_clock_folder = sessions.outputs / ".open"
        self._orphans: dict[str, float] = {}  # markers without a record, and when this process first saw them

    # ---- reading

    def home(self, name: JobName) -> Path:
        """The item's folder. Raises NotFound."""
        return self.sessions.item_path(name.session_id, name.item_id)

    def read(self, name: JobName) -> Record:
        """The record as it was last written, or {} when there is none."""
        try:
            return decode((self.home(name) / RECORD).read_bytes())
        except (NotFound, FileNotFoundError, NotADirectoryError):
            return {}

    def open_names(self, session_id: str | None = None) -> set[JobName]:
        """Unfinished jobs of one session or of all. One listing, no file is opened."""
        return {JobName(*pair) for pair in self.sessions.markers.ids(session_id)}

    def names_of(self, session_id: str) -> set[JobName]:
        """All jobs of a session, open or not; none when there is no such session. No file is opened."""
        return {name for name, record in self._records(session_id) if record.exists()}

    def beats(self, name: JobName, record: Record) -> bool:
        """Is somebody at work on it, as far as the newest lease tells?"""
        try:
            return self._newest(self.home(name), record)[1]
        except NotFound:
            return False

    def others_wait(self, pool: str, session_id: str, *, new_only: bool = False) -> bool:
        """Does any other session have a job that waits for this pool? With `new_only`: one that has not had a turn yet."""
        for name in self.open_names():
            if name.session_id != session_id:
                record = self.read(name)
                waits = record.get("pool") == pool and record["state"] == "queued" and record["not_before"] <= self.clock()
                if waits and not (new_only and record["handed_back"]):
                    return True
        return False

    def open_cost(self, names: Iterable[JobName], pool: str) -> int:
        """Sum of the costs of these jobs in a pool."""
        records = [self.read(name) for name in names]
        return sum(int(record["cost"]) for record in records if record.get("pool") == pool)

    # ---- leases

    def newest_number(self, name: JobName, record: Record) -> int:
        """Number of the newest lease. Raises NotFound."""
        return self._newest(self.home(name), record)[0]

    def claim(self, name: JobName) -> tuple[Lease, Record] | None:
        """Win the next attempt of an open job, or None. O_EXCL is the only lock there is: one winner for each number.

        The record is read again after winning: it may have been closed, or retried by hand, in between.
        """
        record = self.read(name)
        if record.get("state") not in OPEN_STATES:
            return None
        try:
            home = self.home(name)
            number, beating = self._newest(home, record)
            if beating:
                return None
            lease = Lease(home, number + 1)
            lease.take(self.machine)
        except (NotFound, FileExistsError, FileNotFoundError, NotADirectoryError):
            return None
        record = self.read(name)
        if record.get("state") not in OPEN_STATES or record["lease"] >= lease.number or lease.is_lost:
            lease.path.unlink(missing_ok=True)
            return None
        return lease, record

    def close_over(self, name: JobName, number: int) -> bool:
        """Cancel a job over the head of whoever holds lease `number`, though it beats: he finds himself overtaken.

        Returns:
            Whether the job was open and is now cancelled.
        """
        try:
            lease = Lease(self.home(name), number + 1)
            lease.take(self.machine)
        except (NotFound, FileExistsError, FileNotFoundError, NotADirectoryError):
            return False
        record = self.read(name)
        if record.get("state") not in OPEN_STATES:
            return False
        self.save(name, record | {"state": "cancelled", "lease": lease.number, "note": "", "ended_at": self.clock()})
        return True

    def close_late(self, name: JobName, record: Record) -> bool:
        """Close a job that was told to stop LATE_S ago and is still open: its worker died, froze or does not listen."""
        try:
            told_at = (self.home(name) / "cancel").stat().st_mtime
            late = self.now() - told_at >= LATE_S
            return late and self.close_over(name, self.newest_number(name, record))
        except (NotFound, FileNotFoundError, NotADirectoryError):
            return False

    def release_dead(self, pool: str, machine: str | None) -> int:
        """Release the leases of workers that are known to be dead, instead of letting them go stale.

        Args:
            pool: Jobs of this pool.
            machine: Only those that were taken on this machine; None = all.

        Returns:
            How many.
        """
        count = 0
        for name in self.open_names():
            record = self.read(name)
            if record.get("pool") != pool or not self.beats(name, record):
                continue
            with suppress(NotFound, OSError):
                lease = Lease(self.home(name), self.newest_number(name, record))
                if machine is None or lease.path.read_text("utf-8") == machine:
                    lease.release()
                    count += 1
        return count

    def _newest(self, home: Path, record: Record) -> tuple[int, bool]:
        """Number of the newest lease, and whether it beats. Numbers have no gaps above the record's own."""
        number = int(record.get("lease", 0))
        while (home / f"lease.{number + 1}").exists():
            number += 1
        try:
            beaten_at = (home / f"lease.{number}").stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return number, False
        return number, self.now() - beaten_at < self.lease_s

    def now(self) -> float:
        """The file server's clock."""
        self._file_clock_folder.mkdir(parents=True, exist_ok=True)
        return self._file_clock.now()

    # ---- writing

    def save(self, name: JobName, record: Record, *, durable: bool = False) -> None:
        """Write the record as it is now; a closed job leaves the index and loses its leases.

        Without fsync a power cut may bring an older record back, and the job then simply runs again.

        Raises:
            NotFound: The item is gone.
            StoreUnavailable: The disk is full or read-only; the old record stays.
        """
        self.sessions.write_file(name.session_id, name.item_id, RECORD, encode(record), durable=durable)
        if record["state"] not in OPEN_STATES:
            self._tidy(name)  # before the marker goes: killed in between, reconciling does both again
            self.drop_marker(name)

    def add_marker(self, name: JobName) -> None:
        """Put a job into the index."""
        self.sessions.markers.add(name.session_id, name.item_id)

    def drop_marker(self, name: JobName) -> None:
        """Take a job out of the index."""
        self.sessions.markers.drop(name.session_id, name.item_id)

    def ask_to_stop(self, name: JobName) -> None:
        """Leave a note for whoever runs the job. Raises NotFound."""
        (self.home(name) / "cancel").touch()

    def forget_stop(self, name: JobName) -> None:
        """Take the note back. Raises NotFound."""
        (self.home(name) / "cancel").unlink(missing_ok=True)

    def _tidy(self, name: JobName) -> None:
        """Remove what a closed job no longer needs; its record remembers the last lease number."""
        with suppress(NotFound, OSError):
            home = self.home(name)
            for path in [*home.glob("lease.*"), home / "cancel"]:
                path.unlink(missing_ok=True)

    # ---- bringing back

    def reconcile(self, queue: Waiting, pool: str) -> int:
        """Queue again whatever the queue or a dead worker lost in a pool; every worker does this every few seconds.

        The index is listed before the queue: a job that a worker takes in between is at worst queued twice, and the lease
        makes the second one void.

        Returns:
            How many were queued again.
        """
        names, count = self.open_names(), 0
        if not names:
            self._orphans.clear()
            return 0
        waiting = queue.pending(pool)
        for name in names:
            if str(name) in waiting:
                continue
            record = self.read(name)
            if not record:
                self._drop_orphan(name)
            elif record["state"] not in OPEN_STATES:
                self._tidy(name)  # killed between closing the record and dropping the marker
                self.drop_marker(name)
            elif self.close_late(name, record):
                continue
            elif record["pool"] == pool and record["not_before"] <= self.clock() and not self.beats(name, record):
                count += queue.enqueue(pool, str(name), record["priority"])
        return count

    def find_unmarked(self) -> int:
        """Mark unfinished jobs that nobody knows of: a submit that was killed half-way, a marker that a power cut took.

        Reads the record of every item, so it is for the start of a worker.

        Returns:
            How many were found.
        """
        known, count = self.open_names(), 0
        for session_id in self.sessions.get_all_session_ids():
            for name, record in self._records(session_id):
                if name not in known and _peek(record).get("state") in OPEN_STATES:
                    self.add_marker(name)
                    count += 1
        return count

    def _records(self, session_id: str) -> Iterator[tuple[JobName, Path]]:
        """Items of a session, and where the record of each one's job lies if it has one."""
        if not is_session_id(session_id):
            return
        for folder in FOLDERS:
            place = self.sessions.outputs / session_id / folder
            with suppress(OSError):  # deleted while we look
                for item_id in os.listdir(place):
                    if is_item_id(item_id):
                        yield JobName(session_id, item_id), place / item_id / RECORD

    def _drop_orphan(self, name: JobName) -> None:
        first_seen = self._orphans.setdefault(str(name), time.monotonic())
        if time.monotonic() - first_seen > self._marker_grace_s:
            del self._orphans[str(name)]
            self.drop_marker(name)


def _peek(path: Path) -> Record:
    try:
        return decode(path.read_bytes())
    except OSError:
        return {}
