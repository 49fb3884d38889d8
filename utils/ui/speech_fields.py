"""The fields of a speech request: what they start with, how they become a request, and how a request becomes them again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from utils.errors import AppError
from utils.speech import dictionary as words_as_spoken
from utils.speech import voices
from utils.speech.contract import SpeechRequest
from utils.ui import state
from utils.workflows import generate
from utils.workflows.generate import Estimate

ROOM = "speak"  # in the session's preferences
FIRST_LANGUAGE = "en-US"
KEPT = ("language", "voice", "format", "engine", "accent", "speed", "pitch", "pause", "paragraph", "loudness", "dictionary")


def key(field: str) -> str:
    """Key of a field of the form."""
    return f"speak_{field}"


def get(field: str) -> Any:
    """What a field holds now, drawn or not."""
    return st.session_state[key(field)]


def put(**fields: Any) -> None:
    """Fill fields; only before they are drawn in this run, as callbacks do."""
    for field, value in fields.items():
        st.session_state[key(field)] = value


def begin() -> None:
    """Fill the form of a new tab with what this session used last."""
    if key("text") in st.session_state:
        return
    fresh = _fields(SpeechRequest("", language=own_language()))
    put(**fresh)
    kept = {field: value for field, value in state.preferences(ROOM).items() if field in KEPT}
    put(**kept)


def remember() -> None:
    """Keep the choices and the dictionary with the session."""
    state.remember(ROOM, {field: get(field) for field in KEPT})


def own_language() -> str:
    """The browser's language where we speak it, for a person's first visit."""
    try:
        return voices.find_language(str(st.context.locale or FIRST_LANGUAGE)).tag
    except AppError:
        return FIRST_LANGUAGE


def _fields(request: SpeechRequest) -> dict[str, Any]:
    return {
        "text": request.text,
        "language": voices.find_language(request.language).tag,
        "voice": request.voice or "",
        "format": request.format,
        "engine": request.engine,
        "accent": request.accent or "",
        "speed": request.speed,
        "pitch": request.pitch,
        "pause": request.pause_ms / 1000,
        "paragraph": request.paragraph_ms / 1000,
        "loudness": request.loudness,
        "dictionary": words_as_spoken.format(request.dictionary),
        "title": request.title,
    }


def refill(request: SpeechRequest) -> None:
    """Put a request back into the form."""
    put(**_fields(request))


def request() -> SpeechRequest:
    """What the form asks for now. Raises BadInput for a dictionary that cannot be read."""
    return SpeechRequest(
        text=get("text") or "",
        language=get("language"),
        engine=get("engine") or "auto",
        accent=get("accent") or None,
        voice=get("voice") or None,
        speed=float(get("speed")),
        pitch=float(get("pitch")),
        pause_ms=round(get("pause") * 1000),
        paragraph_ms=round(get("paragraph") * 1000),
        loudness=get("loudness"),
        format=get("format") or "mp3",
        title=get("title") or "",
        dictionary=words_as_spoken.parse(get("dictionary") or ""),
    )


def estimate() -> Estimate:
    """What the form would cost; worked out once a change, numbers only."""
    try:
        wanted = request()
    except AppError as problem:
        return Estimate(len(get("text") or ""), state.services().settings.max_text_chars, problem=problem)
    memo = st.session_state.get(key("estimate"))
    if memo is None or memo[0] != wanted:
        memo = (wanted, replace(generate.estimate(state.services(), wanted), spoken_text=""))
        st.session_state[key("estimate")] = memo
    known: Estimate = memo[1]
    return known
