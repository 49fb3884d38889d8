"""What the clicks of the Speak page do, and which of its items are shown where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from utils.errors import AppError, EngineError
from utils.jobs.contract import JobStatus
from utils.speech.contract import SpeechRequest
from utils.storage.item import Item
from utils.ui import item_card, messages, state
from utils.ui import speech_fields as fields
from utils.ui.player import player
from utils.ui.shelf import shelf
from utils.workflows import files, generate

PLACE = "speak"
KINDS = ("speech",)
PAGE_SIZE = 10
SAMPLE, SHOWN, WATCHED, NEWS = (f"{PLACE}_{name}" for name in ("sample", "shown", "watched", "news"))
POLL_S = 0.3
OFFLINE = "Speak with eSpeak NG"
ENGINE_CODES = {EngineError.code, *(child.code for child in EngineError.__subclasses__())}


def start() -> None:
    """Generate: start the work on what the form asks for; a sample has served its purpose then."""
    st.session_state.pop(SAMPLE, None)
    if messages.attempt(lambda: _submit(fields.request())):
        fields.remember()


def _submit(request: SpeechRequest) -> None:
    job = generate.submit(state.services(), state.session_id(), request)
    state.open_item(PLACE, job.id)


def hear() -> None:
    """Hear this voice: a few words in the form's voice, kept with the session."""

    def ask() -> None:
        st.session_state[SAMPLE] = generate.sample(state.services(), state.session_id(), fields.request()).id

    messages.attempt(ask)


def sample() -> None:
    """Draw the sample that was asked for last: while it is made a line, then a player that starts by itself."""
    job_id = st.session_state.get(SAMPLE)
    if not job_id:
        return
    services, session_id = state.services(), state.session_id()
    try:
        job = services.jobs.status(session_id, job_id)
        item = files.get(services, session_id, job_id)
    except AppError:
        del st.session_state[SAMPLE]  # swept, or deleted with the session
        return
    if job.is_open:
        _wait_for(job_id)
    elif job.state == "done":
        player(item, key=f"{PLACE}_sample_{job_id}", at_once=True)
    else:
        messages.problem(job.error or {})
        del st.session_state[SAMPLE]


def _wait_for(job_id: str) -> None:
    @st.fragment(run_every=POLL_S)
    def waiting() -> None:
        if not state.services().jobs.status(state.session_id(), job_id).is_open:
            st.rerun()
        st.html('<p class="quiet" role="status">Making the sample</p>')

    waiting()


def again(item: Item) -> None:
    """Put an item's request back into the form."""
    fields.refill(SpeechRequest.from_dict(item.request))


def news(jobs: Sequence[JobStatus]) -> str:
    """What a screen reader shall hear: work that has begun or ended since the last run of the page."""
    now = {job.id: job.title for job in jobs}
    before: dict[str, str] = st.session_state.get(WATCHED, {})
    for job_id in before.keys() - now.keys():
        try:
            over = state.services().jobs.status(state.session_id(), job_id)
        except AppError:
            continue
        st.session_state[NEWS] = f"{over.title}: {over.state}"
    for job_id in now.keys() - before.keys():
        st.session_state[NEWS] = f"{now[job_id]}: started"
    st.session_state[WATCHED] = now
    return str(st.session_state.get(NEWS, ""))


def listed(jobs: Sequence[JobStatus]) -> tuple[list[Item], bool]:
    """The session's newest items that are over, and whether there are more of them."""
    shown = st.session_state.get(SHOWN, PAGE_SIZE)
    found = files.listing(state.services(), state.session_id(), kinds=KINDS, limit=shown + len(jobs) + 1)
    running = {job.id for job in jobs}
    over = [item for item in found.items if item.id not in running]
    return over[: shown + 1], found.total > shown + 1 + len(jobs)


def chosen(items: Sequence[Item], jobs: Sequence[JobStatus]) -> Item | None:
    """The item that is shown as a card: the one opened, else the newest; none while the opened one is still being made."""
    opened = state.opened(PLACE)
    if opened is None:
        return items[0] if items and not jobs else None
    if not opened or any(job.id == opened for job in jobs):
        return None
    listed = next((item for item in items if item.id == opened), None)
    if listed is None:
        try:
            return files.get(state.services(), state.session_id(), opened)
        except AppError:
            state.open_item(PLACE, "")  # deleted in another tab, or swept
    return listed


def card(item: Item) -> None:
    """Draw the chosen item as what it is: done, failed or cancelled."""
    if item.role("audio"):
        item_card.done_card(item, PLACE, again)
        return
    try:
        job = state.services().jobs.status(state.session_id(), item.id)
    except AppError as error:
        messages.problem(error)
        return
    remedies = [item_card.Remedy("Try again", ":material/refresh:", _retry)]
    if job.error and job.error.get("code") in ENGINE_CODES and item.request.get("engine") != "espeak":
        remedies.append(item_card.Remedy(OFFLINE, ":material/cloud_off:", _offline))
    item_card.failed_card(item, job, PLACE, again, remedies)


def _retry(item: Item) -> None:
    messages.attempt(lambda: state.services().jobs.retry(state.session_id(), item.id))


def _offline(item: Item) -> None:
    """The same with the engine that needs nobody; the new item takes the place of the one that failed."""
    request = SpeechRequest.from_dict(item.request)

    def instead() -> None:
        _submit(replace(request, engine="espeak", voice=None, accent=None))
        files.delete(state.services(), state.session_id(), item.id)

    messages.attempt(instead)


def rest(items: Sequence[Item], card: Item | None, more: bool) -> None:
    """Draw what else was made, and the way to more of it."""
    others = [item for item in items if card is None or item.id != card.id]
    if not others:
        return
    others = others[: st.session_state.get(SHOWN, PAGE_SIZE)]
    how = {item.id: _how_it_ended(item) for item in others if not item.role("audio")}
    shelf(others, PLACE, how, heading="Latest", foot=_privacy(), on_more=_show_more if more else None)


def _privacy() -> str:
    hours = state.services().settings.session_timeout_hours
    kept = f"Removed {hours:g} h after your last visit, unless you keep them." if hours else "Kept until you delete them."
    return f"Only this browser sees these. {kept}"


def _how_it_ended(item: Item) -> str:
    try:
        return state.services().jobs.status(state.session_id(), item.id).state
    except AppError:
        return "not made"


def _show_more() -> None:
    st.session_state[SHOWN] = st.session_state.get(SHOWN, PAGE_SIZE) + PAGE_SIZE
