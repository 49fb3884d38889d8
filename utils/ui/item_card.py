"""What became of an item, drawn as cards of one form on every page: done, failed or cancelled.

A done card: title and one quiet line, player, downloads, again with changes, and a menu for the rest. A card of what failed
stays where the result would be: what, why, what to do, and a button that does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

import streamlit as st

from utils.jobs.contract import JobStatus
from utils.services import Services
from utils.storage import names
from utils.storage.item import Item, ItemFile
from utils.ui import figures, messages, state, undo
from utils.ui.messages import plain
from utils.ui.player import address, player
from utils.workflows import files, transcribe

SMALL_BYTES = 2**20  # above it Streamlit names a file by parts of its bytes only, so it goes through our own route
RENAME, KEEP, KEEP_NOT, DELETE = "Rename", "Keep", "Do not keep", "Delete"
CHECK = "Check by transcribing"
MENU_ICONS = {
    RENAME: ":material/edit:",
    CHECK: ":material/hearing:",
    KEEP: ":material/bookmark:",
    KEEP_NOT: ":material/bookmark_remove:",
    DELETE: ":material/delete:",
}
AGAIN = "Again with changes"
TRANSCRIPTS = "transcribe"  # the place where transcripts are opened


@dataclass(frozen=True)
class Remedy:
    """A button of a failed card: what it says, and what a click does."""

    label: str
    icon: str
    act: Callable[[Item], None]


def facts(item: Item, now: float) -> str:
    """One quiet line about a finished item: when, how long, how large, who spoke."""
    made = item.result
    words = [figures.ago(item.created_at, now, state.zone())]
    if made.get("seconds"):
        words.append(figures.length(float(made["seconds"])))
    if audio := item.role("audio"):
        words.append(figures.size(audio.size_bytes))
    words += [str(made[key]) for key in ("engine_label", "voice_name") if made.get(key)]
    if item.permanent:
        words.append("kept")
    return " · ".join(words)


def done_card(item: Item, place: str, again: Callable[[Item], None]) -> None:
    """Draw a finished item.

    Args:
        item: With result and files.
        place: Name of the page, for keys and for what a click does there.
        again: Refills the page's form from the item.
    """
    why, spoke = item.result.get("fallback"), item.result.get("engine_label") or "another engine"
    note = f"Spoken by {spoke} because {why}." if why else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"{place}_result"):
        rename_line(item, place)
        player(item, key=f"{place}_player_{item.id}", head=facts(item, state.services().clock()), note=note)
        for file in item.files:
            if file.role in ("audio", "subtitles"):
                download(item, file, place)
        st.button(AGAIN, icon=":material/redo:", key=f"{place}_again", on_click=again, args=(item,))
        menu(item, place)


def failed_card(item: Item, job: JobStatus, place: str, again: Callable[[Item], None], remedies: list[Remedy]) -> None:
    """Draw an item whose work failed or was cancelled, with what can be done about it."""
    when = figures.ago(item.created_at, state.services().clock(), state.zone())
    with st.container(border=True, key=f"{place}_result"):
        rename_line(item, place)
        st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{when}]")
        if job.state == "cancelled":
            st.html('<p class="quiet">You cancelled this.</p>')
        else:
            messages.problem(job.error or {})
        with st.container(horizontal=True, vertical_alignment="center", key=f"{place}_remedies"):
            for remedy in remedies:
                st.button(remedy.label, icon=remedy.icon, key=f"{place}_{remedy.label}", on_click=remedy.act, args=(item,))
            st.button(AGAIN, icon=":material/redo:", key=f"{place}_again", on_click=again, args=(item,))
            menu(item, place)


def menu(item: Item, place: str) -> None:
    """Rarely needed actions of an item: rename, keep, delete; speech can be checked by transcribing it."""
    check = [CHECK] if item.kind == "speech" and item.role("audio") else []
    st.menu_button(
        "Menu",
        [RENAME, KEEP_NOT if item.permanent else KEEP, *check, DELETE],
        format_func=lambda option: f"{MENU_ICONS[option]} {option}",
        icon=":material/more_horiz:",
        type="tertiary",
        key=f"{place}_menu",
        on_click=_chosen,
        args=(item, place),
    )


def rename_line(item: Item, place: str) -> None:
    """While the item is being renamed: the field for its title."""
    renaming = f"{place}_renaming"
    if st.session_state.get(renaming) == item.id:
        key = f"{place}_title_{item.id}"
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Title", item.title, key=key, max_chars=120, on_change=_rename, args=(item.id, key, renaming))
            st.button("Done", key=f"{place}_renamed", on_click=_rename, args=(item.id, key, renaming))


def _chosen(item: Item, place: str) -> None:
    choice = st.session_state[f"{place}_menu"]
    if choice == RENAME:
        st.session_state[f"{place}_renaming"] = item.id
    elif choice == DELETE:
        undo.delete(item.id, item.title, place)
    elif choice == CHECK:
        messages.attempt(lambda: _check(item.id))
    elif choice:
        messages.attempt(lambda: files.keep(state.services(), state.session_id(), item.id, choice == KEEP))


def _check(item_id: str) -> None:
    """Transcribe what was spoken; the Transcribe page shows how, so the frame turns to it."""
    job = transcribe.check(state.services(), state.session_id(), item_id)
    state.open_item(TRANSCRIPTS, job.id)
    st.session_state[state.TURN_TO] = "transcribe.py"


def _rename(item_id: str, key: str, renaming: str) -> None:
    title = st.session_state.get(key, "")
    if messages.attempt(lambda: files.rename(state.services(), state.session_id(), item_id, title)):
        st.session_state.pop(renaming, None)


def download(item: Item, file: ItemFile, place: str) -> None:
    """A way to take a file: below SMALL_BYTES a button of Streamlit's, above a link to our own route."""
    suffix = PurePath(file.name).suffix
    label, name = suffix.removeprefix(".").upper(), names.download_name(item.title, suffix)
    if file.size_bytes < SMALL_BYTES:
        st.download_button(
            label,
            partial(_bytes, state.services(), state.session_id(), item.id, file.name),  # read when clicked, not when drawn
            name,
            file.media_type,
            on_click="ignore",
            icon=":material/subtitles:" if file.role == "subtitles" else ":material/download:",
            key=f"{place}_take_{file.name}_{item.id}",
        )
    else:
        href, size = messages.as_html(address(item.id, file.name)), figures.size(file.size_bytes)
        st.html(f'<a class="pill take" href="{href}" download="{messages.as_html(name)}">{label} &nbsp;{size}</a>', width="content")


def _bytes(services: Services, session_id: str, item_id: str, name: str) -> bytes:
    """Runs in a thread of its own at the click; st.* is out of reach there."""
    return files.file_answer(services, session_id, item_id, name).path.read_bytes()
