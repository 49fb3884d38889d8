"""The transcripts of the session below the card, one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.storage.item import Item
from utils.ui import state, transcript_files
from utils.ui import transcribe_work as work
from utils.ui.roster import Acts, Around, Line, Page, roster
from utils.ui.transcribe_fields import PLACE, key
from utils.ui.transcript_card import facts


def rest(items: Sequence[Item], card: Item | None, jobs: Sequence[JobStatus], names: Mapping[str, str], more: bool) -> None:
    """Draw the other transcripts that are over, the way to more of them, and all of them as a ZIP."""
    running = {job.id for job in jobs}
    over = [item for item in items if item.id not in running]
    others = [item for item in over if card is None or item.id != card.id][: st.session_state.get(work.SHOWN, work.PAGE_SIZE)]
    if others:
        st.markdown("### Other transcripts" if card else "### Transcripts", anchors=False)
        lines = [_line(item, names) for item in others]
        roster(key("others"), lines, Page("all", 1, len(lines)), len(lines), Around("Other transcripts"), Acts(open=_open))
        if more:
            st.button("Show more", type="tertiary", key=key("show_more"), on_click=work.show_more)
    transcript_files.all_as_zip(over)


def _line(item: Item, names: Mapping[str, str]) -> Line:
    trouble, mark = "", "written"
    if not item.role("transcript"):
        trouble, mark = _how_it_ended(item)
    return Line(item.id, item.title, "opens", mark, facts=facts(item, dict(names)), trouble=trouble)


def _how_it_ended(item: Item) -> tuple[str, str]:
    """The sentence and the mark of one that is not done."""
    try:
        job = state.services().jobs.status(state.session_id(), item.id)
    except AppError:
        return "not made", "skipped"
    if job.state == "cancelled":
        return "You cancelled this.", "skipped"
    return str((job.error or {}).get("sentence") or "It failed."), "failed"


def _open(item_id: str) -> None:
    state.open_item(PLACE, item_id)


def empty() -> None:
    """The empty page: what will be here."""
    with st.container(border=True, key=key("empty")):
        st.html(
            '<p class="quiet">Transcripts appear here: text beside its sound, subtitles, corrections, files to take away. '
            "The first lines can be read while the rest is still heard.</p>"
        )
