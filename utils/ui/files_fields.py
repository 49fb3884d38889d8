"""What is looked for on the Files page: words, kind, time, engine, state, order, and the page of it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import streamlit as st

from utils.storage.search import Found, Query
from utils.ui import state

PLACE = "files"
ALL = ""
PAGE_SIZE = 50
KINDS = {
    ALL: "All",
    "speech": "Speech",
    "batch": "Batches",
    "transcript": "Transcripts",
    "recording": "Recordings",
    "upload": "Uploads",
}
ONE = {"speech": "speech", "batch": "batch", "transcript": "transcript", "recording": "recording", "upload": "upload"}
STATES = {ALL: "Any state", "running": "Running", "done": "Done", "failed": "Failed or cancelled"}
SORTS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "largest": "Largest first",
    "title": "By title",
    "expiry": "First to go",
}
WHEN = {ALL: "Any time", "today": "Today", "week": "Last 7 days", "month": "Last 30 days", "between": "Between two days"}
DAYS = {"today": 1, "week": 7, "month": 30}


def key(field: str) -> str:
    """Key of a field of this page."""
    return f"{PLACE}_{field}"


def get(field: str, default: Any = "") -> Any:
    """What a field holds now."""
    return st.session_state.get(key(field), default)


def query() -> Query:
    """What the fields ask for."""
    since, until = _times(get("when"))
    kind = get("kind") or ALL
    return Query(
        q=get("q") or "",
        kinds=(kind,) if kind else (),
        since=since,
        until=until,
        engine=get("engine") or "",
        state=get("state") or "",
        sort=get("sort") or "newest",
    )


def _times(when: str) -> tuple[float | None, float | None]:
    zone = state.zone()
    today = datetime.fromtimestamp(state.services().clock(), zone).date()
    if when in DAYS:
        return _midnight(today - timedelta(days=DAYS[when] - 1)), None
    days = get("days", ())
    if when == "between" and isinstance(days, (tuple, list)) and days:
        return _midnight(days[0]), _midnight(days[-1] + timedelta(days=1))
    return None, None


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), state.zone()).timestamp()


def page() -> int:
    """Which page of what matches, from 1."""
    return int(get("page", 1))


def turn(number: int) -> None:
    """Look at another page."""
    st.session_state[key("page")] = number


def first_page() -> None:
    """Another search begins at its first page, and what was open would only stand before what it finds."""
    turn(1)
    state.open_item(PLACE, "")


def sort_by(order: str) -> None:
    """Show everything in another order."""
    st.session_state.update({key("q"): "", key("kind"): ALL, key("when"): ALL, key("engine"): ALL, key("state"): ALL})
    st.session_state[key("sort")] = order
    first_page()


def draw(found: Found) -> None:
    """The fields themselves."""
    st.text_input(
        "Search",
        key=key("q"),
        placeholder="Search titles and texts, then press Enter",
        label_visibility="collapsed",
        icon=":material/search:",
        max_chars=200,
        on_change=first_page,
    )
    st.segmented_control(
        "Kind",
        list(KINDS),
        default=ALL,
        format_func=KINDS.__getitem__,
        key=key("kind"),
        label_visibility="collapsed",
        required=True,
        on_change=first_page,
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key=key("more")):
        _choice("Made", "when", WHEN)
        _choice("State", "state", STATES)
        engines = sorted({entry.engine for entry in found.everything if entry.engine} | {get("engine")} - {""})
        _choice("Engine", "engine", {ALL: "Any engine", **{engine: engine for engine in engines}})
        _choice("Order", "sort", SORTS)
    if get("when") == "between":
        today = datetime.fromtimestamp(state.services().clock(), state.zone()).date()
        st.date_input("Days", (today - timedelta(days=7), today), key=key("days"), format="YYYY-MM-DD", on_change=first_page)


def _choice(label: str, field: str, options: dict[str, str]) -> None:
    st.selectbox(label, list(options), format_func=lambda option: options.get(option, option), key=key(field), on_change=first_page)
