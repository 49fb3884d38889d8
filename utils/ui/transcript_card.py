"""A transcript as a card: its player, what a person should know about it, its text, its subtitles, its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.storage.item import Item
from utils.transcription.contract import TranscriptionRequest
from utils.ui import figures, item_card, messages, state, transcript_changes, transcript_cues, transcript_files, transcript_view
from utils.ui import transcribe_fields as fields
from utils.ui import transcribe_work as work
from utils.ui.messages import as_html, plain
from utils.ui.player import player
from utils.ui.transcribe_fields import PLACE, key
from utils.workflows import transcripts
from utils.workflows.transcribe import Options
from utils.workflows.transcripts import TranscriptView

TEXT, SUBTITLES, CHANGES, CHECK = "Text", "Subtitles", "Changes", "Check"
SHOWN_LOSSES = 6


def card(item: Item, jobs: Sequence[JobStatus], options: Options) -> None:
    """Draw a transcript as what it is: running, done, failed or cancelled."""
    services, session_id = state.services(), state.session_id()
    open_job = next((job for job in jobs if job.id == item.id), None)
    try:
        view = transcripts.view(services, session_id, item.id, limit=1)
    except AppError as error:
        _failed(item, error)
        return
    with st.container(border=True, key=f"{PLACE}_result"):
        item_card.rename_line(item, PLACE)
        if open_job is None and not item.role("transcript") and not view.total:
            _over_without_text(item)
            return
        audio = transcripts.listen(services, session_id, item.id) or ""
        _head(item, audio, dict(options.languages))
        _notes(view)
        _text(item, view, audio, is_open=open_job is not None)
        if open_job is None:
            _foot(item, view, options, has_source=bool(audio))


def _failed(item: Item, error: AppError) -> None:
    with st.container(border=True, key=f"{PLACE}_result"):
        messages.problem(error)
        item_card.menu(item, PLACE)


def facts(item: Item, names: dict[str, str]) -> str:
    """One quiet line about a transcript: when, how long, language, model, how much of it is doubtful."""
    made = item.result
    words = [figures.ago(item.created_at, state.services().clock(), state.zone())]
    if made.get("seconds"):
        words.append(figures.length(float(made["seconds"])))
    if language := language_words(made, names):
        words.append(language)
    if made.get("engine_label") or made.get("model"):
        words.append(str(made.get("engine_label") or made["model"]))
    if made.get("no_speech"):
        words.append("no speech")
    if made.get("doubtful"):
        words.append(figures.count(int(made["doubtful"]), "doubtful place"))
    if item.permanent:
        words.append("kept")
    return " · ".join(words)


def language_words(made: dict[str, Any], names: dict[str, str]) -> str:
    """The language and how sure the engine is of it: `German, 98 % sure`."""
    tag, probability = str(made.get("language") or ""), made.get("language_probability")
    if not tag or made.get("no_speech"):
        return ""
    name = names.get(tag, tag)
    return f"{name}, {round(float(probability) * 100)} % sure" if probability is not None else name


def _head(item: Item, audio: str, names: dict[str, str]) -> None:
    told = facts(item, names)
    if audio:
        with st.container(key=key("player_box")):
            player(item, key=f"{PLACE}_player_{item.id}", head=told, source=audio, text=False)
    else:
        st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{plain(told)}]")
        if item.result.get("seconds"):
            st.html('<p class="quiet">The recording is not kept, so words cannot be heard.</p>')


def _notes(view: TranscriptView) -> None:
    """What a person should know: draft, fallback, losses, no speech, cancelled."""
    told = view.notes
    if told:
        lines = "".join(f"<li>{as_html(sentence)}</li>" for sentence in told[:SHOWN_LOSSES])
        st.html(f'<ul class="notes">{lines}</ul>')
    if view.state == "cancelled":
        st.html('<p class="quiet">You cancelled this. What was heard until then is kept.</p>')
    elif view.state == "failed" and view.job:
        messages.problem(view.job.error or {})


def _over_without_text(item: Item) -> None:
    """It failed or was cancelled before there was any text."""
    when = figures.ago(item.created_at, state.services().clock(), state.zone())
    st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{when}]")
    try:
        job = state.services().jobs.status(state.session_id(), item.id)
    except AppError as error:
        messages.problem(error)
        job = None
    if job is not None and job.state == "cancelled":
        st.html('<p class="quiet">You cancelled this before there was any text.</p>')
    elif job is not None:
        messages.problem(job.error or {})
    with st.container(horizontal=True, vertical_alignment="center", key=key("remedies")):
        st.button("Try again", icon=":material/refresh:", key=key("retry"), on_click=work.retry, args=(item,))
        item_card.menu(item, PLACE)


def _text(item: Item, view: TranscriptView, audio: str, *, is_open: bool) -> None:
    if item.result.get("no_speech") and not view.total:
        return
    kinds = [TEXT, *([] if is_open else [SUBTITLES]), *([CHANGES] if view.edited else []), *([CHECK] if view.comparison else [])]
    shown = TEXT
    if len(kinds) > 1:
        place = f"{key('shown')}_{item.id}"
        first = CHECK if view.comparison else TEXT
        shown = st.segmented_control("Show", kinds, default=first, key=place, label_visibility="collapsed", required=True) or TEXT
    if shown == SUBTITLES:
        transcript_cues.subtitles(item)
    elif shown == CHANGES:
        transcript_changes.changes(item)
    elif shown == CHECK and view.comparison:
        transcript_changes.check(view.comparison)
    else:
        transcript_view.text(item, audio, growing=is_open, edited=view.edited)


def _foot(item: Item, view: TranscriptView, options: Options, *, has_source: bool) -> None:
    if view.total:
        transcript_files.downloads(item, *transcript_cues.chosen(item))
    with st.container(horizontal=True, vertical_alignment="center", key=key("remedies")):
        if view.state in ("failed", "cancelled"):
            st.button("Go on", icon=":material/refresh:", key=key("retry"), on_click=work.retry, args=(item,))
        if has_source or item.role("source"):
            _other_language(item, options)
        item_card.menu(item, PLACE)


def _other_language(item: Item, options: Options) -> None:
    """Transcribe the same recording again, without sending it again."""
    with st.popover("Transcribe again", icon=":material/redo:", key=key("again_box"), on_change="rerun") as box:
        if not box.open:
            return
        names = dict(options.languages)
        found = str(item.result.get("language") or "")
        order = ["", *names]
        place = f"{key('again_language')}_{item.id}"
        st.session_state.setdefault(place, found if found in order else "")
        tag = st.selectbox("As", order, format_func=lambda tag: names.get(tag, "Detect the language"), key=place)
        as_form = st.toggle("With the options of the form above", key=f"{key('again_form')}_{item.id}")
        if item.result.get("edited"):
            st.html('<p class="quiet">Your corrections are set aside.</p>')
        st.button(
            f"Transcribe again as {names[tag]}" if tag else "Transcribe again",
            type="secondary",
            key=key("again"),
            on_click=_again,
            args=(item, tag, as_form),
        )


def _again(item: Item, tag: str, as_form: bool) -> None:
    request = fields.request() if as_form else TranscriptionRequest.from_dict(item.request)
    work.again(item, replace(request, language=tag, multilingual=request.multilingual and not tag))
    st.session_state[key("again_box")] = False
