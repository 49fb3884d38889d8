"""What a running job sees: its item, the session's store, and how to report and to stop. It also is a `speech` Run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from utils.errors import Cancelled, NotFound, StoreUnavailable
from utils.jobs.heart import Pulse
from utils.jobs.journal import Journal
from utils.jobs.records import JobName, Record
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.contract import PieceCache
from utils.storage.item import Item, ItemFile

T = TypeVar("T")

SAVE_EVERY_S = 0.2  # how often progress reaches the disk
log = logging.getLogger(__name__)


class JobCancelled(Cancelled):
    """The person asked to stop."""


class LeaseLost(Cancelled):
    """Another worker took the job over, or its item is gone: write nothing."""


class HandBack(Cancelled):
    """The time slice is over and others wait, or the worker is shutting down."""


class Shared:
    """Things that all jobs of one worker process use together, made once: engines, governors, models."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._things: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The thing of that name, made by the first who asks."""
        with self._lock:
            if name not in self._things:
                self._things[name] = make()
            return cast(T, self._things[name])


class Context:
    """One attempt of one job. Used by the thread that runs it, and by threads that it starts.

    Attributes:
        item: As it was when the attempt began.
        sessions: The store; write through `publish` and `finish`, which look first whether the job is still ours.
        settings: Of this worker.
        shared: What the jobs of this process have in common.
        attempt: 1 for the first try.
    """

    def __init__(
        self,
        journal: Journal,
        pulse: Pulse,
        record: Record,
        *,
        item: Item,
        settings: Settings,
        shared: Shared,
        must_yield: Callable[[], bool],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.item = item
        self.sessions: SessionManager = journal.sessions
        self.settings = settings
        self.shared = shared
        self.attempt: int = record["attempt"]
        self._journal = journal
        self._pulse = pulse
        self._record = record
        self._must_yield = must_yield
        self._stopping = stopping
        self._saved_at = 0.0
        self._writing = threading.Lock()

    # ---- the speech contract's Run

    @property
    def session_id(self) -> str:
        """Whose job it is."""
        return self._pulse.name.session_id

    @property
    def cache(self) -> PieceCache:
        """The session's own cache of pieces."""
        return cast(PieceCache, self.sessions.cache(self.session_id))

    def progress(self, done: float, total: float) -> None:
        """Report how much is done, right after the checkpoint that makes it true.

        Raises:
            Cancelled: or one of its children, when the work must stop; let it pass.
        """
        self.check()
        self._record["done"], self._record["total"] = done, total
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self._show()
        if self._must_yield():
            raise HandBack("The job makes room.")

    def show(self, done: float, total: float) -> None:
        """Report how much is done between two checkpoints: as `progress`, but makes no room for others, only for a shutdown."""
        self.stay()
        self._record["done"], self._record["total"] = done, total
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self._show()

    def note(self, sentence: str) -> None:
        """Tell the person who waits something, or take it back with an empty sentence. Raises nothing."""
        if self._record["note"] != sentence:
            self._record["note"] = sentence
            with suppress(LeaseLost):
                self._show()

    # ---- for kinds

    @property
    def name(self) -> JobName:
        """For logs."""
        return self._pulse.name

    @property
    def record(self) -> Record:
        """The job's record, for the runner."""
        return self._record

    def check_ours(self) -> None:
        """Raise LeaseLost if the job was taken over."""
        self._pulse.signed_at = time.monotonic()
        if self._pulse.lease.is_lost:
            raise LeaseLost("The job belongs to somebody else now.")

    def check(self) -> None:
        """Raise if the job was cancelled or taken over."""
        self.check_ours()
        if self._pulse.lease.is_told_to_stop:
            raise JobCancelled("The job was cancelled.")

    def stay(self) -> None:
        """Called often by work that can only be done in one piece: raise if it must stop, but make no room for others."""
        self.check()
        if self._stopping():
            raise HandBack("The worker is shutting down.")

    def now(self) -> float:
        """The file server's clock, for ages of files."""
        return self._journal.now()

    def scratch(self) -> AbstractContextManager[Path]:
        """A folder for unfinished files inside the item, removed at the end whatever happens."""
        return self.sessions.scratch(self.session_id, self.item.id)

    def publish(self, built: Path, name: str) -> Path:
        """Move a finished file from scratch into the item, if the job is still ours."""
        self.check()
        return self.sessions.publish(self.session_id, self.item.id, built, name)

    def publish_all(self, built: Mapping[str, Path]) -> None:
        """As `publish`, for several files by name."""
        self.check()
        self.sessions.publish_all(self.session_id, self.item.id, built)

    def finish(self, result: dict[str, Any], files: Sequence[ItemFile], *, stopping: bool = False) -> None:
        """Write what came of the job into the item, if the job is still ours; with `stopping` also when it was cancelled."""
        self.check_ours() if stopping else self.check()
        self.item = self.sessions.update_item(self.session_id, self.item.id, result=result, files=tuple(files))
        if self.item.kind == "transcript":  # long texts: folded here, while nobody waits for a search
            self.sessions.keep_text(self.session_id, self.item.id)

    def _show(self) -> None:
        try:
            self.save()
        except StoreUnavailable:  # what people see is older then; the work itself will meet the full disk soon enough
            self._saved_at = time.monotonic()

    # ---- for the runner

    @property
    def is_lost(self) -> bool:
        """Somebody else has the job now, or its item is gone."""
        return self._pulse.lease.is_lost

    def take_request(self) -> None:
        """Put the job's request into an item that was there before, should its submitter not have come to it."""
        request = self._record.get("request", self.item.request)
        if request != self.item.request:
            self.item = self.sessions.update_item(self.session_id, self.item.id, request=request)

    def begin(self, **changes: Any) -> None:
        """Write that the work begins; its first progress is then shown at once."""
        self.save(**changes)
        self._saved_at = 0.0

    def save(self, **changes: Any) -> None:
        """Write the record with these changes, if the job is still ours.

        Raises:
            LeaseLost: It is not, or the item is gone.
        """
        with self._writing:
            if self._pulse.lease.is_lost:
                raise LeaseLost("The job belongs to somebody else now.")
            self._record.update(changes)
            self._saved_at = time.monotonic()
            try:
                self._journal.save(self._pulse.name, self._record)
            except NotFound as exc:
                raise LeaseLost("The item is gone.") from exc
