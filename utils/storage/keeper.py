"""The part of SessionManager that knows what goes and when: ages, sweeps and what they leave behind, the trash, presence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from utils.errors import NotFound, StoreUnavailable
from utils.storage import items, locks, names, sessions
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, told
from utils.storage.item import Item
from utils.storage.recordings import RecordingStore
from utils.storage.sessions import Session, Usage
from utils.storage.survey import Survey, survey, survey_folder
from utils.storage.sweep import Rule, SweepReport, sweep
from utils.storage.sweeps import SweepRecord, server_name
from utils.storage.sweeps import append as append_sweep
from utils.storage.sweeps import read as read_sweeps
from utils.storage.transfer import TransferCodes

TRASH_EVERY_S = 15.0
_LOG = logging.getLogger("sotto.sessions")


@dataclass(frozen=True)
class Limits:
    """What retention goes by when nothing else is said; 0 = not at all.

    Attributes:
        session_timeout_hours: Sessions unused for longer go.
        max_sessions: Most sessions that a sweep leaves.
        item_timeout_hours: Items not changed for longer go from sessions that stay.
    """

    session_timeout_hours: float = 24.0
    max_sessions: int = 0
    item_timeout_hours: float = 0.0


@dataclass(frozen=True)
class KnownSession:
    """A session as the operator sees it.

    Attributes:
        id: Opens nothing without its signature.
        created_at: Seconds since the epoch.
        last_used: Newest change inside or last activity, seconds since the epoch.
        size_bytes: On disk.
        status: Of the session.
        permanent: Never removed by retention.
        active: Work is open, a lease is held or a page is connected.
    """

    id: str
    created_at: float
    last_used: float
    size_bytes: int
    status: str
    permanent: bool
    active: bool


class Keeper(RecordingStore):
    """An outputs folder with a rule of retention."""

    _codes: TransferCodes

    def __init__(self, outputs: Path, quota_bytes: int, clock: Callable[[], float], limits: Limits) -> None:
        super().__init__(outputs, quota_bytes, clock)
        self.session_timeout_hours = limits.session_timeout_hours
        self.max_sessions = limits.max_sessions
        self.item_timeout_hours = limits.item_timeout_hours

    def peek_session(self, session_id: str) -> Session | None:
        """As get_session, without counting as activity."""
        try:
            with sessions.opened(self.outputs, session_id) as folder:
                return sessions.read(folder)
        except (NotFound, ValueError):
            return None

    def get_all_session_ids(self) -> list[str]:
        """Ids of all sessions of people and programs, in no order; passing ones are left out."""
        with told(no_session()):
            return sessions.ids(self.outputs)

    def touch_page(self, session_id: str) -> bool:
        """Note that a page of the session is connected: for PRESENT_S seconds no sweep takes it. Whether the session is there.

        Written at most once a minute, however often it is called.
        """
        try:
            with self._session(session_id) as folder:
                sessions.note_presence(folder, self.clock())
        except NotFound:
            return False
        except StoreUnavailable as exc:  # a full disk must not keep anybody from reading
            _LOG.warning("presence not noted session=%s reason=%s", session_id, type(exc.__cause__).__name__)
        return True

    def overview(self) -> list[KnownSession]:
        """All sessions, the most recently used first; damaged ones are left out."""
        busy, known = self.busy.sessions(), []
        for session_id in self.get_all_session_ids():
            session = self.peek_session(session_id)
            if session is None:
                continue
            try:
                found = survey(self.outputs / session_id, self.clock())
            except (OSError, ValueError):  # removed meanwhile, or broken: the sweep tells of it
                continue
            used = max(session.last_activity, found.newest)
            active = session_id in busy or abs(self.clock() - found.seen_at) <= sessions.PRESENT_S or self._is_leased(session_id)
            known.append(
                KnownSession(
                    session.id, session.created_at, used, found.size_bytes, session.status, session.permanent, active=active
                )
            )
        return sorted(known, key=lambda session: (-session.last_used, session.id))

    def _is_leased(self, session_id: str) -> bool:
        try:
            with (
                sessions.opened(self.outputs, session_id) as folder,
                sessions.place(folder, sessions.LEASE_LOCK) as place,
                locks.alone(place, wait_s=0),
            ):
                return False
        except locks.Busy:
            return True
        except (NotFound, StoreUnavailable):
            return False

    def expires_at(self, session_id: str) -> float | None:
        """When a sweep would remove the session by age if nothing happened in it any more; None = never. Raises NotFound."""
        session = self.peek_session(session_id)
        if session is None:
            raise no_session()
        if session.permanent or not self.session_timeout_hours:
            return None
        with told(no_session()), sessions.opened(self.outputs, session_id) as folder:
            return self._expires_at(session, folder, survey_folder(folder, self.clock()))

    def summary(self, session: Session) -> tuple[Usage, float | None]:
        """What a session takes, and `expires_at`, by one look at its folder: programs ask for it often. Raises NotFound."""
        with told(no_session()), sessions.opened(self.outputs, session.id) as folder:
            found = survey_folder(folder, self.clock(), items=True)
            count = sum(place in items.LISTED and names.is_item_id(name) for place, name in found.items)
            return Usage(found.size_bytes, count), self._expires_at(session, folder, found)

    def _expires_at(self, session: Session, folder: Folder, found: Survey) -> float | None:
        if session.permanent or not self.session_timeout_hours or (found.has_kept and items.any_permanent(folder)):
            return None
        return max(session.last_activity, found.newest) + self.session_timeout_hours * 3600

    def item_expires_at(self, session_id: str, item: Item | str) -> float | None:
        """When a sweep would remove an item by its own age if it did not change any more; None = it stays as long as the session.

        Raises:
            NotFound: There is no such session or item.
        """
        known = item if isinstance(item, Item) else self.get_item(session_id, item)
        session = self.peek_session(session_id)
        if session is None:
            raise no_session()
        if not self.item_timeout_hours or session.permanent or known.permanent or self.busy.has(session_id, known.id):
            return None
        with sessions.opened(self.outputs, session_id) as opened, items.opened(opened, known.id) as folder:
            return survey_folder(folder, self.clock()).newest + self.item_timeout_hours * 3600

    def cleanup_old_sessions(
        self,
        max_age_hours: float | None = None,
        max_sessions: int | None = None,
        *,
        item_age_hours: float | None = None,
        dry_run: bool = False,
        keep: Collection[str] = (),
    ) -> SweepReport:
        """One sweep: remove sessions by age and by count, and items of those that stay by their own age.

        It leaves one line in the log and one record that `sweeps` answers.

        Args:
            max_age_hours: Instead of SESSION_TIMEOUT_HOURS; 0 = nothing goes by age.
            max_sessions: Instead of MAX_SESSIONS; 0 = no limit.
            item_age_hours: Instead of ITEM_TIMEOUT_HOURS; 0 = no item goes by itself.
            dry_run: Only say what would go and why.
            keep: Sessions that stay in any case.
        """
        hours = self.session_timeout_hours if max_age_hours is None else max_age_hours
        item_hours = self.item_timeout_hours if item_age_hours is None else item_age_hours
        most = self.max_sessions if max_sessions is None else max_sessions
        rule = Rule(self.clock(), hours * 3600, most, item_hours * 3600, keep, dry_run)
        with told(no_session()):
            report = sweep(self.outputs, self._trash, self.busy, rule, self._record)
        if not dry_run:
            self._codes.clear()
        return report

    def _record(self, root: Folder, report: SweepReport) -> None:
        """One line in the log and one on the disk; a disk that is full costs the record, not the sweep."""
        record = SweepRecord(
            when=self.clock(),
            server=server_name(),
            looked_at=report.looked_at,
            removed=len(report.removed),
            items_removed=len(report.items),
            kept=report.kept,
            active=report.active,
            odd=len(report.odd),
            errors=len(report.errors),
            freed_bytes=report.freed_bytes,
            seconds=report.seconds,
            dry_run=report.dry_run,
        )
        said = " ".join(f"{name}={value}" for name, value in asdict(record).items() if name not in ("when", "server", "seconds"))
        _LOG.info("sweep %s seconds=%.3f", said, report.seconds)
        try:
            append_sweep(root, record)
        except OSError as exc:
            _LOG.warning("sweep not recorded reason=%s", type(exc).__name__)

    def sweeps(self, limit: int = 20) -> list[SweepRecord]:
        """The last sweeps of all servers on this folder, previews included, newest first."""
        with told(no_session()):
            return read_sweeps(self.outputs, limit)

    async def cleanup_loop(self, interval_s: float = 3600.0) -> None:
        """Sweep now and every `interval_s` seconds until cancelled, and empty the trash in between."""
        due = 0.0
        while True:
            sweeping = time.monotonic() >= due
            try:
                await asyncio.to_thread(self.cleanup_old_sessions if sweeping else self.empty_trash)
            except Exception:  # noqa: BLE001 - one bad sweep must not be the last
                _LOG.exception("sweep failed")
            if sweeping:
                due = time.monotonic() + interval_s
            await asyncio.sleep(min(TRASH_EVERY_S, max(0.0, due - time.monotonic())))

    def empty_trash(self) -> int:
        """Delete what can no longer be taken back; the number of things deleted."""
        with told(no_session()):
            return self._trash.empty(self.clock())
