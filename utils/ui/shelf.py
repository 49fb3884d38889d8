"""The shelf: what was made before, one line an item, played in place and opened as a card by its title.

One component draws all lines: a rerun then costs one message, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from pathlib import PurePath
from typing import Any

import streamlit as st

from utils.storage import names
from utils.storage.item import Item
from utils.ui import figures, state
from utils.ui.components import component
from utils.ui.player import address

_shelf = component("shelf")


def _row(item: Item, now: float, zone: tzinfo | None, state_of: Mapping[str, str]) -> dict[str, Any]:
    audio = item.role("audio")
    words = [figures.ago(item.created_at, now, zone)]
    if audio is None:
        words.append(state_of.get(item.id, "not made"))
    elif item.result.get("engine_label"):
        words.append(str(item.result["engine_label"]))
    if item.permanent:
        words.append("kept")
    return {
        "id": item.id,
        "title": item.title,
        "facts": " · ".join(words),
        "seconds": float(item.result.get("seconds") or 0),
        "failed": state_of.get(item.id) == "failed",
        "audio": address(item.id, audio.name, inline=True) if audio else "",
        "name": names.download_name(item.title, PurePath(audio.name).suffix) if audio else "",
    }


def shelf(
    items: Sequence[Item], place: str, state_of: Mapping[str, str], *, heading: str, foot: str, on_more: Callable[[], None] | None
) -> None:
    """Draw the lines.

    Args:
        items: What is drawn, in this order.
        place: Where a click opens one; `<place>_result` is the key of its card.
        state_of: By id, how the work on items without sound ended.
        heading: Above the lines.
        foot: A quiet sentence below them.
        on_more: Click on "Show more"; None when there is no more.
    """
    key = f"{place}_shelf"
    now, zone = state.services().clock(), state.zone()

    def opened() -> None:
        state.open_item(place, st.session_state[key].get("open"))

    rows = [_row(item, now, zone, state_of) for item in items]
    data = {"rows": rows, "opens": f".st-key-{place}_result", "heading": heading, "foot": foot, "more": on_more is not None}
    _shelf(key=key, data=data, on_open_change=opened, on_more_change=on_more or _nothing)


def _nothing() -> None:
    """A trigger that no button raises now."""
