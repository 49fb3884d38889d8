"""Delete with a way back: for as long as the store can undo, a line with Undo stands where the item stood."""

from __future__ import annotations

import streamlit as st

from utils.session_manager import UNDO_S
from utils.ui import messages, state
from utils.workflows import files

DELETED = "deleted"  # {"id", "title", "until", "place"} in the session state of the tab


def delete(item_id: str, title: str, place: str) -> None:
    """Delete an item for a click and remember it for `undo_line` at that place."""
    services = state.services()
    if messages.attempt(lambda: files.delete(services, state.session_id(), item_id)):
        st.session_state[DELETED] = {"id": item_id, "title": title, "until": services.clock() + UNDO_S, "place": place}
        state.open_item(place, "")


def undo_line(place: str) -> bool:
    """Draw the line while there is something to take back at this place, and say whether there is."""
    gone = st.session_state.get(DELETED)
    if not gone or gone["place"] != place:
        return False
    left_s = gone["until"] - state.services().clock()
    if left_s <= 0:
        del st.session_state[DELETED]
        return False

    @st.fragment(run_every=left_s + 0.1)  # runs again once: when it is too late
    def line() -> None:
        if st.session_state.get(DELETED) != gone or state.services().clock() >= gone["until"]:
            st.rerun()  # the whole page: it was taken back, or cannot be any more
        with st.container(border=True, horizontal=True, wrap=False, vertical_alignment="center", key=f"{place}_undo_line"):
            st.html(f'<p class="quiet" role="status">Deleted: {messages.as_html(gone["title"])}</p>')
            st.button("Undo", icon=":material/undo:", key=f"{place}_undo", on_click=_undo, args=(gone["id"], place))

    line()
    return True


def _undo(item_id: str, place: str) -> None:
    if messages.attempt(lambda: files.undo(state.services(), state.session_id(), item_id)):
        state.open_item(place, item_id)
    st.session_state.pop(DELETED, None)
