"""What a tab looks at in a transcript: which page of it, what is searched, the original or the corrected text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from utils.ui.transcribe_fields import key

PAGE_SIZE = 50  # segments drawn at once: about 20 kB a rerun
LOOK = key("look")


@dataclass(frozen=True)
class Look:
    """A tab's place in a transcript.

    Attributes:
        item: Whose transcript.
        page: From 1.
        q: Searched text.
        only: `all` or `doubtful`.
        original: The text as it was heard, not as it was corrected.
        focus: Segment that a jump leads to, or None.
        tick: Counts the jumps and the edits that failed.
        said: Why the last edit failed: {n, sentence, tick}.
        news: For screen readers.
    """

    item: str
    page: int = 1
    q: str = ""
    only: str = "all"
    original: bool = False
    focus: int | None = None
    tick: int = 0
    said: dict[str, Any] | None = None
    news: str = ""

    @property
    def offset(self) -> int:
        """Segments before the page."""
        return (self.page - 1) * PAGE_SIZE


def look_of(item_id: str) -> Look:
    """What this tab looks at."""
    kept = st.session_state.get(LOOK)
    return kept if isinstance(kept, Look) and kept.item == item_id else Look(item_id)


def look_at(look: Look, **changes: Any) -> None:
    """Look at something else; another filter begins at its first page."""
    if {"q", "only", "original"} & changes.keys() and "page" not in changes:
        changes["page"] = 1
    st.session_state[LOOK] = replace(look, **{"said": None, "focus": None} | changes)
