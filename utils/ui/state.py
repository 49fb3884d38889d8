"""What a running script knows: the services of the process, whose page this is, and what that session prefers.

Tests replace `services` and `current_session`; everything on the pages asks here.
"""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from utils import services as composition
from utils.errors import AppError
from utils.services import Services
from utils.session_manager import set_manager
from utils.workflows import sessions as workflow

PAGES = Path(__file__).resolve().parents[2] / "pages"
COOKIE = "sotto_session"  # set by api.guards with the first page, HttpOnly; tests hold the two names equal
SESSION = "session_id"
TURN_TO = "turn_to"  # a file in PAGES that a click leads to; the frame turns to it
OPERATOR = "operator"  # True once this tab's token was right; lives in the server's memory, gone with the tab


def services() -> Services:
    """The services of this process."""
    return composition.default()


def has_cookie() -> bool:
    """Whether the browser sent a session cookie at all."""
    return bool(st.context.cookies.get(COOKIE))


def current_session() -> str | None:
    """Id of the living session that this browser's cookie opens, or None.

    The cookies are those of the socket's handshake: after a session has ended the page must be loaded anew.
    """
    return workflow.whose(services(), st.context.cookies.get(COOKIE))


def session_id() -> str:
    """Id of this script's session, put there by the frame before any page runs."""
    return str(st.session_state[SESSION])


def _of_script() -> str:
    """The same for the module functions of session_manager."""
    return session_id()


def register() -> None:
    """Let the module functions of session_manager answer for the session of the running script."""
    set_manager(services().sessions, current=_of_script)


def preferences(room: str) -> dict[str, Any]:
    """What the session remembers for one page, plain data."""
    session = services().sessions.peek_session(session_id())
    kept = session.preferences.get(room, {}) if session else {}
    return kept if isinstance(kept, dict) else {}


def remember(room: str, values: dict[str, Any]) -> None:
    """Keep plain data with the session; a disk that is full costs the memory, not the work."""
    sessions = services().sessions
    session = sessions.peek_session(session_id())
    if session is None or session.preferences.get(room) == values:
        return
    try:
        sessions.update_session(session_id(), preferences={**session.preferences, room: values})
    except AppError:
        return  # the work that follows meets the same disk and says so


def open_item(place: str, item_id: str | None) -> None:
    """Choose the item that a page shows as a card; an empty id: none, None: the newest."""
    st.session_state[f"{place}_open"] = item_id


def opened(place: str) -> str | None:
    """The chosen item's id, empty for none, or None for the newest."""
    chosen: str | None = st.session_state.get(f"{place}_open")
    return chosen


def zone() -> tzinfo | None:
    """The time zone of this browser; None, the server's, when it is unknown."""
    try:
        return ZoneInfo(st.context.timezone or "")
    except (ZoneInfoNotFoundError, ValueError):
        return None
