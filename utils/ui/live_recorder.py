"""The recorder of the Live page: one component that asks for the microphone, talks to the live socket and draws the captions.

Nothing of the sound or the words passes through Streamlit; the page runs again once, when a recording has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st

from utils.errors import AppError
from utils.transcription import models
from utils.ui import state
from utils.ui.components import component
from utils.workflows import live, live_places, transcribe

KEY = "live_recorder"
ADDRESS = "/api/v1/live"
COMMON = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "tr", "ar", "hi", "zh", "ja", "ko")  # before the others
HINT = "What you say appears here about two seconds later. The recording itself is kept with your files as you speak."
HINT_NO_CAPTIONS = "This server makes no captions while you speak. The recording is kept as you speak, its text is made at the end."
PARTS = tuple(f"live_{part}" for part in ("mic", "sound", "kept", "tabs", "line", "words", "ear", "look", "speech"))
_recorder = component("live", *PARTS)


def recorder(on_ended: Callable[[str], None]) -> None:
    """Draw the recorder.

    Args:
        on_ended: Called with the item's id when a recording of this session has ended, before the page runs.
    """

    def ended() -> None:
        told = st.session_state[KEY].get("ended")
        on_ended(str(told.get("id", "")) if isinstance(told, dict) else "")

    _recorder(key=KEY, data=_data(), on_ended_change=ended)


def _data() -> dict[str, Any]:
    services = state.services()
    options = transcribe.options(services)
    captions = live_places.count(services) > 0
    draft = options.engine == "draft" or (captions and live_places.is_draft(services))
    note = models.DRAFT_NOTE if draft else ""
    hint = HINT if captions else " ".join(filter(None, [HINT_NO_CAPTIONS, note]))
    return {
        "address": ADDRESS,
        "languages": [["en", "English"]] if draft else _languages(dict(options.languages)),
        "limit": services.settings.live_max_hours * 3600,
        "hint": hint,
        "draft": note if captions else "",
        "mine": hashlib.sha256(f"live {state.session_id()}".encode()).hexdigest()[:16],  # whose sound a browser keeps
        "open": _open(),
    }


def _languages(names: dict[str, str]) -> list[list[str]]:
    common = [tag for tag in COMMON if tag in names]
    others = sorted((tag for tag in names if tag not in common), key=names.__getitem__)
    return [["", "Detect the language"], *([tag, names[tag]] for tag in (*common, *others))]


def _open() -> dict[str, Any] | None:
    """The session's open recording, as the component goes on with it."""
    services, session_id = state.services(), state.session_id()
    with suppress(AppError):  # it ended in this moment
        item_id = live.open_of(services, session_id)
        if item_id:
            facts = services.sessions.recording(session_id, item_id)
            return {"id": item_id, "sample_rate": facts.sample_rate, "language": facts.language}
    return None
