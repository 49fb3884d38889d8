"""Sessions on disk, and the only writer of the outputs folder.

`SessionManager` holds no truth of its own: everything is read from the folders, so any number of threads, processes and servers
may work on one outputs folder. The functions at the end do the same for the current session of one process-wide manager.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from utils.errors import Conflict, NotFound, StoreUnavailable
from utils.settings import Settings
from utils.storage import items, locks, names, sessions, tokens
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, told
from utils.storage.item import Item
from utils.storage.item_finder import ItemFinder
from utils.storage.sessions import Session, Usage
from utils.storage.survey import survey, survey_folder
from utils.storage.sweep import Rule, SweepReport, sweep
from utils.storage.sweeps import SweepRecord, server_name
from utils.storage.sweeps import append as append_sweep
from utils.storage.sweeps import read as read_sweeps
from utils.storage.transfer import TransferCode, TransferCodes
from utils.storage.trash import UNDO_S

__all__ = ["UNDO_S", "Session", "SessionManager", "SweepRecord", "SweepReport", "TransferCode", "Usage"]

TOUCH_S = 60.0  # last_activity is written at most this often
TRASH_EVERY_S = 15.0
_LOG = logging.getLogger("sotto.sessions")


class SessionManager(ItemFinder):
    """Makes, finds, changes and removes sessions and their items. Thread- and process-safe."""

    def __init__(
        self,
        outputs: Path | None = None,
        *,
        session_timeout_hours: float = 24.0,
        max_sessions: int = 0,
        item_timeout_hours: float = 0.0,
        quota_bytes: int = 2048 * 2**20,
        secret_key: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the outputs folder and the signing key.

        Args:
            outputs: Where sessions live; None means `outputs` in the working folder.
            session_timeout_hours: Sessions unused for longer are swept; 0 = never.
            max_sessions: Most sessions that a sweep leaves; 0 = no limit.
            item_timeout_hours: Items not changed for longer are swept from sessions that stay; 0 = never.
            quota_bytes: Most bytes on disk of one session.
            secret_key: Signs tokens; empty means the key in `outputs/.secret`, made when missing.
            clock: Seconds since the epoch.

        Raises:
            StoreUnavailable: The folder is not there and cannot be made, or the key cannot be read.
        """
        super().__init__(Path(outputs or "outputs").absolute(), quota_bytes, clock)
        self.session_timeout_hours = session_timeout_hours
        self.max_sessions = max_sessions
        self.item_timeout_hours = item_timeout_hours
        self._signer = tokens.signer(self.outputs, secret_key)
        self._codes = TransferCodes(self.outputs, self._signer.key_for("transfer codes"), clock)

    @classmethod
    def from_settings(cls, settings: Settings, clock: Callable[[], float] = time.time) -> SessionManager:
        """A manager as the settings say."""
        return cls(
            settings.outputs_dir,
            session_timeout_hours=settings.session_timeout_hours,
            max_sessions=settings.max_sessions,
            item_timeout_hours=settings.item_timeout_hours,
            quota_bytes=settings.session_quota_mb * 2**20,
            secret_key=settings.secret_key,
            clock=clock,
        )

    # ---- credential ----------------------------------------------------------------------------------------------

    def token(self, session_id: str) -> str:
        """The credential of a session: `<uuid>.<HMAC-SHA256>`. Raises NotFound for a malformed id."""
        if not names.is_session_id(session_id):
            raise no_session()
        return self._signer.token(session_id)

    def verify(self, token: str | None) -> str | None:
        """The session id of a genuine token (the session itself may be gone), else None. Never raises, constant time."""
        return self._signer.verify(token)

    def make_transfer_code(self, session_id: str) -> TransferCode:
        """A code that opens this session in another browser, once and for five minutes. Raises NotFound, StoreUnavailable."""
        with sessions.opened(self.outputs, session_id):
            return self._codes.make(session_id)

    def redeem_transfer_code(self, code: str, caller: str) -> str:
        """The living session that a code opens; `caller`, such as an address, is only counted.

        Raises:
            NotFound: Wrong, used or too old, or the session has ended.
            TooMany: Too many wrong codes; `retry_after_s` is set.
        """
        session_id = self._codes.redeem(code, caller)
        if self.get_session(session_id) is None:
            raise no_session()
        return session_id

    # ---- sessions ------------------------------------------------------------------------------------------------

    def create_session(self) -> str:
        """Make a new, empty session and return its id."""
        with self._root() as root:
            return sessions.create(root, self.clock())

    def get_session(self, session_id: str) -> Session | None:
        """The session, or None when there is none of that id. Counts as activity."""
        session = self.peek_session(session_id)
        if session is not None and abs(self.clock() - session.last_activity) >= TOUCH_S:
            try:
                with self._session(session_id) as folder:
                    return sessions.change(folder, self.clock(), durable=False)
            except StoreUnavailable as exc:  # a full disk must not keep anybody from reading
                _LOG.warning("activity not noted session=%s reason=%s", session_id, type(exc.__cause__).__name__)
        return session

    def peek_session(self, session_id: str) -> Session | None:
        """As get_session, without counting as activity."""
        try:
            with sessions.opened(self.outputs, session_id) as folder:
                return sessions.read(folder)
        except (NotFound, ValueError):
            return None

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

    def update_session(
        self,
        session_id: str,
        *,
        permanent: bool | None = None,
        status: str | None = None,
        preferences: dict[str, Any] | None = None,
    ) -> Session:
        """Change what is given and leave the rest; `preferences` are replaced whole. Raises NotFound, BadInput."""
        given: dict[str, Any] = {"permanent": permanent, "status": status, "preferences": preferences}
        with self._session(session_id) as folder:
            return sessions.change(folder, self.clock(), **{name: value for name, value in given.items() if value is not None})

    def delete_session(self, session_id: str, *, force: bool = False) -> None:
        """Remove a session and everything in it, for good.

        Raises:
            NotFound: There is none of that id.
            Conflict: A job is open or somebody holds a lease, and `force` is off.
        """
        with sessions.opened(self.outputs, session_id) as folder, self._root() as root, ExitStack() as stack:
            if not force:
                try:
                    # Leases only: a short write of another tab need not be waited for, it just came before the deletion.
                    stack.enter_context(locks.alone(stack.enter_context(sessions.place(folder, sessions.LEASE_LOCK)), wait_s=0))
                    busy = bool(self.markers.ids(session_id))
                except locks.Busy:
                    busy = True
                if busy:
                    raise Conflict("Work is still running in this session.", "Cancel it first, or delete it with force.")
            self._trash.take_session(root, session_id)
            root.flush()
        self.markers.drop_session(session_id)
        self._codes.drop_session(session_id)
        self._trash.forget_items(session_id)
        self.empty_trash()

    def get_all_session_ids(self) -> list[str]:
        """Ids of all sessions, in no order."""
        with told(no_session()):
            return sessions.ids(self.outputs)

    def get_active_session_count(self) -> int:
        """How many sessions there are now."""
        return len(self.get_all_session_ids())

    def expires_at(self, session_id: str) -> float | None:
        """When a sweep would remove the session by age if nothing happened in it any more; None = never. Raises NotFound."""
        session = self.peek_session(session_id)
        if session is None:
            raise no_session()
        if session.permanent or not self.session_timeout_hours:
            return None
        with told(no_session()):
            used = max(session.last_activity, survey(self.outputs / session_id, self.clock()).newest)
        return used + self.session_timeout_hours * 3600

    # ---- retention -----------------------------------------------------------------------------------------------

    def item_expires_at(self, session_id: str, item: Item | str) -> float | None:
        """When a sweep would remove an item by its own age if it did not change any more; None = it stays as long as the session.

        Raises:
            NotFound: There is no such session or item.
        """
        known = item if isinstance(item, Item) else self.get_item(session_id, item)
        session = self.peek_session(session_id)
        if session is None:
            raise no_session()
        if not self.item_timeout_hours or session.permanent or known.permanent or self.markers.has(session_id, known.id):
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
            report = sweep(self.outputs, self._trash, self.markers, rule, self._record)
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

    async def cleanup_loop(self, interval_s: float) -> None:
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


