"""What every part of the store stands on: the outputs folder, its clock and quota, and the ways into a session's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from utils.errors import QuotaExceeded, StoreUnavailable
from utils.sizes import size
from utils.storage import items, locks, names, sessions
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, told
from utils.storage.markers import Busy, Markers
from utils.storage.sessions import Usage
from utils.storage.trash import Trash
from utils.storage.weight import Weights


class Store:
    """An outputs folder. Holds no truth of its own.

    Attributes:
        outputs: Where sessions live, absolute.
        quota_bytes: Most bytes on disk of one session.
        clock: Seconds since the epoch.
        markers: Which items have open work.
        open_recordings: Recordings that are not seen to their end yet.
    """

    def __init__(self, outputs: Path, quota_bytes: int, clock: Callable[[], float]) -> None:
        self.outputs = outputs
        self.quota_bytes = quota_bytes
        self.clock = clock
        self.markers = Markers(outputs / ".open")
        self.open_recordings = Markers(outputs / ".live")
        self._weights = Weights()
        self._trash = Trash(outputs / ".trash")
        with told(StoreUnavailable("OUTPUTS_DIR is not a folder.", "Correct OUTPUTS_DIR and start again.")):
            for folder in (outputs, self.markers.folder, self._trash.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def busy(self) -> Markers:
        """Open work and open recordings: what retention and deletion leave alone."""
        return Busy(self.markers, self.open_recordings)

    def usage(self, session_id: str) -> Usage:
        """How much the session takes and how many items it has. Raises NotFound."""
        with sessions.opened(self.outputs, session_id) as folder:
            open_items = {item_id for _, item_id in self.busy.ids(session_id)}
            return Usage(self._weights.of(folder, open_items), len(items.ids(folder)))

    def check_quota(self, session_id: str, extra_bytes: int = 0) -> None:
        """Raise QuotaExceeded if `extra_bytes` more would take the session over its quota. Raises NotFound."""
        if self.usage(session_id).size_bytes + extra_bytes > self.quota_bytes:
            raise QuotaExceeded(
                f"This session has used up its {size(self.quota_bytes)} (SESSION_QUOTA_MB).",
                "Delete what you no longer need.",
            )

    @contextmanager
    def lease(self, session_id: str) -> Iterator[None]:
        """Hold the session: sweeps and deletions leave it alone until the end of the block. Raises NotFound."""
        with ExitStack() as stack:
            with told(no_session()):  # errors of the block itself are its own
                self._lease(stack, session_id)
            yield

    @contextmanager
    def _root(self) -> Iterator[Folder]:
        with told(StoreUnavailable("OUTPUTS_DIR is gone.", "Put it back and start again.")), Folder.open(self.outputs) as root:
            yield root

    def _hold(self, stack: ExitStack, session_id: str) -> Folder:
        if not names.is_session_id(session_id):
            raise no_session()
        folder = stack.enter_context(Folder.open(self.outputs / session_id))
        stack.enter_context(locks.shared(folder))
        folder.stat(sessions.RECORD)  # a folder that we did not make is never adopted
        return folder

    def _lease(self, stack: ExitStack, session_id: str) -> Folder:
        """As `_hold`, and a deletion that is not forced is refused meanwhile."""
        folder = self._hold(stack, session_id)
        stack.enter_context(locks.shared(stack.enter_context(sessions.place(folder, sessions.LEASE_LOCK))))
        return folder

    @contextmanager
    def _session(self, session_id: str) -> Iterator[Folder]:
        """The session's folder for a short write, held against removal. Errors of the disk are told as sentences."""
        with told(no_session()), ExitStack() as stack:
            yield self._hold(stack, session_id)

    @contextmanager
    def _item(self, session_id: str, item_id: str) -> Iterator[Folder]:
        with self._session(session_id) as session, items.opened(session, item_id) as folder:
            yield folder
