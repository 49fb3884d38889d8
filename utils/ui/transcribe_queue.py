"""Recordings that are transcribed or wait for it: place, footage, time left, the last lines of text, cancel; kept current.

One component draws all of them, so that a look costs one message however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.ui import job_panel, messages, state
from utils.ui.components import component
from utils.ui.transcribe_fields import KINDS, PLACE, READING, key
from utils.workflows import transcripts

POLL_S, SLOW_POLL_S = 0.5, 1.0
MANY = 12  # open ones from which the page asks less often, and shows only so many
LINES = 3  # of text, the last ones
UNFOLDED = key("unfolded")
_queue = component("queue")


def footage(seconds: float) -> str:
    """A place in a recording: `42:15`, `1:30:00`."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def queue(jobs: Sequence[JobStatus], news: str) -> None:
    """Draw the open jobs and keep them current; nothing when there are none.

    Args:
        jobs: As `job_panel.open_jobs` answered in this run of the page.
        news: For screen readers, told when it changes.
    """
    if not jobs:
        return
    drawn, read = {job.id for job in jobs}, st.session_state.get(READING)

    @st.fragment(run_every=POLL_S if len(jobs) <= MANY else SLOW_POLL_S)
    def polling() -> None:
        now = job_panel.open_jobs(KINDS)
        if {job.id for job in now} != drawn or st.session_state.get(READING) != read:
            st.rerun()  # the whole page, once: it draws what ended and ends the polling
        _draw(now, news)

    polling()


def _draw(jobs: Sequence[JobStatus], news: str) -> None:
    unfolded = bool(st.session_state.get(UNFOLDED))
    ordered = sorted(jobs, key=lambda job: (job.state != "running", job.position, job.submitted_at))
    shown = ordered if unfolded else ordered[:MANY]
    place = key("queue")
    running = sum(job.state == "running" for job in jobs)
    data = {
        "rows": [_row(job) for job in shown],
        "more": len(ordered) - len(shown),
        "unfolded": unfolded,
        "sum": f"{running} in work, {len(jobs) - running} waiting" if len(jobs) > 1 else "",
        "news": news,
    }

    def said(trigger: str) -> Any:
        return st.session_state[place].get(trigger)

    _queue(
        key=place,
        data=data,
        on_cancel_change=lambda: _cancel(str(said("cancel") or "")),
        on_cancelAll_change=lambda: _cancel(*(job.id for job in ordered[::-1])),
        on_open_change=lambda: _read(str(said("open") or "")),
        on_unfold_change=lambda: st.session_state.update({UNFOLDED: not unfolded}),
    )


def _row(job: JobStatus) -> dict[str, Any]:
    text, count = [], "" if job.note else "Starting"
    if job.state == "running":
        text = last_lines(job.id)
        if job.total > 0:
            count = f"{footage(job.done)} / {footage(job.total)}"
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state,
        "facts": job_panel.quiet_words(job),
        "count": count,
        "progress": min(1.0, max(0.0, job.progress)),
        "text": text,
        "note": job.note,
    }


def _read(job_id: str) -> None:
    """Show the text of a running transcript as a card."""
    state.open_item(PLACE, job_id)
    st.session_state[READING] = job_id


def last_lines(item_id: str) -> list[str]:
    """The newest text of a running transcript; none while there is none."""
    look = partial(transcripts.view, state.services(), state.session_id(), item_id)
    try:
        found = look(limit=1)
        found = look(offset=max(0, found.total - LINES), limit=LINES)
    except AppError:
        return []
    return [segment.text for _, segment in found.segments]


def _cancel(*job_ids: str) -> None:
    def cancel() -> None:
        for job_id in job_ids:
            state.services().jobs.cancel(state.session_id(), job_id)

    messages.attempt(cancel)
