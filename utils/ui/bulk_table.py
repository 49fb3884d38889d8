"""Where the table of a batch comes from: a file, pasted text or the example; and how it was read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st

from utils.errors import AppError
from utils.speech.table import samples
from utils.speech.table.memo import Checked
from utils.speech.table.read import MAX_TABLE_BYTES, SUFFIXES
from utils.ui import bulk_fields as fields
from utils.ui import messages, state
from utils.ui.bulk_fields import Shape, get, key, put
from utils.ui.pasted import suffix_of
from utils.workflows import bulk
from utils.workflows.bulk import Upload, Wanted

FILE, PASTE = "From a file", "Paste"
TYPES = [suffix.removeprefix(".") for suffix in SUFFIXES if suffix != ".md"]
EXAMPLE = """text,filename,language
"Good morning. The train to the coast leaves from platform two.",platform,en-US
Guten Morgen. Der Zug an die Küste fährt von Gleis zwei.,gleis,de
Bonjour. Le train pour la côte part du quai numéro deux.,quai,fr
Buenos días. El tren a la costa sale del andén dos.,anden,es
"""
READINGS = {
    "": "Automatic",
    ".csv": "A table",
    "lines": "A row a line",
    "paragraphs": "A row a paragraph",
}


@dataclass(frozen=True)
class Source:
    """A table that was brought, and how a text is cut into rows (None: find out)."""

    upload: Upload
    paragraphs: bool | None = None


def source() -> Source | None:
    """Draw the ways in; answer what was brought."""
    file_tab, paste_tab = st.tabs([FILE, PASTE], key=key("tabs"), on_change="rerun")
    number = st.session_state.get(key("files"), 0)
    with file_tab:
        file = st.file_uploader(
            "A table, a list of texts or subtitles",
            type=TYPES,
            max_upload_size=MAX_TABLE_BYTES // 2**20,
            key=key(f"file_{number}"),
            on_change=_another,
            label_visibility="collapsed",
        )
        if file is None:
            _templates()
    with paste_tab:
        text = st.text_area(
            "Rows",
            key=key("pasted"),
            height=168,
            placeholder="Paste cells of a spreadsheet, one text a line, or subtitles",
            label_visibility="collapsed",
            on_change=_another,
            persist_state="session",
        )
    if st.session_state.get(key("tabs")) == PASTE:
        return _pasted(text or "")
    if file is None:
        return None
    return _read_as(Upload(file.name, file.getvalue()), offer=file.name.lower().endswith(".txt"))


def _pasted(text: str) -> Source | None:
    if not text.strip():
        return None
    suffix = suffix_of(text)
    return _read_as(Upload(f"Pasted{suffix}", text.encode("utf-8", "replace")), offer=suffix == ".txt")


def _read_as(upload: Upload, *, offer: bool) -> Source:
    """Let the person say how a text is to be read, where it is not certain."""
    if not offer:
        return Source(upload)
    with st.container(horizontal=True, vertical_alignment="center", key=key("reading_line")):
        st.html('<p class="quiet">Read it as</p>', width="content")
        how = st.segmented_control(
            "Read it as",
            list(READINGS),
            format_func=READINGS.__getitem__,
            key=key("reading"),
            default="",
            label_visibility="collapsed",
            on_change=_another,
            wrap=True,
        )
    stem = upload.name.rpartition(".")[0]
    if how == ".csv":
        return Source(Upload(f"{stem}.csv", upload.data))
    if how in ("lines", "paragraphs"):
        return Source(Upload(f"{stem}.txt", upload.data), how == "paragraphs")
    return Source(upload)


def _another() -> None:
    """Another table was brought: what was said about the one before is over."""
    fields.fresh_table()


def _templates() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=key("templates")):
        st.html('<p class="quiet">Begin with a template</p>', width="content")
        for label, make, mime in (
            ("CSV", samples.csv_bytes, "text/csv"),
            ("XLSX", samples.xlsx_bytes, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ):
            st.download_button(
                label,
                make,  # made at the click
                f"sotto-table.{label.lower()}",
                mime,
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
                key=key(f"template_{label}"),
            )


def shape(brought: Source | None) -> Shape | None:
    """The columns of what was brought, read once; None when it cannot be read, which is told then."""
    if brought is None:
        return None
    data = brought.upload.name.encode() + brought.upload.data
    mark = f"{hashlib.sha256(data).hexdigest()} {brought.paragraphs}"
    if get("seen") != mark:
        found = _check(brought, fields.wanted(False, brought.paragraphs, columns=False))
        if found is None:
            return None
        fields.take_columns(found.mapping)
        put(seen=mark, shape=Shape(found.table.columns, found.table.timed))
    known: Shape = get("shape")
    return known


def checked(brought: Source, shape: Shape) -> Checked | None:
    """The dry run of what was brought; None when an option is not allowed, which is told then."""
    return _check(brought, fields.wanted(shape.timed, brought.paragraphs))


def _check(brought: Source, wanted: Wanted) -> Checked | None:
    try:
        with st.spinner("Checking the table"):
            return bulk.check(state.services(), state.session_id(), brought.upload, wanted)
    except AppError as error:
        messages.problem(error)
        return None


def example() -> None:
    """Bring the example, as if it had been pasted."""
    clear()
    put(tabs=PASTE, pasted=EXAMPLE)


def clear() -> None:
    """Forget the table that was brought."""
    put(tabs=FILE, pasted="", files=st.session_state.get(key("files"), 0) + 1)  # another key is another, empty uploader
    st.session_state.pop(key("reading"), None)
    fields.fresh_table()
