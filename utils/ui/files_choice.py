"""What is done with many files at once: taken as one ZIP, kept, deleted with one way back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from utils.services import Services
from utils.session_manager import UNDO_S
from utils.storage.archive import IN_MEMORY_BYTES, small
from utils.storage.search import Found, Query
from utils.ui import figures, messages, state
from utils.ui.files_fields import PLACE, key, query
from utils.ui.files_list import choice, choose
from utils.ui.messages import as_html
from utils.workflows import collect, files
from utils.workflows.files import Deleted

GONE = key("gone")  # {"ids", "until"} of what was deleted together
ZIP_MARGIN = 0.9  # names, rendered transcripts and the table come on top of the files
SMALL_COUNT = 300  # more items take longer than a click should
NAME = "Sotto files.zip"


def bar(found: Found) -> None:
    """Draw what can be done with the chosen ones; nothing while none are."""
    chosen = choice(found)
    if not chosen:
        return
    sizes = {entry.id: entry.size_bytes for entry in found.everything if entry.id in chosen}
    matching = [entry.id for entry in found.matching]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("bar")):
        told = f"{figures.count(len(chosen), 'file')} chosen, {figures.size(sum(sizes.values()))}"
        st.html(f'<p class="quiet" role="status">{told}</p>', width="content")
        _zip([entry.id for entry in found.everything if entry.id in chosen], sum(sizes.values()), set(matching) == chosen)
        kept = all(entry.permanent for entry in found.everything if entry.id in chosen)
        st.button(
            "Do not keep" if kept else "Keep",
            icon=":material/bookmark_remove:" if kept else ":material/bookmark:",
            key=key("keep"),
            on_click=_keep,
            args=(chosen, not kept),
        )
        st.button("Delete", icon=":material/delete:", key=key("delete"), on_click=_delete, args=(chosen,))
        if not set(matching) <= chosen:
            more = f"Choose all {len(matching):,} that match"
            st.button(more, type="tertiary", key=key("all"), on_click=choose, args=(chosen | set(matching),))
        st.button("Choose none", type="tertiary", key=key("none"), on_click=choose, args=(set(),))


def _zip(ids: Sequence[str], size_bytes: int, is_search: bool) -> None:
    if size_bytes < IN_MEMORY_BYTES * ZIP_MARGIN and len(ids) <= SMALL_COUNT:
        st.download_button(
            "ZIP",
            partial(zip_bytes, state.services(), state.session_id(), tuple(ids)),
            NAME,
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key=key("zip"),
        )
    elif is_search or len(ids) <= collect.MOST_IDS:
        href = as_html(address(query() if is_search else None, ids))
        st.html(f'<a class="pill take" href="{href}" download="{NAME}">ZIP &nbsp;{figures.size(size_bytes)}</a>', width="content")
    else:
        why = f"One ZIP takes at most {collect.MOST_IDS} that were chosen one by one. Search, and choose all that match."
        st.html(f'<p class="quiet">{why}</p>', width="content")


def address(wanted: Query | None, ids: Sequence[str]) -> str:
    """Where our own route streams the ZIP: by a search, or by ids without the words of their titles."""
    if wanted is None:
        return "/api/v1/items.zip?ids=" + ",".join(collect.short(item_id) for item_id in ids)
    given: dict[str, Any] = {"kind": wanted.kinds, "q": wanted.q, "engine": wanted.engine, "state": wanted.state}
    given |= {"from": wanted.since, "to": wanted.until, "sort": wanted.sort}
    return "/api/v1/items.zip?" + urlencode({name: value for name, value in given.items() if value}, doseq=True)


def zip_bytes(services: Services, session_id: str, ids: Sequence[str]) -> bytes:
    """Runs in a thread of its own at the click; st.* is out of reach there."""
    return small(list(collect.contents(services, session_id, ids)))


def _keep(chosen: set[str], permanent: bool) -> None:
    messages.attempt(lambda: files.keep_many(state.services(), state.session_id(), chosen, permanent))


def _delete(chosen: set[str]) -> None:
    messages.attempt(lambda: remember(files.delete_many(state.services(), state.session_id(), chosen)))


def remember(deleted: Deleted) -> None:
    """After a deletion: what can be taken back, and what stays."""
    if deleted.gone:
        until = state.services().clock() + UNDO_S
        st.session_state[GONE] = {"ids": deleted.gone, "until": until, "busy": len(deleted.busy)}
    choose(set(deleted.busy))
    state.open_item(PLACE, "")


def undo_line() -> None:
    """Draw the way back while there is one."""
    gone = st.session_state.get(GONE)
    if not gone:
        return
    left_s = gone["until"] - state.services().clock()
    if left_s <= 0:
        del st.session_state[GONE]
        return

    @st.fragment(run_every=left_s + 0.1)  # runs again once: when it is too late
    def line() -> None:
        if st.session_state.get(GONE) != gone or state.services().clock() >= gone["until"]:
            st.rerun()  # the whole page: it was taken back, or cannot be any more
        stays = f" {figures.count(gone['busy'], 'file')} still being made stayed." if gone["busy"] else ""
        with st.container(border=True, horizontal=True, wrap=False, vertical_alignment="center", key=key("undo_many_line")):
            st.html(f'<p class="quiet" role="status">Deleted: {figures.count(len(gone["ids"]), "file")}.{stays}</p>')
            st.button("Undo", icon=":material/undo:", key=key("undo_many"), on_click=_undo, args=(gone["ids"],))

    line()


def _undo(ids: Sequence[str]) -> None:
    messages.attempt(lambda: files.undo_many(state.services(), state.session_id(), ids))
    st.session_state.pop(GONE, None)
