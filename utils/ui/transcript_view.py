"""The text of a transcript, a page at a time: words to hear, doubt, notes at their place, corrections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from utils.errors import AppError
from utils.storage.item import Item
from utils.transcription import edits as editing
from utils.transcription.contract import DOUBTFUL_BELOW, Segment, Transcript
from utils.transcription.gate import REASONS
from utils.ui import figures, messages, state
from utils.ui.components import component
from utils.ui.transcribe_fields import key
from utils.ui.transcript_look import PAGE_SIZE, Look, look_at, look_of
from utils.workflows import texts, transcripts
from utils.workflows.transcripts import TranscriptView

DOUBT_BELOW = round(DOUBTFUL_BELOW * 100)  # percent: below it a word is underlined
DOUBTS = key("doubts")
GROWTH_S = 2.0  # between looks at a text that grows
RTL = frozenset({"ar", "fa", "he", "iw", "ur", "yi", "ps", "sd"})
_transcript = component("transcript")


def text(item: Item, audio: str, *, growing: bool, edited: bool) -> None:
    """Draw the page of the transcript that this tab looks at; in a fragment, so that turning it does not run the whole page.

    Args:
        item: The transcript.
        audio: Address of its sound, or empty.
        growing: Work goes on; the text is looked at again and again, and cannot be corrected.
        edited: Whether it was corrected when the page around it was drawn.
    """

    @st.fragment(run_every=GROWTH_S if growing else None)
    def part() -> None:
        look = look_of(item.id)
        try:
            view = _view(look)
        except AppError as error:
            messages.problem(error)
            return
        if view.edited != edited:
            st.rerun()  # the whole page: there are changes to be looked at now, or none any more
        messages.show_trouble()
        _draw(view, look, audio, editable=not growing and not look.original)

    part()


def _view(look: Look) -> TranscriptView:
    return transcripts.view(
        state.services(),
        state.session_id(),
        look.item,
        offset=look.offset,
        limit=PAGE_SIZE + 1,  # one more tells where notes between two pages belong
        q=look.q,
        only=look.only,
        original=look.original,
    )


def _draw(view: TranscriptView, look: Look, audio: str, *, editable: bool) -> None:
    shown, pages = view.segments[:PAGE_SIZE], max(1, -(-view.total // PAGE_SIZE))
    if look.page > pages:
        look_at(look, page=pages)
        st.rerun(scope="fragment")
    whole = look.only == "all" and not look.q
    header = view.transcript or Transcript((), "", None, "", "", 0.0)
    places = doubtful(view, look)
    data = {
        "label": f"Transcript of {view.item.title}",
        "audio": audio,
        "rows": _rows(view, shown, _remarks(header, view, look) if whole else []),
        "page": look.page,
        "pages": pages,
        "span": _span(view, look, shown),
        "q": look.q,
        "only": look.only,
        "doubtful": len(places),
        "editable": editable,
        "revision": view.revision,
        "undo": editable and view.edited,
        "redo": editable and view.can_redo,
        "edited": view.edited or look.original,
        "original": look.original,
        "dir": "rtl" if header.language in RTL else "ltr",
        "lang": header.language,
        "below": DOUBT_BELOW,
        "empty": _empty(look) if not shown else "",
        "focus": {"n": look.focus, "tick": look.tick} if look.focus is not None else None,
        "said": look.said,
        "news": look.news,
    }
    _mount(data, look, view)


def _mount(data: dict[str, Any], look: Look, view: TranscriptView) -> None:
    place = f"transcript_{look.item}"

    def said(trigger: str) -> Any:
        return st.session_state[place].get(trigger)

    def turn(**changes: Any) -> None:
        look_at(look, news="", **changes)

    _transcript(
        key=place,
        data=data,
        on_page_change=lambda: turn(page=int(said("page") or 1)),
        on_q_change=lambda: turn(q=str(said("q") or "")[:200]),
        on_only_change=lambda: turn(only=str(said("only") or "all")),
        on_original_change=lambda: turn(original=bool(said("original"))),
        on_next_change=lambda: _next(look, int(said("next") if said("next") is not None else -1), doubtful(view, look)),
        on_edits_change=lambda: _edit(look, said("edits") or {}),
        on_undo_change=lambda: _step(look, transcripts.undo, view.revision, "Taken back"),
        on_redo_change=lambda: _step(look, transcripts.redo, view.revision, "Done again"),
    )


# ---- rows


def _rows(view: TranscriptView, shown: Sequence[tuple[int, Segment]], remarks: list[tuple[float, str]]) -> list[dict[str, Any]]:
    rows, left = [], list(remarks)
    for n, segment in shown:
        notes = []
        while left and left[0][0] <= segment.start + 0.05:
            notes.append(left.pop(0)[1])
        rows.append(_row(n, segment, notes))
    if rows and left:
        rows[-1]["notes"] = [*rows[-1]["notes"], *(sentence for _, sentence in left)]
    return rows


def _row(n: int, segment: Segment, notes: list[str]) -> dict[str, Any]:
    words = [
        [round(word.start, 2), round(word.end, 2), word.text, None if word.probability is None else round(word.probability * 100)]
        for word in segment.words
    ]
    return {
        "n": n,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "words": words,
        "doubt": REASONS.get(segment.doubt, "") if segment.doubt else "",
        "notes": notes,
    }


def _remarks(header: Transcript, view: TranscriptView, look: Look) -> list[tuple[float, str]]:
    """What was left out or is missing on this page, by its time."""
    told = [(one.start, _dropped(one.start, one.end, one.reason)) for one in header.gate.dropped]
    for gap in header.sound.get("gaps", ()):
        told.append((float(gap["at_s"]), f"{figures.length(float(gap['seconds']))} of the recording is damaged here and missing."))
    if not view.segments:
        return []
    first = 0.0 if look.page == 1 else view.segments[0][1].start - 0.05
    last = view.segments[PAGE_SIZE][1].start - 0.05 if len(view.segments) > PAGE_SIZE else float("inf")
    return sorted((at, sentence) for at, sentence in told if first <= at < last)


def _dropped(start: float, end: float, reason: str) -> str:
    return f"{figures.length(max(0.0, end - start))} left out here: {REASONS.get(reason, 'no speech in it')}"


def _span(view: TranscriptView, look: Look, shown: Sequence[tuple[int, Segment]]) -> str:
    if not shown:
        return ""
    what = "original text" if look.original else "found" if look.q else "doubtful" if look.only == "doubtful" else ""
    span = f"{look.offset + 1:,} to {look.offset + len(shown):,} of {figures.count(view.total, 'segment')}"
    return f"{span} · {what}" if what else span


def _empty(look: Look) -> str:
    if look.q:
        return "Nothing in the text matches."
    return "No doubtful place is left." if look.only == "doubtful" else "There is no text yet."


# ---- clicks


def doubtful(view: TranscriptView, look: Look) -> list[int]:
    """Indices of the doubtful segments; found once for each state of the text, and remembered by the tab."""
    stamp = (look.item, view.etag, look.original, view.total if view.state == "running" else 0)
    kept = st.session_state.get(DOUBTS)
    if kept is None or kept[0] != stamp:
        every = texts.read(state.services(), state.session_id(), look.item, original=look.original).transcript
        found = [n for n, segment in enumerate(every.segments if every else ()) if transcripts.is_doubtful(segment)]
        kept = st.session_state[DOUBTS] = (stamp, found)
    places: list[int] = kept[1]
    return places


def _next(look: Look, after: int, places: Sequence[int]) -> None:
    """Jump to the next doubtful segment; behind the last one, to the first."""
    found = next((n for n in places if n > after), places[0] if places else None)
    if found is None:
        look_at(look, news="No doubtful place is left.")
        return
    look_at(look, q="", only="all", page=found // PAGE_SIZE + 1, focus=found, tick=look.tick + 1, news="")


def _edit(look: Look, told: dict[str, Any]) -> None:
    """Apply what somebody typed; why it failed stands in the editor, with what was typed."""
    revision, n = int(told.get("revision", 0)), told.get("n")
    try:
        for edit in told.get("edits", []):
            made = editing.parse(edit)
            revision = transcripts.edit(state.services(), state.session_id(), look.item, revision, made)
    except AppError as error:
        look_at(
            look, page=look.page, said={"n": n, "sentence": f"{error.sentence} {error.hint}".strip(), "tick": look.tick}, news=""
        )
        return
    look_at(look, page=look.page, news=f"Saved ({revision}).")


def _step(look: Look, step: Callable[..., int], revision: int, news: str) -> None:
    """Undo or redo; what another tab did meanwhile is told."""

    def go() -> None:
        now = step(state.services(), state.session_id(), look.item, revision)
        look_at(look, page=look.page, news=f"{news} ({now}).")

    messages.attempt(go)
