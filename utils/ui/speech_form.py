"""The form of a speech request, drawn: text, choices, what it would cost, and what is rarely needed."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from utils.errors import AppError
from utils.speech.contract import PAUSE_RANGE_MS, PITCH_RANGE, SPEED_RANGE
from utils.ui import figures, messages, pickers, state
from utils.ui.counter import counter
from utils.ui.speech_fields import FIRST_LANGUAGE, estimate, get, key, put, request
from utils.ui.textfile import SUFFIXES, decode, size_limit
from utils.workflows import generate
from utils.workflows.generate import Estimate

EXAMPLE = "Good morning. The meeting is on Friday at three o'clock. Please bring your notes."
SHOWN_CHARS = 2_000  # of what will be spoken


def text() -> None:
    """The field for the text."""
    st.text_area(
        "Text",
        key=key("text"),
        height=168,
        placeholder="Type or paste what should be spoken",
        label_visibility="collapsed",
        persist_state="session",
    )


def choices() -> None:
    """Language, voice, format."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=key("choices")):
        tag = pickers.language(key("language"))
        pickers.voice(key("voice"), tag, get("engine"))
        pickers.file_format(key("format"))


def start(news: str, on_generate: Callable[[], None], on_hear: Callable[[], None]) -> None:
    """What it would cost, and the buttons that start it.

    Args:
        news: For screen readers.
        on_generate: Click on the primary button; what was typed just before is in the form by then.
        on_hear: Click on the sample.
    """
    found = estimate()
    with st.container(horizontal=True, vertical_alignment="center", key=key("start")):
        rest = cost(found, stand_in() if found.requests else "")
        counter(key("text"), known=found.characters, limit=found.limit, rest=rest, news=news, key=key("counter"))
        _file_button(found.limit)
        st.button("Hear this voice", icon=":material/hearing:", type="tertiary", key=key("hear"), on_click=on_hear)
        st.button(
            "Generate",
            icon=":material/play_arrow:",
            type="primary",
            key=key("generate"),
            on_click=on_generate,
            shortcut="Ctrl+Enter",
        )


def stand_in() -> str:
    """Who will speak instead of Google for now, or nothing."""
    return generate.stand_in(state.services(), get("engine"), get("voice"), get("language"))


def cost(found: Estimate, instead: str = "") -> str:
    """What the server says about a text: `1 request to Google · about 6 s`, or why it cannot be spoken.

    Args:
        found: The estimate.
        instead: Who speaks if Google still cannot be reached, where it could not lately.
    """
    if not found.characters or found.characters > found.limit:
        return ""
    if found.problem:
        return found.problem.sentence
    words = []
    if found.requests:
        asked = figures.count(found.requests, "request to Google", "requests to Google")
        words = [f"{instead}, if Google still cannot be reached" if instead else asked]
    return " · ".join([*words, f"{figures.about(found.sound_s)} of sound"])


def _file_button(limit: int) -> None:
    with st.popover("From a file", icon=":material/upload_file:", type="tertiary", key=key("file_menu"), on_change="rerun") as menu:
        if menu.open:
            uploader = key(f"file_{st.session_state.get(key('files'), 0)}")
            st.file_uploader(
                "A text file (.txt or .md)",
                type=list(SUFFIXES),
                key=uploader,
                max_upload_size=size_limit(limit) // 2**20 + 1,  # MB; told and checked in the browser, `decode` checks again
                on_change=_read_file,
                args=(uploader, limit),
            )


def _read_file(uploader: str, limit: int) -> None:
    """Put the chosen file's text into the field and forget the file."""
    chosen = st.session_state[uploader]
    if chosen is None:
        return
    if messages.attempt(lambda: put(text=decode(chosen.getvalue(), limit))):
        put(file_menu=False)
    put(files=st.session_state.get(key("files"), 0) + 1)  # another key is another, empty uploader


def more() -> None:
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
        st.text_input("Title", key=key("title"), max_chars=120, placeholder="The first words of the text", persist_state="session")
        st.text_area(
            "Dictionary",
            key=key("dictionary"),
            height=100,
            placeholder="Sotto = sotto voce\nkB = kilobytes",
            help="One word a line, as `word = spoken`. Kept with this session.",
            persist_state="session",
        )
        _spoken()


def _sliders() -> None:
    speed, pitch, pause, paragraph = st.columns(4)
    speed.slider("Speed", *SPEED_RANGE, step=0.05, format="%.2f x", key=key("speed"), persist_state="session")
    hint = "In semitones; the speed stays."
    pitch.slider("Pitch", *PITCH_RANGE, step=0.5, format="%+.1f", help=hint, key=key("pitch"), persist_state="session")
    longest = PAUSE_RANGE_MS[1] / 1000
    for column, label, field in ((pause, "Between sentences", "pause"), (paragraph, "Between paragraphs", "paragraph")):
        column.slider(label, 0.0, longest, step=0.1, format="%.1f s", key=key(field), persist_state="session")


def _spoken() -> None:
    try:
        found = generate.estimate(state.services(), request())
    except AppError as problem:
        messages.problem(problem)
        return
    if found.spoken_text:
        shown = found.spoken_text[:SHOWN_CHARS] + (" ..." if len(found.spoken_text) > SHOWN_CHARS else "")
        st.caption("What will be spoken")
        st.text(shown)


def example(on_click: Callable[[], None]) -> None:
    """The empty page: what will be here, and an example that one click tries."""
    with st.container(border=True, key=key("empty")):
        st.html('<p class="quiet">What you generate appears here, ready to hear and to download.</p>')
        st.button(
            f"Try: {EXAMPLE.partition('.')[0]}", icon=":material/wb_twilight:", key=key("try"), on_click=_try, args=(on_click,)
        )


def _try(on_click: Callable[[], None]) -> None:
    put(text=EXAMPLE, language=FIRST_LANGUAGE, voice="")
    on_click()
