"""Work that is not over yet, drawn as cards of one form on every page: title, place, time left, progress, note, cancel.

The truth is on the disk, so a reload and other tabs of the session show the same. A fragment asks twice a second while something
is open, and not at all when nothing is; when a job ends the whole page runs once and shows what came of it.
"""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from utils.jobs.contract import JobStatus
from utils.ui import figures, messages, state
from utils.ui.messages import plain

POLL_S = 0.5
UNITS = {"speech": ("character", "characters"), "batch": ("row", "rows"), "check": ("row checked", "rows checked")}


def open_jobs(kinds: Collection[str]) -> list[JobStatus]:
    """Open jobs of this session of some kinds, oldest first."""
    jobs = state.services().jobs.of_session(state.session_id(), open_only=True)
    return sorted((job for job in jobs if job.kind in kinds), key=lambda job: job.submitted_at)


def quiet_words(job: JobStatus) -> str:
    """Place and time left, as far as they are known."""
    words = []
    if job.state == "queued":
        words.append("next in the queue" if job.position <= 1 else f"place {job.position} in the queue")
    if job.eta_s is not None and job.eta_s >= 1:
        words.append(f"{figures.about(job.eta_s)} left")
    return " · ".join(words) or "working"


def progress_words(job: JobStatus) -> str:
    """How much is done, counted."""
    if job.total <= 0:
        return "Waiting to start" if job.state == "queued" else "Starting"
    one, many = UNITS.get(job.kind, ("step", "steps"))
    return f"{job.done:,.0f} of {figures.count(job.total, one, many)}"


def job_panel(jobs: list[JobStatus], kinds: Collection[str], *, key: str) -> None:
    """Draw the open jobs and keep them current; nothing when there are none.

    Args:
        jobs: As `open_jobs` answered in this run of the page.
        kinds: Which ones are this page's.
        key: Name of the page, for keys.
    """
    if not jobs:
        return
    drawn = {job.id for job in jobs}

    @st.fragment(run_every=POLL_S)
    def polling() -> None:
        now = open_jobs(kinds)
        if {job.id for job in now} != drawn:
            st.rerun()  # the whole page, once: it draws what ended and ends the polling
        for job in now:
            _card(job, key)

    polling()


def _card(job: JobStatus, key: str) -> None:
    with st.container(border=True, key=f"{key}_job_{job.id}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.markdown(f"**{plain(job.title)}** &nbsp; :gray[{quiet_words(job)}]", width="stretch")
            st.button(
                "Cancel", icon=":material/close:", type="tertiary", key=f"{key}_cancel_{job.id}", on_click=_cancel, args=(job.id,)
            )
        st.progress(min(1.0, max(0.0, job.progress)), text=progress_words(job))
        if job.note:
            st.caption(f":orange[{plain(job.note)}]")


def _cancel(job_id: str) -> None:
    messages.attempt(lambda: state.services().jobs.cancel(state.session_id(), job_id))
