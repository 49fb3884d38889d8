"""The options of a batch, drawn: which column is what, voice and format, what else is made, and what is rarely needed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from utils.speech.contract import PAUSE_RANGE_MS, PITCH_RANGE, SPEED_RANGE
from utils.speech.table.contract import ROLES as ALL_ROLES
from utils.ui import pickers, state
from utils.ui.bulk_fields import NO_COLUMN, Shape, get, key
from utils.ui.messages import plain
from utils.ui.sheet import ROLES
from utils.workflows import batches

TRACKS = {"mp3": "MP3, with chapters", "m4b": "M4B, with chapters"}
NO_TEXT = "No column is called text. Choose the one that shall be spoken, or write a text with variables."
SHOWN_COLUMNS = 8  # in a hint


def text_column(table: Shape) -> bool:
    """Ask for the column with the text if no column is called so; answer whether there is a text to speak."""
    if "text" in get("found"):
        return True
    st.html(f'<p class="problem">{NO_TEXT}</p>')
    left, right = st.columns(2)
    with left:
        _column("text", table.columns)
    with right:
        _text_template(table)
    return get("role_text") != NO_COLUMN or bool(get("text_template"))


def _column(role: str, columns: Sequence[str]) -> None:
    if not -1 <= get(f"role_{role}") < len(columns):
        st.session_state[key(f"role_{role}")] = NO_COLUMN

    def label(index: int) -> str:
        return "No column" if index == NO_COLUMN else columns[index]

    st.selectbox(ROLES[role], range(NO_COLUMN, len(columns)), format_func=label, key=key(f"role_{role}"), persist_state="session")


def choices(table: Shape) -> None:
    """Language, voice and format where a row says nothing; what else is made of the rows."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=key("choices")):
        tag = pickers.language(key("language"))
        pickers.voice(key("voice"), tag, get("engine"))
        pickers.file_format(key("format"))
    with st.container(horizontal=True, vertical_alignment="center", key=key("also")):
        st.toggle("Subtitles for every row", key=key("subtitles"), persist_state="session")
        st.toggle("All rows in one track, too", key=key("track"), help="With chapters and subtitles.", persist_state="session")
        problem = batches.check_problem(state.services())
        st.toggle(
            "Check by transcribing",
            key=key("check"),
            disabled=bool(problem),
            help=problem or "Each row is transcribed back and compared with its text. Those that sound otherwise are listed.",
            persist_state="session",
        )
        if table.timed:
            hint = "Each cue begins at its time in the track. One that is too long is spoken faster, at most 1.6 x, and never cut."
            st.toggle("Keep the times of the cues", key=key("timed"), help=hint, persist_state="session")


def more(table: Shape) -> None:
    """What is rarely needed; made only while it is open."""
    with st.expander("More", icon=":material/tune:", key=key("more"), on_change="rerun") as box:
        if not box.open:
            return
        tag, engine = get("language"), get("engine")
        top = st.columns(3)
        with top[0]:
            pickers.engine(key("engine"), tag)
        with top[1]:
            pickers.accent(key("accent"), tag, disabled=bool(get("voice")) or engine == "espeak")
        with top[2]:
            pickers.loudness(key("loudness"))
        _sliders()
        if get("track") or (get("timed") and table.timed):
            _track()
        left, right = st.columns(2, vertical_alignment="top")
        with left:
            st.text_input("Title", key=key("title"), max_chars=120, placeholder="The name of the table", persist_state="session")
            _name_template(table)
        with right:
            if "text" in get("found"):
                _text_template(table)
        _columns(table)


def _sliders() -> None:
    speed, pitch, pause, paragraph = st.columns(4)
    speed.slider("Speed", *SPEED_RANGE, step=0.05, format="%.2f x", key=key("speed"), persist_state="session")
    hint = "In semitones; the speed stays."
    pitch.slider("Pitch", *PITCH_RANGE, step=0.5, format="%+.1f", help=hint, key=key("pitch"), persist_state="session")
    longest = PAUSE_RANGE_MS[1] / 1000
    for column, label, field in ((pause, "Between sentences", "pause"), (paragraph, "Between paragraphs", "paragraph")):
        column.slider(label, 0.0, longest, step=0.1, format="%.1f s", key=key(field), persist_state="session")


def _track() -> None:
    left, right = st.columns(2, vertical_alignment="center")
    with left:
        st.selectbox(
            "Format of the track", list(TRACKS), format_func=TRACKS.__getitem__, key=key("track_format"), persist_state="session"
        )
    longest = PAUSE_RANGE_MS[1] / 1000
    right.slider("Between rows of the track", 0.0, longest, step=0.1, format="%.1f s", key=key("gap"), persist_state="session")


def _variables(table: Shape) -> str:
    """Names of columns as they are written in a text, for a hint."""
    shown = [f"`{{{name}}}`" for name in table.columns[:SHOWN_COLUMNS]]
    return ", ".join(shown) + (" and more" if len(table.columns) > SHOWN_COLUMNS else "")


def _text_template(table: Shape) -> None:
    st.text_area(
        "Text with variables",
        key=key("text_template"),
        height=100,
        placeholder="Platform {platform}: the train to {place}",
        help=f"Spoken instead of the text column, filled in for every row. Here: {_variables(table)}. For a brace write `{{{{`.",
        persist_state="session",
    )


def _name_template(table: Shape) -> None:
    st.text_input(
        "File name with variables",
        key=key("name_template"),
        placeholder="{place}-{platform}",
        help=f"The row's number is put in front. Here: {_variables(table)}.",
        persist_state="session",
    )


def _columns(table: Shape) -> None:
    """The other roles, each with its column."""
    st.caption(f"Columns of the table that say more about a row; found by name: {plain(_found(table))}.")
    places = st.columns(4)
    for number, role in enumerate(role for role in ALL_ROLES if role != "text" or "text" in get("found")):
        with places[number % len(places)]:
            _column(role, table.columns)


def _found(table: Shape) -> str:
    return ", ".join(table.columns[index] for index in get("found").values()) or "none"
