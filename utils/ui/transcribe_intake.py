"""Where recordings come in: files by our own route with progress, or a short recording by the microphone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from utils.audio.recording import ACCEPTED
from utils.storage.item import Item
from utils.ui import figures, messages, state
from utils.ui.components import component
from utils.ui.transcribe_fields import key
from utils.workflows import files, uploads

KINDS = ("upload",)
MOST = 500  # waiting recordings that are looked at
ADDRESS = "/api/v1/upload"
MICROPHONE_HZ = 16_000  # what the engines hear
KNOWN, SENDING, TAKES = key("known"), key("sending"), key("takes")
_intake = component("intake")


def waiting() -> list[Item]:
    """Recordings of the session that have arrived and wait to be transcribed, oldest first; the truth is on the disk."""
    found = files.listing(state.services(), state.session_id(), kinds=KINDS, limit=MOST)
    return found.items[::-1]


def sending() -> bool:
    """This tab is still sending files."""
    return bool(st.session_state.get(SENDING))


def intake(items: Sequence[Item], on_arrived: Any, news: str) -> None:
    """Draw the place to drop files on, and what has arrived.

    Args:
        items: As `waiting` answered.
        on_arrived: Called when files have arrived, before the page runs.
        news: For screen readers, told when it changes.
    """
    most_bytes = uploads.max_bytes(state.services().settings)
    most = figures.size(most_bytes)
    hours = state.services().settings.max_media_hours
    data = {
        "limit": most_bytes,
        "limitWords": f"{most} (MAX_UPLOAD_MB)",
        "hint": f"MP3, WAV, M4A, FLAC, Opus, MP4, MOV, MKV, WebM and others · up to {most} and {hours:g} h each",
        "accept": ",".join(["audio/*", "video/*", *ACCEPTED]),
        "address": ADDRESS,
        "waiting": [{"id": item.id, "title": item.title, "facts": _facts(item)} for item in items],
        "known": st.session_state.get(KNOWN, []),
        "news": news,
    }
    place = key("intake")

    def said(trigger: str) -> Any:
        return st.session_state[place].get(trigger)

    def arrived() -> None:
        told = said("arrived") or {}
        st.session_state[KNOWN] = [str(one) for one in told.get("ids", [])]
        st.session_state[SENDING] = bool(told.get("open"))
        on_arrived()

    def remove() -> None:
        messages.attempt(lambda: files.delete(state.services(), state.session_id(), str(said("remove"))))

    _intake(key=place, data=data, on_arrived_change=arrived, on_remove_change=remove)


def _facts(item: Item) -> str:
    """One quiet line about a recording that waits."""
    made = item.result
    words = [figures.length(float(made["seconds"]))] if made.get("seconds") else []
    words.append(figures.size(item.size_bytes))
    if len(tracks := made.get("tracks") or ()) > 1:
        words.append(f"{len(tracks)} tracks")
    return " · ".join(words)


def microphone() -> None:
    """A short recording by the microphone, behind a button."""
    with st.popover("Record", icon=":material/mic:", type="tertiary", key=key("microphone"), on_change="rerun") as box:
        if box.open:
            widget = key(f"take_{st.session_state.get(TAKES, 0)}")
            hint = "It is kept with your files when you stop. For long recordings use a recorder and send the file."
            st.audio_input("Recording", sample_rate=MICROPHONE_HZ, help=hint, key=widget, on_change=_recorded, args=(widget,))


def _recorded(widget: str) -> None:
    """Keep what was recorded, as a file that has arrived, and make room for the next one."""
    sound = st.session_state[widget]
    if sound is None:
        return
    services, session_id = state.services(), state.session_id()
    name = f"Recording {datetime.fromtimestamp(services.clock(), state.zone()):%H.%M.%S}.wav"

    def keep() -> None:
        with uploads.receive(services, session_id, name, sound.size) as upload:
            upload.write(sound.getvalue())
            upload.finish()

    messages.attempt(keep)
    st.session_state[TAKES] = st.session_state.get(TAKES, 0) + 1  # another key is another, empty recorder
