"""Sessions on disk, and the only writer of the outputs folder.

`SessionManager` holds no truth of its own: everything is read from the folders, so any number of threads, processes and servers
may work on one outputs folder. The functions at the end do the same for the current session of one process-wide manager.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from utils.errors import Conflict, NotFound, StoreUnavailable
from utils.settings import Settings
from utils.storage import locks, names, sessions, tokens
from utils.storage.faults import no_session, told
from utils.storage.keeper import Keeper, KnownSession, Limits
from utils.storage.sessions import Session, Usage
from utils.storage.sweep import SweepReport
from utils.storage.sweeps import SweepRecord
from utils.storage.transfer import TransferCode, TransferCodes
from utils.storage.trash import UNDO_S

__all__ = ["UNDO_S", "KnownSession", "Session", "SessionManager", "SweepRecord", "SweepReport", "TransferCode", "Usage"]

TOUCH_S = 60.0  # last_activity is written at most this often
_LOG = logging.getLogger("sotto.sessions")


class SessionManager(Keeper):
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
        limits = Limits(session_timeout_hours, max_sessions, item_timeout_hours)
        super().__init__(Path(outputs or "outputs").absolute(), quota_bytes, clock, limits)
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
                    busy = bool(self.busy.ids(session_id))
                except locks.Busy:
                    busy = True
                if busy:
                    raise Conflict("Work is still running in this session.", "Cancel it first, or delete it with force.")
            self._trash.take_session(root, session_id)
            root.flush()
        self.busy.drop_session(session_id)
        self._codes.drop_session(session_id)
        self._trash.forget_items(session_id)
        self.empty_trash()

    def forget(self, session_id: str) -> None:
        """Delete everything and forget who it was: as delete_session by force; its token and its codes open nothing any more.

        Whoever calls cancels its jobs first and takes the cookie away. Once more does no harm.
        """
        with suppress(NotFound):
            self.delete_session(session_id, force=True)

    def get_active_session_count(self) -> int:
        """How many sessions there are now."""
        return len(self.get_all_session_ids())


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
