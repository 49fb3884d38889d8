"""A browser's or program's private space: open it, describe it, end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.errors import NotFound
from utils.services import Services


@dataclass(frozen=True)
class Opened:
    """A new session and its credential.

    Attributes:
        session_id: UUID4; opens nothing by itself.
        token: The signed credential, for the cookie or as Bearer token.
        created_at: Seconds since the epoch.
        expires_at: Seconds since the epoch if nothing happens in it, or None for never.
    """

    session_id: str
    token: str
    created_at: float
    expires_at: float | None


def open_session(services: Services) -> Opened:
    """Make a new, empty session."""
    session_id = services.sessions.create_session()
    session = services.sessions.peek_session(session_id)
    created_at = session.created_at if session else services.clock()
    return Opened(session_id, services.sessions.token(session_id), created_at, services.sessions.expires_at(session_id))


def whose(services: Services, token: str | None) -> str | None:
    """The id of the living session that a token opens, or None. Counts as activity."""
    session_id = services.sessions.verify(token)
    if session_id is None or services.sessions.get_session(session_id) is None:
        return None
    return session_id


def info(services: Services, session_id: str) -> dict[str, Any]:
    """The session as plain data; counts as activity in it. Raises NotFound."""
    session = services.sessions.get_session(session_id)
    if session is None:
        raise NotFound("This session has ended.", "Open a new one with POST /api/v1/sessions.")
    usage, expires_at = services.sessions.summary(session)
    return {
        "current_session_id": session.id,
        "created_at": session.created_at,
        "last_activity": session.last_activity,
        "status": session.status,
        "permanent": session.permanent,
        "size_bytes": usage.size_bytes,
        "item_count": usage.item_count,
        "expires_at": expires_at,
    }


def delete(services: Services, session_id: str, *, force: bool = False) -> None:
    """End a session and remove everything in it. Open jobs are cancelled first when `force`.

    Raises:
        NotFound: it is gone already.
        Conflict: a job is open and `force` is off.
    """
    if force:
        for job in services.jobs.of_session(session_id, open_only=True):
            services.jobs.cancel(session_id, job.id)
    services.sessions.delete_session(session_id, force=force)
