"""The fields of a transcription request: what they start with, and how they become a request."""

from __future__ import annotations

from typing import Any

import streamlit as st

from utils.transcription.contract import TranscriptionRequest
from utils.ui import state

ROOM = PLACE = "transcribe"  # in the session's preferences, and for keys
KINDS = ("transcribe",)  # of jobs
DRAFT = "draft:"  # the choice of the built-in engine among the models
DEFAULT_TRACK = 0  # tracks are counted from 1 on the page
KEPT = ("language", "task", "model", "prompt", "hotwords", "preset", "vad", "batch", "words", "beam", "multilingual", "forget")


def key(field: str) -> str:
    """Key of a field of the form."""
    return f"{PLACE}_{field}"


READING = key("reading")  # the running transcript that somebody wants to read


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
    refill(TranscriptionRequest())
    put(**{field: value for field, value in state.preferences(ROOM).items() if field in KEPT})


def remember() -> None:
    """Keep the choices with the session; names and prompt are part of them."""
    state.remember(ROOM, {field: get(field) for field in KEPT})


def refill(request: TranscriptionRequest) -> None:
    """Put a request into the form."""
    put(
        language=request.language,
        task=request.task,
        model=DRAFT if request.engine == "draft" else request.model,
        prompt=request.prompt,
        hotwords=request.hotwords,
        preset=request.preset,
        vad=request.vad,
        batch=request.batch,
        words=request.word_timestamps,
        beam=request.beam_size,
        multilingual=request.multilingual,
        track=DEFAULT_TRACK if request.track is None else request.track + 1,
        forget=not request.keep_source,
    )


def request() -> TranscriptionRequest:
    """What the form asks for now."""
    model, track = str(get("model") or ""), int(get("track") or DEFAULT_TRACK)
    multilingual = bool(get("multilingual"))
    return TranscriptionRequest(
        language="" if multilingual else str(get("language") or ""),
        task=str(get("task") or "transcribe"),
        engine="draft" if model == DRAFT else "auto",
        model="" if model == DRAFT else model,
        prompt=str(get("prompt") or "").strip(),
        hotwords=str(get("hotwords") or "").strip(),
        vad=bool(get("vad")),
        batch=bool(get("batch")),
        word_timestamps=bool(get("words")),
        beam_size=int(get("beam")),
        multilingual=multilingual,
        track=None if track == DEFAULT_TRACK else track - 1,
        preset=str(get("preset") or "netflix"),
        keep_source=not get("forget"),
    )
