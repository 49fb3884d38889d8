"""What the clicks of the Transcribe page do, and which of its items are shown where."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.jobs.file_jobs import SESSION_LIMIT
from utils.storage.item import Item
from utils.transcription.contract import TranscriptionRequest
from utils.ui import messages, state, transcribe_intake
from utils.ui import transcribe_fields as fields
from utils.ui.transcribe_fields import PLACE, key
from utils.workflows import files, transcribe

ITEM_KINDS = ("transcript",)
PAGE_SIZE = 20
SHOWN, ARMED, CROWDED, WATCHED, NEWS = (key(name) for name in ("shown", "armed", "crowded", "watched", "news"))
GONE = "This transcript is gone: it was deleted in another tab, or removed after its time."


def start() -> None:
    """Transcribe what has arrived; what is still being sent follows as it arrives."""
    st.session_state[ARMED] = transcribe_intake.sending()
    if not _submit() and st.session_state[ARMED]:
        st.session_state[ARMED] = False


def arrived() -> None:
    """Files have arrived; after Transcribe was clicked they begin at once."""
    if st.session_state.get(ARMED):
        st.session_state[ARMED] = _submit() and transcribe_intake.sending()


def is_armed() -> bool:
    """What is still being sent, or waits for room, will begin by itself."""
    return (bool(st.session_state.get(ARMED)) and transcribe_intake.sending()) or bool(st.session_state.get(CROWDED))


def follow(jobs: Sequence[JobStatus], waiting: Sequence[Item]) -> None:
    """Start more of what had to wait for room, as soon as other work has ended."""
    if st.session_state.get(CROWDED) and waiting and len(jobs) < SESSION_LIMIT // 2:
        _submit()
        st.rerun()


def _submit() -> bool:
    """Start what waits, as many as there is room for; nothing is fine, too.

    Once each: the runs of one page never stand beside each other, see `clicks`.
    """
    ids = [item.id for item in transcribe_intake.waiting()]
    room = SESSION_LIMIT - len(state.services().jobs.of_session(state.session_id(), open_only=True))
    st.session_state[CROWDED] = len(ids) > room
    ids = ids[:room] if room > 0 else ids  # without any room the refusal says why
    if not ids:
        return True
    started: list[JobStatus] = []

    def submit() -> None:
        started.extend(transcribe.start(state.services(), state.session_id(), ids, fields.request()))

    worked = messages.attempt(submit)
    if not worked:
        st.session_state[CROWDED] = False
    if worked:
        fields.remember()
        if len(started) == 1:
            state.open_item(PLACE, started[0].id)  # its card follows by itself
    return worked


def listed() -> tuple[list[Item], bool]:
    """The session's newest transcripts, and whether there are more of them than are shown."""
    shown = st.session_state.get(SHOWN, PAGE_SIZE)
    found = files.listing(state.services(), state.session_id(), kinds=ITEM_KINDS, limit=shown + 1)
    return found.items, found.total > shown + 1


def chosen(items: Sequence[Item], jobs: Sequence[JobStatus]) -> tuple[Item | None, bool]:
    """The transcript that is shown as a card, and whether the one that was opened is gone.

    That is the one opened, else the newest that is over; none while work runs that nobody wants to read.
    """
    opened = state.opened(PLACE)
    if opened and opened != st.session_state.get(fields.READING) and any(job.id == opened for job in jobs):
        return None, False
    if opened is None:
        running = {job.id for job in jobs}
        return next((item for item in items if item.id not in running), None) if not jobs else None, False
    if not opened:
        return None, False
    try:
        return files.get(state.services(), state.session_id(), opened), False
    except AppError:
        return None, True


def trouble(gone: bool) -> None:
    """Draw what the last click could not do; that its transcript is gone says it all."""
    if gone:
        st.session_state.pop(messages.TROUBLE, None)
        st.html(f'<p class="problem" role="status">{GONE}</p>')
    messages.show_trouble()


def news(jobs: Sequence[JobStatus]) -> str:
    """What a screen reader shall hear: work that has begun or ended since the last run of the page."""
    now = {job.id: job.title for job in jobs}
    before: dict[str, str] = st.session_state.get(WATCHED, {})
    over = [before[job_id] for job_id in before.keys() - now.keys()]
    if over:
        st.session_state[NEWS] = f"Over: {', '.join(over[:3])}" + (f" and {len(over) - 3} more" if len(over) > 3 else "")
    elif fresh := now.keys() - before.keys():
        st.session_state[NEWS] = f"Started: {len(fresh)}" if len(fresh) > 1 else f"Started: {now[next(iter(fresh))]}"
    st.session_state[WATCHED] = now
    return str(st.session_state.get(NEWS, ""))


def again(item: Item, request: TranscriptionRequest) -> None:
    """Transcribe the same recording once more with other options, without a new upload."""
    if messages.attempt(lambda: transcribe.again(state.services(), state.session_id(), item.id, request)):
        state.open_item(PLACE, item.id)


def retry(item: Item) -> None:
    """Run what failed or was cancelled again, from where it stopped."""
    messages.attempt(lambda: state.services().jobs.retry(state.session_id(), item.id))


def show_more() -> None:
    """More of the transcripts below the card."""
    st.session_state[SHOWN] = st.session_state.get(SHOWN, PAGE_SIZE) + PAGE_SIZE
