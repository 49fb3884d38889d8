"""The items of the Files page, one line each, and which of them are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import streamlit as st

from utils.errors import AppError
from utils.storage.item import Item
from utils.storage.search import Found
from utils.ui import figures, state
from utils.ui.components import component
from utils.ui.files_fields import ONE, PAGE_SIZE, PLACE, key, page, turn
from utils.ui.player import address
from utils.workflows import files, live

CHOICE, SEQ = key("choice"), key("seq")
EMPTY = "Everything you make appears here: speech, batches, transcripts and recordings."
NOTHING = "Nothing matches. Try fewer or other words, another kind or any time."
_drawer = component("drawer")


def choice(found: Found) -> set[str]:
    """Ids of what is chosen and still there."""
    chosen: set[str] = st.session_state.get(CHOICE, set())
    return chosen & {entry.id for entry in found.everything} if chosen else set()


def choose(ids: set[str]) -> None:
    """Choose these and nothing else."""
    st.session_state[CHOICE] = ids
    st.session_state[SEQ] = st.session_state.get(SEQ, 0) + 1_000_000  # newer than whatever the browser says of before


def empty() -> None:
    """Nothing is there yet: what will be, and where it is made."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("empty")):
        st.html(f'<p class="quiet">{EMPTY}</p>', width="stretch")
        st.button("Speak a text", icon=":material/text_to_speech:", key=key("go_speak"), on_click=_go, args=("speak.py",))
        st.button("Transcribe", icon=":material/subtitles:", key=key("go_transcribe"), on_click=_go, args=("transcribe.py",))


def _go(page_file: str) -> None:
    st.session_state[state.TURN_TO] = page_file


def draw(found: Found, opened: str) -> None:
    """Draw the page of lines that this tab looks at."""
    if not found.everything:
        empty()
        return
    services, session_id = state.services(), state.session_id()
    recorded = live.open_of(services, session_id)
    total = len(found.matching)
    pages = max(1, -(-total // PAGE_SIZE))
    number = min(page(), pages)
    offset = (number - 1) * PAGE_SIZE
    items = files.shown(services, session_id, found.matching[offset : offset + PAGE_SIZE])
    chosen, now, zone = choice(found), services.clock(), state.zone()
    sizes = {entry.id: entry.size_bytes for entry in found.matching[offset : offset + PAGE_SIZE]}
    drawn = [_row(item, sizes.get(item.id, 0), found, now, zone, item.id == recorded) for item in items]
    rows = [{**row, "chosen": row["id"] in chosen} for row in drawn]
    span = f"{offset + 1:,} to {offset + len(items):,} of {total:,}" if items else ""
    data = {
        "label": "Your files",
        "news": span or "Nothing matches",
        "seq": st.session_state.get(SEQ, 0),
        "opened": opened,
        "opens": f".st-key-{PLACE}_opened",
        "page": number,
        "pages": pages,
        "span": span,
        "empty": NOTHING,
        "rows": rows,
    }
    _drawer(key=key("drawer"), data=data, on_choose_change=_chosen, on_open_change=_opened, on_page_change=_turned)


def _row(item: Item, size_bytes: int, found: Found, now: float, zone: tzinfo | None, recorded: bool) -> dict[str, Any]:
    """`recorded`: it is being recorded at this moment."""
    sound = _sound(item)
    running = recorded or item.id in found.running
    made = bool(item.result or item.files)
    how_far = ["still open"] if recorded else _how_far(item, running, made)
    words = [ONE.get(item.kind, item.kind), *how_far, figures.ago(item.created_at, now, zone)]
    if size_bytes:
        words.append(figures.size(size_bytes))
    if item.result.get("engine_label"):
        words.append(str(item.result["engine_label"]))
    if item.permanent:
        words.append("kept")
    return {
        "id": item.id,
        "title": item.title,
        "mark": "running" if running else item.kind if made else "failed",
        "facts": " · ".join(words),
        "seconds": float(item.result.get("seconds") or 0),
        "audio": sound,
    }


def _sound(item: Item) -> str:
    """Address of what can be played in the line, or empty."""
    audio = item.role("audio") or next((file for file in item.files if file.media_type.startswith("audio/")), None)
    return address(item.id, audio.name, inline=True) if audio else ""


def _how_far(item: Item, running: bool, made: bool) -> Sequence[str]:
    if running:
        return ["being made"]
    if item.kind == "batch" and item.result:
        result = item.result
        rows = figures.count(float(item.request.get("rows", 0)), "row")
        failed = [f"{result['failed']:,} failed"] if result.get("failed") else []
        return [f"{result.get('done', 0):,} of {rows}", *failed]
    if not made:
        try:
            return [state.services().jobs.status(state.session_id(), item.id).state]
        except AppError:
            return ["not made"]
    if item.result.get("draft"):
        return ["draft"]
    return []


def _chosen() -> None:
    said = st.session_state[key("drawer")].get("choose") or {}
    here, chosen = set(said.get("here", ())), set(said.get("chosen", ()))
    st.session_state[CHOICE] = (st.session_state.get(CHOICE, set()) - here) | (chosen & here)
    st.session_state[SEQ] = max(st.session_state.get(SEQ, 0), int(said.get("seq", 0)))


def _opened() -> None:
    wanted = str(st.session_state[key("drawer")].get("open") or "")
    state.open_item(PLACE, "" if wanted == state.opened(PLACE) else wanted)


def _turned() -> None:
    turn(max(1, int(st.session_state[key("drawer")].get("page") or 1)))
