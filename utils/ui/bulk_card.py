"""A batch as a card: what it is, how it ended, what can be done with all of it, its merged track, its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import partial
from pathlib import PurePath

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.services import Services
from utils.storage import names
from utils.storage.archive import IN_MEMORY_BYTES, small
from utils.storage.item import Item
from utils.storage.manifest import manifest_csv
from utils.ui import bulk_rows, figures, item_card, messages, state
from utils.ui.bulk_fields import PLACE, key
from utils.ui.messages import as_html, plain
from utils.ui.player import player
from utils.workflows import batches, files
from utils.workflows.batches import BatchView

ZIP_MARGIN = 0.95  # names, subtitles and the manifest come on top of the sounds


def card(item: Item, jobs: Sequence[JobStatus]) -> None:
    """Draw a batch: what it is, what can be done with all of it, its merged track, its rows."""
    services, session_id = state.services(), state.session_id()
    try:
        job = services.jobs.status(session_id, item.id)
        view = batches.view(services, session_id, item.id, limit=services.settings.max_table_rows)
    except AppError as error:
        messages.problem(error)
        return
    with st.container(border=True, key=f"{PLACE}_result"):
        item_card.rename_line(item, PLACE)
        if len(jobs) > 1 or not job.is_open:  # a single open one has its title in the panel above
            told = facts(item, services.clock(), state.zone())
            with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=key("head")):
                st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{plain(told)}]", width="stretch")
                if not job.is_open:
                    item_card.menu(item, PLACE)
        if not job.is_open:
            _how_it_ended(item, job, view)
        _files(item, view, is_open=job.is_open)
        _track(item)
        bulk_rows.rows(item, is_open=job.is_open)


def _track(item: Item) -> None:
    """The merged track: heard in place, taken away with its subtitles."""
    audio, made = item.role("audio"), item.result.get("merged", {})
    if audio is None:
        return
    seconds = float(made.get("seconds") or 0)
    over = int(made.get("over") or 0)
    note = "1 row runs over its time." if over == 1 else f"{over:,} rows run over their times."
    with st.container(horizontal=True, vertical_alignment="center", key=key("track_result")):
        player(
            item.changed(title="All rows in one track", result={"seconds": seconds}),
            key=f"{PLACE}_player_{item.id}",
            head=f"{figures.length(seconds)} · {figures.size(audio.size_bytes)}",
            note=note if over else "",
        )
        for file in item.files:
            if file.role in ("audio", "subtitles"):
                item_card.download(item, file, PLACE)


def facts(item: Item, now: float, zone: tzinfo | None) -> str:
    """One quiet line about a batch: when, from what, kept."""
    words = [figures.ago(item.created_at, now, zone)]
    source = str(item.request.get("source", ""))
    if source and PurePath(source).stem != item.title:
        words.append(source)
    if item.permanent:
        words.append("kept")
    return " · ".join(words)


def _how_it_ended(item: Item, job: JobStatus, view: BatchView) -> None:
    """What a person should know about a batch that is over."""
    if job.state == "cancelled":
        st.html('<p class="quiet">You cancelled this. What was finished is kept.</p>')
    elif job.state == "failed":
        messages.problem(job.error or {})
    elif spoken := _fallback_words(item, view):
        st.caption(f":orange[{plain(spoken)}]")


def _fallback_words(item: Item, view: BatchView) -> str:
    """Why rows were spoken by another engine than the first choice, told by the first of them."""
    count = int(item.result.get("fallbacks") or 0)
    first = next((row.result for row in view.rows if row.result and row.result.fallback), None) if count else None
    if first is None:
        return ""
    said = f"{figures.count(count, 'row was', 'rows were')}" if count < view.counts["done"] else "All rows were"
    return f"{said} spoken by {bulk_rows.label(first.engine)} because {first.fallback}."


def _retry(item_id: str) -> None:
    messages.attempt(lambda: batches.retry_failed(state.services(), state.session_id(), item_id))


def _files(item: Item, view: BatchView, *, is_open: bool) -> None:
    """What can be done with all of it: go on, everything as a ZIP, the manifest alone."""
    failed, waiting = view.counts["failed"], view.counts["waiting"]
    with st.container(horizontal=True, vertical_alignment="center", key=key("files_line")):
        if not is_open and (failed or waiting):
            again = "Speak the failed row again" if failed == 1 else f"Speak the {failed:,} failed rows again"
            label = again if failed else "Go on"
            st.button(label, icon=":material/refresh:", key=key("retry"), on_click=_retry, args=(item.id,))
        if not view.counts["done"] and not is_open:
            return
        _zip(item, view, is_open=is_open)
        if not is_open and _is_unchecked(view):
            st.button("Check by transcribing", icon=":material/hearing:", key=key("check_now"), on_click=_check, args=(item.id,))
        st.download_button(
            "Manifest",
            partial(manifest, state.services(), state.session_id(), item.id),
            names.download_name(f"{item.title} manifest", ".csv"),
            "text/csv",
            on_click="ignore",
            icon=":material/table:",
            type="tertiary",
            key=f"{PLACE}_manifest_{item.id}",
        )


def _is_unchecked(view: BatchView) -> bool:
    """A spoken row was not checked yet, and it could be."""
    unheard = any(row.state == "done" and row.result and row.result.check_wer is None for row in view.rows)
    return unheard and not batches.check_problem(state.services())


def _check(item_id: str) -> None:
    messages.attempt(lambda: batches.check(state.services(), state.session_id(), item_id))


def _zip(item: Item, view: BatchView, *, is_open: bool) -> None:
    size_bytes, name = view.size_bytes + item.size_bytes, names.download_name(item.title, ".zip")
    if size_bytes < IN_MEMORY_BYTES * ZIP_MARGIN and not is_open:  # an open batch grows while the page stands
        st.download_button(
            "ZIP",
            partial(zip_bytes, state.services(), state.session_id(), item.id),
            name,
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key=f"{PLACE}_zip_{item.id}",
        )
    else:
        words = "ZIP of what is done so far" if is_open else f"ZIP &nbsp;{figures.size(size_bytes)}"
        href = f"/api/v1/items/{item.id}.zip"
        st.html(f'<a class="pill take" href="{as_html(href)}" download="{as_html(name)}">{words}</a>', width="content")


def zip_bytes(services: Services, session_id: str, item_id: str) -> bytes:
    """Runs in a thread of its own at the click; st.* is out of reach there."""
    return small(files.zip_of(services, session_id, item_id).entries)


def manifest(services: Services, session_id: str, item_id: str) -> bytes:
    """The manifest as of the click."""
    view = batches.view(services, session_id, item_id, limit=services.settings.max_table_rows)
    return manifest_csv(view.rows)
