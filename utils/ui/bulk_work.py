"""What the clicks of the Bulk page do, and which of its batches are shown where."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.storage.item import Item
from utils.ui import bulk_card, bulk_table, figures, messages, state
from utils.ui import bulk_fields as fields
from utils.ui.bulk_fields import KINDS, PLACE, Shape, get, key
from utils.ui.bulk_table import Source
from utils.ui.roster import Acts, Around, Line, Page, roster
from utils.workflows import bulk, files

PAGE_SIZE = 10
SHOWN = key("shown")
GONE = "This batch is gone: it was deleted in another tab, or removed after its time."


def start(source: Source, shape: Shape, skip_bad: bool) -> None:
    """Start the batch that the form asks for, and make room for the next table."""
    services, session_id = state.services(), state.session_id()
    title = get("title") or ""

    def submit() -> None:
        wanted = fields.wanted(shape.timed, source.paragraphs)
        job = bulk.start(services, session_id, source.upload, wanted, title=title, skip_bad=skip_bad)
        state.open_item(PLACE, job.id)

    if messages.attempt(submit):
        fields.remember()
        bulk_table.clear()


def listed() -> tuple[list[Item], bool]:
    """The session's newest batches, and whether there are more of them than are shown."""
    shown = st.session_state.get(SHOWN, PAGE_SIZE)
    found = files.listing(state.services(), state.session_id(), kinds=KINDS, limit=shown + 1)
    return found.items, found.total > shown + 1


def chosen(items: Sequence[Item], jobs: Sequence[JobStatus]) -> tuple[Item | None, bool]:
    """The batch that is shown as a card, and whether the one that was opened is gone.

    That is the one opened, else the newest that is worked on, else the newest. It stays, whatever other tabs start.
    """
    opened = state.opened(PLACE)
    if opened is None and items:
        running = {job.id for job in jobs}
        opened = next((item.id for item in items if item.id in running), items[0].id)
        state.open_item(PLACE, opened)
    if not opened:
        return None, False
    try:
        return files.get(state.services(), state.session_id(), opened), False
    except AppError:
        return None, True


def trouble(gone: bool) -> None:
    """Draw what the last click could not do; that its batch is gone says it all."""
    if gone:
        st.session_state.pop(messages.TROUBLE, None)
        st.html(f'<p class="problem" role="status">{GONE}</p>')
    messages.show_trouble()


def rest(items: Sequence[Item], card: Item | None, jobs: Sequence[JobStatus], more: bool) -> None:
    """Draw the other batches, and the way to more of them."""
    others = [item for item in items if card is None or item.id != card.id][: st.session_state.get(SHOWN, PAGE_SIZE)]
    if not others:
        return
    st.markdown("### Other batches" if card else "### Batches", anchors=False)
    running, now, zone = {job.id: job for job in jobs}, state.services().clock(), state.zone()
    told = [f"{bulk_card.facts(item, now, zone)} · {_came_to(item, running.get(item.id))}" for item in others]
    lines = [Line(item.id, item.title, "opens", "batch", facts=facts) for item, facts in zip(others, told, strict=True)]
    roster(key("others"), lines, Page("all", 1, len(lines)), len(lines), Around("Other batches"), Acts(open=_open))
    if more:
        st.button("Show more", type="tertiary", key=key("show_more"), on_click=_show_more)


def _came_to(item: Item, job: JobStatus | None) -> str:
    """How far a batch is, or what it has come to."""
    rows = figures.count(float(item.request.get("rows", 0)), "row")
    if job:
        return f"{job.done:,.0f} of {rows} so far"
    made = item.result
    if not made:
        return f"{rows}, none done"
    failed = [f"{made['failed']:,} failed"] if made.get("failed") else []
    return " · ".join([f"{made.get('done', 0):,} of {rows}", figures.length(float(made.get("seconds") or 0)), *failed])


def _open(item_id: str) -> None:
    state.open_item(PLACE, item_id)


def _show_more() -> None:
    st.session_state[SHOWN] = st.session_state.get(SHOWN, PAGE_SIZE) + PAGE_SIZE


def empty() -> None:
    """The empty page: what will be here, and an example that one click brings."""
    with st.container(border=True, key=key("empty")):
        st.html('<p class="quiet">Your batches appear here: every row a sound file, all of them in one ZIP.</p>')
        st.button("Try an example table", icon=":material/table_rows:", key=key("try"), on_click=bulk_table.example)
