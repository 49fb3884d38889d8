"""An opened file of the Files page: drawn as on the page that made it, with its details and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.jobs.live_kind import OF_RECORDING
from utils.speech.contract import SpeechRequest
from utils.storage import names
from utils.storage.item import Item
from utils.storage.search import Found
from utils.transcription.contract import TranscriptionRequest
from utils.ui import bulk_card, figures, item_card, messages, speech_fields, state, transcribe_fields, transcript_card, undo
from utils.ui.components import lean, read
from utils.ui.files_fields import ONE, PLACE, key
from utils.ui.grid import grid
from utils.ui.messages import as_html, plain
from utils.ui.player import address, player
from utils.workflows import files, live, transcribe

GONE = "This file is gone: it was deleted in another tab, or removed after its time."
PAGES = {"batch": ("bulk", "Open in Bulk"), "transcript": ("transcribe", "Open in Transcribe")}


def opened() -> str:
    """Id of the item that is open, or empty."""
    return state.opened(PLACE) or ""


def draw(found: Found, jobs: Sequence[JobStatus]) -> None:
    """Draw the opened item; one that is gone is said to be."""
    if not opened():
        return
    try:
        item = files.get(state.services(), state.session_id(), opened())
    except AppError:
        deleted_here = (st.session_state.get(undo.DELETED) or {}).get("id") == opened()
        state.open_item(PLACE, "")
        if deleted_here:  # from the card of another page; the line with Undo says so
            return
        st.html(f'<p class="problem" role="status">{GONE}</p>')
        return
    with st.container(key=key("opened")):
        _card(item, [job for job in jobs if job.id == item.id])
        _acts(item, is_open=item.id in found.running)
        with st.expander("Details"):
            details(item, found)


def _card(item: Item, jobs: Sequence[JobStatus]) -> None:
    if item.kind == "batch":
        st.html(f"<style>{lean(read('bulk.css'))}</style>")
        bulk_card.card(item, jobs)
    elif item.kind == "transcript":
        transcribe_fields.begin()
        st.html(f"<style>{lean(read('transcribe.css'))}</style>")
        transcript_card.card(item, jobs, transcribe.options(state.services()))
    elif item.kind == "speech" and item.role("audio"):
        item_card.done_card(item, PLACE, _again)
    elif item.kind == "speech":
        _unfinished(item)
    elif live.open_of(state.services(), state.session_id()) == item.id:
        _recorded(item)
    else:
        _sent(item)


def _unfinished(item: Item) -> None:
    try:
        job = state.services().jobs.status(state.session_id(), item.id)
    except AppError as error:
        messages.problem(error)
        return
    if job.is_open:
        with st.container(border=True, key=key("result")):
            st.markdown(f"**{plain(item.title)}** &nbsp; :gray[being made, see above]")
        return
    item_card.failed_card(item, job, PLACE, _again, [item_card.Remedy("Try again", ":material/refresh:", _retry)])


def _recorded(item: Item) -> None:
    """What is being recorded is stopped where it is recorded, and cannot be deleted by a click here."""
    said = "still being recorded; it can be heard, searched and deleted when it has ended"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("result")):
        st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{said}]", width="stretch")
        st.button("To the recorder", icon=":material/mic:", key=key("recorder"), on_click=_go, args=("live", item.id))


def _sent(item: Item) -> None:
    """What was recorded or sent: heard in place where browsers can, taken away as it came."""
    sound = item.role("audio") or item.role("source")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("result")):
        item_card.rename_line(item, PLACE)
        head = item_card.facts(item, state.services().clock())
        if sound and sound.media_type.startswith("audio/"):
            source = address(item.id, sound.name, inline=True)
            player(item, key=f"{PLACE}_player_{item.id}", head=head, source=source)
        else:
            st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{plain(head)}]", width="stretch")
        for file in item.files:
            if file.role != "peaks":
                item_card.download(item, file, PLACE)
        item_card.menu(item, PLACE)


def _acts(item: Item, *, is_open: bool) -> None:
    """Use as input, the whole of it as a ZIP, the page that made it, and back to the list."""
    with st.container(horizontal=True, vertical_alignment="center", key=key("acts")):
        if item.kind in ("speech", "recording", "upload") and item.files and not is_open:
            st.button(
                "Transcribe this", icon=":material/speech_to_text:", key=key("transcribe"), on_click=_transcribe, args=(item.id,)
            )
        if item.files and item.kind != "batch":
            name = as_html(names.download_name(item.title, ".zip"))
            href = as_html(f"/api/v1/items/{item.id}.zip")
            st.html(f'<a class="pill take" href="{href}" download="{name}">All of it as ZIP</a>', width="content")
        if item.request.get(OF_RECORDING) and not is_open:
            st.button(
                "Open in Live", icon=":material/mic:", type="tertiary", key=key("live"), on_click=_show_in_live, args=(item.id,)
            )
        if item.kind in PAGES:
            place, label = PAGES[item.kind]
            st.button(
                label, icon=":material/open_in_new:", type="tertiary", key=key("elsewhere"), on_click=_go, args=(place, item.id)
            )
        st.button("Close", icon=":material/close:", type="tertiary", key=key("close"), on_click=state.open_item, args=(PLACE, ""))


def details(item: Item, found: Found) -> None:
    """How it was made and how long it stays, as a table."""
    made, asked = item.result, item.request
    size_bytes = next((entry.size_bytes for entry in found.everything if entry.id == item.id), item.size_bytes)
    rows = [
        ("Kind", ONE.get(item.kind, item.kind)),
        ("Made", _date(item.created_at)),
        ("Engine", str(made.get("engine_label") or made.get("engine") or "")),
        ("Why this engine", str(made.get("fallback") or "")),
        ("Voice", str(made.get("voice_name") or "")),
        ("Model", str(made.get("model") or "")),
        ("Language", str(made.get("language") or asked.get("language") or "")),
        ("Speed", f"{asked['speed']:g}" if isinstance(asked.get("speed"), (int, float)) and asked["speed"] != 1 else ""),
        ("Came as", str(asked.get("original_name") or asked.get("source") or "") if isinstance(asked.get("source"), str) else ""),
        ("Length", figures.length(float(made["seconds"])) if made.get("seconds") else ""),
        ("Size", figures.size(size_bytes)),
        ("Files", ", ".join(file.name for file in item.files if file.role != "peaks")),
        ("Goes", goes(item)),
    ]
    grid("How it was made", ("What", "Value"), [row for row in rows if row[1]])


def goes(item: Item) -> str:
    """In plain words when it is removed, by the settings in force."""
    if item.permanent:
        return "never by itself: you keep it"
    services, session_id = state.services(), state.session_id()
    session = services.sessions.peek_session(session_id)
    if session and session.permanent:
        return "never by itself: this session is kept"
    try:
        at = services.sessions.item_expires_at(session_id, item)
    except AppError:
        at = None
    hours = services.settings.session_timeout_hours
    with_session = f"{hours:g} h after your last visit, unless you keep it" if hours else ""
    if at is not None:
        return f"{_date(at)}, unless it changes or you keep it" + (f"; at the latest {with_session}" if with_session else "")
    return with_session or "never by itself"


def _date(at: float) -> str:
    when = datetime.fromtimestamp(at, state.zone())
    return f"{when.day} {when:%B %Y, %H:%M}"


def _again(item: Item) -> None:
    """Refill the form of the Speak page, and go there."""
    speech_fields.begin()
    speech_fields.refill(SpeechRequest.from_dict(item.request))
    st.session_state[state.TURN_TO] = "speak.py"


def _retry(item: Item) -> None:
    messages.attempt(lambda: state.services().jobs.retry(state.session_id(), item.id))


def _show_in_live(item_id: str) -> None:
    """There are its sound, its captions, and what they had otherwise."""
    state.open_item("live", item_id)
    st.session_state[state.TURN_TO] = "live.py"


def _go(place: str, item_id: str) -> None:
    if place != "live":  # its page shows by itself what is open
        state.open_item(place, item_id)
    st.session_state[state.TURN_TO] = f"{place}.py"


def _transcribe(item_id: str) -> None:
    def start() -> None:
        job = transcribe.start(state.services(), state.session_id(), [item_id], TranscriptionRequest())[0]
        state.open_item(PLACE, job.id)

    messages.attempt(start)