class _Process:
    """The manager of this process, and how it learns whose turn it is."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.manager: SessionManager | None = None
        self.current: Callable[[], str | None] | None = None
        self.own: str | None = None  # the session of a plain script, which has no browser


_PROCESS = _Process()


def get_manager() -> SessionManager:
    """The manager of this process, made from the settings on the first call."""
    with _PROCESS.lock:
        if _PROCESS.manager is None:
            _PROCESS.manager = SessionManager.from_settings(Settings.load())
        return _PROCESS.manager


def set_manager(manager: SessionManager | None, current: Callable[[], str | None] | None = None) -> None:
    """Make `manager` that of this process; `current` answers the id of the session that is being served, or None."""
    with _PROCESS.lock:
        _PROCESS.manager, _PROCESS.current, _PROCESS.own = manager, current, None


def get_session_id() -> str:
    """The current session's id; a plain script without a browser gets a session of its own."""
    session_id = _current()
    if session_id is None:
        create_session_temp_dir()
        session_id = _current()
    return session_id or ""


def get_session_output_dir() -> Path:
    """The current session's folder. Raises NotFound when the session has ended."""
    with sessions.opened(get_manager().outputs, get_session_id()) as folder:
        return folder.path


def get_session_single_dir() -> Path:
    """The current session's folder of single items."""
    return get_session_output_dir() / "single"


def get_session_bulk_dir(name: str) -> Path:
    """A folder of the current session for a batch, made when missing; `name` becomes a safe slug."""
    folder = get_session_output_dir() / "bulk" / names.slug(name)
    with told(no_session()):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def cleanup_old_sessions(max_age_hours: float | None = None, max_sessions: int | None = None) -> SweepReport:
    """One sweep as SessionManager.cleanup_old_sessions; the current session stays in any case."""
    current = _current()
    return get_manager().cleanup_old_sessions(max_age_hours, max_sessions, keep=[current] if current else [])


def create_session_temp_dir() -> Path:
    """Make a new session and return its folder. In a plain script it becomes the current one."""
    manager = get_manager()
    session_id = manager.create_session()
    _PROCESS.own = session_id
    return manager.outputs / session_id


def get_current_session_dir() -> Path:
    """The current session's folder; the same as get_session_output_dir."""
    return get_session_output_dir()


def _current() -> str | None:
    return (_PROCESS.current() if _PROCESS.current else None) or _PROCESS.own
