"""A transcript taken away: every format by itself, or many transcripts in one ZIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from utils.services import Services
from utils.storage import names
from utils.storage.archive import small
from utils.storage.item import Item
from utils.transcription.formats import FORMATS
from utils.ui import figures, state
from utils.ui.item_card import SMALL_BYTES
from utils.ui.messages import as_html
from utils.ui.transcribe_fields import key
from utils.ui.transcribe_form import preset
from utils.workflows import files, transcripts

TIMED = ("srt", "vtt")
TIMES = {"times": "Times in TXT and DOCX", "word_times": "Times of words in VTT"}  # as `transcripts.render` calls them
DEFAULT_FORMATS = ("txt", "srt")
GROWTH = 2  # a rendered file is at most about so many times transcript.json: word times of JSON and VTT
ALL_AT_ONCE = 200  # transcripts offered for one ZIP


def downloads(item: Item, chosen_preset: str, limits: Mapping[str, float]) -> None:
    """A way to take each format; below SMALL_BYTES a button of Streamlit's, above a link to our own route."""
    kept = item.role("transcript")
    if kept is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=key("downloads")):
        asked = {name: bool(st.session_state.get(key(name))) for name in TIMES}
        for form in FORMATS.values():
            if kept.size_bytes * GROWTH < SMALL_BYTES:
                st.download_button(
                    form.suffix.removeprefix(".").upper(),
                    partial(rendered, state.services(), state.session_id(), item.id, form.key, chosen_preset, dict(limits), asked),
                    names.download_name(item.title, form.suffix),
                    form.media_type,
                    on_click="ignore",
                    icon=":material/subtitles:" if form.key in TIMED else ":material/download:",
                    help=form.label,
                    key=f"{key('take')}_{form.key}_{item.id}",
                )
            else:
                more = urlencode({"preset": chosen_preset, **limits, **{name: "true" for name, on in asked.items() if on}})
                href = as_html(f"/api/v1/items/{item.id}/transcript{form.suffix}?{more}")
                name = as_html(names.download_name(item.title, form.suffix))
                label = form.suffix.removeprefix(".").upper()
                st.html(f'<a class="pill take" href="{href}" download="{name}">{label}</a>', width="content")
        _times()


def _times() -> None:
    """Whether forms that leave it open have times."""
    with st.popover("Times", icon=":material/schedule:", type="tertiary", key=key("times_box"), on_change="rerun") as box:
        if box.open:
            for name, label in TIMES.items():
                st.toggle(label, key=key(name), persist_state="session")


def rendered(
    services: Services,
    session_id: str,
    item_id: str,
    form: str,
    chosen_preset: str,
    limits: Mapping[str, float],
    asked: Mapping[str, bool],
) -> bytes:
    """Runs in a thread of its own at the click; st.* is out of reach there."""
    return transcripts.render(services, session_id, item_id, form, preset=chosen_preset, limits=limits, **asked).data


def all_as_zip(items: Sequence[Item]) -> None:
    """Several transcripts in several formats as one ZIP.

    Args:
        items: Those that the page shows; the newest ALL_AT_ONCE can be taken.
    """
    if sum(item.role("transcript") is not None for item in items) < 2:
        return
    with st.expander("Take several as a ZIP", icon=":material/folder_zip:", key=key("zip_box"), on_change="rerun") as box:
        if not box.open:
            return
        found = files.listing(state.services(), state.session_id(), kinds=("transcript",), limit=ALL_AT_ONCE).items
        done = {item.id: item for item in found if item.role("transcript")}
        if set(st.session_state.get(key("zip_ids"), [])) - done.keys():
            st.session_state[key("zip_ids")] = [one for one in st.session_state[key("zip_ids")] if one in done]
        ids = st.multiselect(
            "Transcripts",
            list(done),
            format_func=lambda one: done[one].title,
            key=key("zip_ids"),
            placeholder=f"All {len(done)}",
        )
        labels = {form.key: form.suffix.removeprefix(".").upper() for form in FORMATS.values()}
        forms = st.pills(
            "Formats",
            list(labels),
            format_func=labels.__getitem__,
            selection_mode="multi",
            default=DEFAULT_FORMATS,
            key=key("zip_forms"),
        )
        chosen_preset = preset(key("zip_preset"))
        wanted = ids or list(done)
        if not forms:
            st.html('<p class="quiet">Choose at least one format.</p>')
            return
        _zip(wanted, list(forms), chosen_preset, sum(_bytes_of(done[one]) for one in wanted) * len(forms))


def _bytes_of(item: Item) -> int:
    kept = item.role("transcript")
    return kept.size_bytes if kept else 0


def _zip(ids: Sequence[str], forms: Sequence[str], chosen_preset: str, most_bytes: int) -> None:
    label = f"ZIP of {figures.count(len(ids), 'transcript')}"
    if most_bytes < SMALL_BYTES:
        st.download_button(
            label,
            partial(zip_bytes, state.services(), state.session_id(), tuple(ids), tuple(forms), chosen_preset),
            "transcripts.zip",
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key=key("zip_take"),
        )
    else:
        asked = urlencode({"ids": ",".join(ids), "formats": ",".join(forms), "preset": chosen_preset})
        href = as_html(f"/api/v1/transcripts.zip?{asked}")
        st.html(f'<a class="pill take" href="{href}" download="transcripts.zip">{label}</a>', width="content")


def zip_bytes(services: Services, session_id: str, ids: Sequence[str], forms: Sequence[str], chosen_preset: str) -> bytes:
    """Runs in a thread of its own at the click."""
    return small(transcripts.archive(services, session_id, ids, forms, chosen_preset))
