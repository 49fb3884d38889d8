"""Jobs as everybody above sees them: a state, a progress, a place, an error; and the Jobs protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from utils.storage.item import ItemFile

OPEN_STATES = frozenset({"queued", "running"})
STATES = ("queued", "running", "done", "failed", "cancelled")


@dataclass(frozen=True)
class NewJob:
    """Work to be done on an item.

    Attributes:
        kind: A key of `jobs.kinds.KINDS`, e.g. "speech".
        title: Of the item to be made.
        item_kind: `Item.kind` of it.
        request: Plain data, kept in the item; all that the work needs to know.
        folder: `single` or `bulk`.
        cost: Share of the pool, in slices; a single speech is 1.
        item_id: An existing item to work on, instead of a new one.
        files: First files of a new item, such as an uploaded table.
        built: Files of the same session that the new item takes over under these names, without copying.
        listed: What of those is finished from the first moment.
        weight: Size of the work for estimates, in minutes of sound or the like; None = its cost.
    """

    kind: str
    title: str
    item_kind: str
    request: dict[str, Any] = field(default_factory=dict)
    folder: str = "single"
    cost: int = 1
    item_id: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    built: Mapping[str, Path] = field(default_factory=dict)
    listed: tuple[ItemFile, ...] = ()
    weight: float | None = None


@dataclass(frozen=True)
class JobStatus:
    """How a job stands now.

    Attributes:
        id: The same as the id of the item that it fills; an item has at most one job.
        session_id: Whose it is.
        kind: What it does.
        state: One of STATES.
        title: Of the item.
        progress: 0 to 1.
        done: Units finished (pieces, rows, ...).
        total: Units in all; 0 while unknown.
        note: One sentence for the person who waits, or empty.
        position: Place in the queue, 1 = next; 0 when not waiting.
        eta_s: Estimated seconds until the end, or None.
        error: `AppError.as_dict()` of a failed job, or None.
        submitted_at: Seconds since the epoch.
        started_at: Seconds since the epoch, or None.
        ended_at: Seconds since the epoch, or None.
        attempt: 1 for the first try.
    """

    id: str
    session_id: str
    kind: str
    state: str
    title: str = ""
    progress: float = 0.0
    done: float = 0
    total: float = 0
    note: str = ""
    position: int = 0
    eta_s: float | None = None
    error: dict[str, Any] | None = None
    submitted_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    attempt: int = 0

    @property
    def is_open(self) -> bool:
        """Still waiting or running."""
        return self.state in OPEN_STATES


class Jobs(Protocol):
    """Work that outlives a click. Ids are validated; foreign and unknown ones raise NotFound alike."""

    def submit(self, session_id: str, job: NewJob) -> JobStatus:
        """Make the item, admit the job, queue it.

        Raises:
            TooMany: a limit of open jobs is reached; `retry_after_s` is set.
            QuotaExceeded: the session's quota is used up.
        """
        ...

    def status(self, session_id: str, job_id: str) -> JobStatus:
        """How the job stands. Raises NotFound."""
        ...

    def of_session(self, session_id: str, *, open_only: bool = False) -> list[JobStatus]:
        """Jobs of a session, newest first."""
        ...

    def cancel(self, session_id: str, job_id: str) -> JobStatus:
        """Ask to stop; what is finished is kept. Raises NotFound; Conflict when it is over already."""
        ...

    def retry(self, session_id: str, job_id: str) -> JobStatus:
        """Run a failed or cancelled job again from its checkpoints. Raises NotFound; Conflict while it is open."""
        ...

    def is_open(self, session_id: str, job_id: str) -> bool:
        """Is the job not over yet? Quick; False for unknown ids."""
        ...

    def wait(self, session_id: str, job_id: str, timeout_s: float) -> JobStatus:
        """Block until the job is over or the time is up, and say how it stands."""
        ...
