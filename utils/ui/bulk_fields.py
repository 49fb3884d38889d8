"""The fields of a batch: what they start with, and how they become what the workflow wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from utils.speech import voices
from utils.speech.batch import SMALL_GAP_MS, BatchOptions
from utils.speech.contract import SpeechRequest
from utils.speech.table.contract import ROLES
from utils.speech.table.rows import Template
from utils.ui import speech_fields, state
from utils.workflows import batches
from utils.workflows.bulk import Wanted

PLACE = ROOM = "bulk"  # in keys, and in the session's preferences
KINDS = ("batch", "check")
NO_COLUMN = -1
KEPT = (
    "language", "voice", "format", "engine", "accent", "speed", "pitch", "pause", "paragraph", "loudness",
    "track", "track_format", "gap", "subtitles", "timed", "check",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What the form must know of a table: its columns, and whether its rows carry times."""

    columns: tuple[str, ...]
    timed: bool


def key(field: str) -> str:
    """Key of a field of the form."""
    return f"{PLACE}_{field}"


def get(field: str) -> Any:
    """What a field holds now, drawn or not."""
    return st.session_state[key(field)]


def put(**fields: Any) -> None:
    """Fill fields; only before they are drawn in this run, as callbacks do."""
    for field, value in fields.items():
        st.session_state[key(field)] = value


def begin() -> None:
    """Fill the form of a new tab with what this session used last."""
    if key("language") in st.session_state:
        return
    fresh, batch = SpeechRequest("", language=speech_fields.own_language()), BatchOptions()
    put(
        language=voices.find_language(fresh.language).tag,
        voice="",
        format=fresh.format,
        engine=fresh.engine,
        accent="",
        speed=fresh.speed,
        pitch=fresh.pitch,
        pause=fresh.pause_ms / 1000,
        paragraph=fresh.paragraph_ms / 1000,
        loudness=fresh.loudness,
        track=False,
        track_format="mp3",
        gap=SMALL_GAP_MS / 1000,
        subtitles=batch.row_subtitles,
        timed=batch.timed,
        check=batch.check,
    )
    put(**{field: value for field, value in state.preferences(ROOM).items() if field in KEPT})
    fresh_table()


def fresh_table() -> None:
    """Forget what was said about one table only."""
    put(text_template="", name_template="", title="", asking=False, seen="", found={}, shape=None)
    put(**{f"role_{role}": NO_COLUMN for role in ROLES})


def remember() -> None:
    """Keep the choices with the session; what was said about one table goes with it."""
    state.remember(ROOM, {field: get(field) for field in KEPT})


def defaults() -> SpeechRequest:
    """What holds where a row says nothing.

    Engine, accent and voice only as far as they speak the language: it may have changed in the very click that starts.
    """
    language, engine, voice = get("language"), get("engine") or "auto", get("voice")
    if engine != "auto" and not voices.has_engine(language, engine):
        engine = "auto"
    fitting = {found.id for found in voices.for_language(language) if engine in ("auto", found.engine)}
    return SpeechRequest(
        text="",
        language=language,
        engine=engine,
        accent=get("accent") if get("accent") in dict(voices.accents(language)) else None,
        voice=voice if voice in fitting else None,
        speed=float(get("speed")),
        pitch=float(get("pitch")),
        pause_ms=round(get("pause") * 1000),
        paragraph_ms=round(get("paragraph") * 1000),
        loudness=get("loudness"),
        format=get("format") or "mp3",
    )


def options(has_times: bool) -> BatchOptions:
    """Options of the whole batch; times are only kept for a table that has them."""
    timed = bool(get("timed")) and has_times
    merged = get("track_format") or "mp3" if get("track") or timed else ""
    check = bool(get("check")) and not batches.check_problem(state.services())
    return BatchOptions(merged, round(get("gap") * 1000), bool(get("subtitles")), timed, check)


def mapping() -> Mapping[str, int] | None:
    """The columns as chosen; None as long as they are those that were found by name."""
    chosen = {role: get(f"role_{role}") for role in ROLES if get(f"role_{role}") not in (None, NO_COLUMN)}
    return None if chosen == get("found") else chosen


def take_columns(found: Mapping[str, int]) -> None:
    """A new table came: its columns as they were found by name."""
    put(found=dict(found), **{f"role_{role}": found.get(role, NO_COLUMN) for role in ROLES})


def wanted(has_times: bool, paragraphs: bool | None, *, columns: bool = True) -> Wanted:
    """What the form asks for.

    Args:
        has_times: The rows of the table carry times.
        paragraphs: How a text is cut into rows.
        columns: Use the columns as chosen, instead of finding them by name.
    """
    template = Template(defaults(), get("text_template") or "", get("name_template") or "")
    return Wanted(template, mapping() if columns else None, options(has_times), paragraphs)
