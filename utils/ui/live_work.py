"""Which recordings the Live page shows, and what its clicks do."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from utils.errors import AppError
from utils.jobs.live_kind import OF_RECORDING
from utils.storage.item import Item
from utils.ui import figures, messages, state
from utils.ui.roster import Acts, Around, Line, Page, roster
from utils.workflows import files, live

PLACE = "live"
KINDS = ("recording", "transcript")
LOOKED_AT = 60  # newest items, of which recordings are shown


def ended(item_id: str) -> None:
    """A recording has ended: its card shows what becomes of it."""
    if item_id:
        state.open_item(PLACE, item_id)


def listed() -> list[Item]:
    """The session's newest recordings that are not open any more."""
    services, session_id = state.services(), state.session_id()
    still = live.open_of(services, session_id)
    found = files.listing(services, session_id, kinds=KINDS, limit=LOOKED_AT).items
    return [item for item in found if item.id != still and (item.kind == "recording" or item.request.get(OF_RECORDING))]


def chosen(items: Sequence[Item]) -> Item | None:
    """The recording that is shown as a card: the one opened, else the newest; none while one is being made."""
    opened = state.opened(PLACE)
    if opened is None:
        return None if live.open_of(state.services(), state.session_id()) else next(iter(items), None)
    return next((item for item in items if item.id == opened), None)


def is_open(item: Item) -> bool:
    """Work on it is under way, or about to begin."""
    services, session_id = state.services(), state.session_id()
    return services.jobs.is_open(session_id, item.id) or services.sessions.open_recordings.has(session_id, item.id)


def retry(item: Item) -> None:
    """Make what failed again."""
    messages.attempt(lambda: state.services().jobs.retry(state.session_id(), item.id))


def to_transcript(item: Item) -> None:
    """Turn to the transcript on its own page: words with times, corrections, all formats."""
    state.open_item("transcribe", item.id)
    st.session_state[state.TURN_TO] = "transcribe.py"


def facts(item: Item) -> str:
    """One quiet line about a recording."""
    made = item.result
    words = [figures.ago(item.created_at, state.services().clock(), state.zone())]
    if made.get("seconds"):
        words.append(figures.length(float(made["seconds"])))
    words += [str(made[name]) for name in ("engine_label",) if made.get(name)]
    if item.permanent:
        words.append("kept")
    return " · ".join(words)


def rest(items: Sequence[Item], card: Item | None) -> None:
    """Draw the other recordings, one line each."""
    others = [item for item in items if card is None or item.id != card.id]
    if not others:
        return
    st.markdown("### Other recordings" if card else "### Recordings", anchors=False)
    lines = [_line(item) for item in others]
    place = Page("all", 1, len(lines))
    roster(
        f"{PLACE}_others", lines, place, len(lines), Around("Other recordings"), Acts(open=lambda key: state.open_item(PLACE, key))
    )


def _line(item: Item) -> Line:
    trouble, mark = "", "written" if item.role("transcript") else "done"
    try:
        job = state.services().jobs.status(state.session_id(), item.id)
        if job.state == "failed":
            trouble, mark = str((job.error or {}).get("sentence") or "It failed."), "failed"
    except AppError:
        mark = "done"
    return Line(item.id, item.title, "opens", mark, facts=facts(item), trouble=trouble)
