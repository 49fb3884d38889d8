"""A recording that has ended, as a card: how far its text is, then its player, its text, its files."""

from __future__ import annotations

import streamlit as st

from utils.errors import AppError
from utils.jobs.contract import JobStatus
from utils.storage import names
from utils.storage.item import Item
from utils.ui import item_card, live_work, messages, state
from utils.ui.live_work import PLACE
from utils.ui.messages import as_html, plain
from utils.ui.player import address, player
from utils.ui.transcript_changes import marked
from utils.workflows import files, live, live_difference

POLL_S = 0.7
STEPS = {
    "live": "The last words are being heard",
    "record": "The recording is being put together",
    "transcribe": "The text is being made",
}
CAPTIONS = "captions.txt"
SHOWN_CHARS = 1_500
TEXT = ("transcript.txt", "transcript.srt")


def card(item: Item) -> None:
    """Draw it as what it is: being finished, done or failed."""
    if live_work.is_open(item):
        _finishing(item)
        return
    job = _last_job(item)
    failed = job is not None and job.state == "failed"
    with st.container(border=True, key=f"{PLACE}_result"):
        item_card.rename_line(item, PLACE)
        if item.role("audio"):
            with st.container(key=f"{PLACE}_player_box"):
                player(item, key=f"{PLACE}_player_{item.id}", head=live_work.facts(item), text=False)
        else:
            st.markdown(f"**{plain(item.title)}** &nbsp; :gray[{plain(live_work.facts(item))}]")
        if job is not None and failed:
            messages.problem(job.error or {})
        said = _text(item)
        if said and item.file(CAPTIONS):
            _difference(item)
        with st.container(horizontal=True, vertical_alignment="center", key=f"{PLACE}_acts"):
            if failed:
                st.button("Try again", icon=":material/refresh:", key=f"{PLACE}_retry", on_click=live_work.retry, args=(item,))
            if said:
                label, turn = "Read and correct the text", live_work.to_transcript
                st.button(label, icon=":material/subtitles:", key=f"{PLACE}_read", on_click=turn, args=(item,))
            _files(item)
            item_card.menu(item, PLACE)


def _last_job(item: Item) -> JobStatus | None:
    try:
        return state.services().jobs.status(state.session_id(), item.id)
    except AppError:
        return None


def _finishing(item: Item) -> None:
    """How far it is; the whole page runs once when it is over."""

    @st.fragment(run_every=POLL_S)
    def polling() -> None:
        try:
            now = files.get(state.services(), state.session_id(), item.id)
        except AppError:
            st.rerun()
        if not live_work.is_open(now):
            st.rerun()
        job = _last_job(now)
        with st.container(border=True, key=f"{PLACE}_job"):
            said = STEPS.get(job.kind, "Working") if job else "Working"
            st.markdown(f"**{plain(now.title)}** &nbsp; :gray[your recording is kept]")
            st.progress(min(1.0, max(0.0, job.progress)) if job else 0.0, text=said)

    polling()


def _text(item: Item) -> bool:
    """The beginning of its text. Answers whether there is any."""
    said = live.text_of(state.services(), state.session_id(), item).strip()
    if item.role("transcript") and not said:
        st.html('<p class="quiet">No speech was heard.</p>')
    if not said:
        return False
    short = said[:SHOWN_CHARS] + (" …" if len(said) > SHOWN_CHARS else "")
    st.html(f'<p class="compared" dir="auto">{as_html(short)}</p>', width="stretch")
    return True


def _difference(item: Item) -> None:
    """What the better model heard otherwise than the captions; found out only when somebody looks."""
    with st.expander(
        "What the captions had otherwise", icon=":material/difference:", key=f"{PLACE}_otherwise", on_change="rerun"
    ) as box:
        if not box.open:
            return
        found = live_difference.difference(state.services(), state.session_id(), item)
        if found is None:
            st.html('<p class="quiet">These texts are too long to be compared here.</p>')
        elif found.wer == 0:
            st.html('<p class="quiet">No word differs.</p>')
        else:
            st.html(f'<p class="compared" dir="auto">{marked(found)}</p>')
            st.html('<p class="quiet"><del>Struck out</del>: the captions. <ins>Underlined</ins>: the final text.</p>')


def _files(item: Item) -> None:
    """Sound, text and subtitles, by our own routes."""
    links = [(f"/api/v1/items/{item.id}/{name}", name.rpartition(".")[2].upper(), name) for name in TEXT if item.role("transcript")]
    labels = {"recording.wav": "WAV", "listen.mp3": "MP3", "captions.srt": "Captions SRT", "captions.txt": "Captions TXT"}
    links += [(address(item.id, file.name), labels[file.name], file.name) for file in item.files if file.name in labels]
    for href, label, name in links:
        suffix = name.rpartition(".")[2]
        title = as_html(names.download_name(item.title, f".{suffix}"))
        st.html(f'<a class="pill take" href="{as_html(href)}" download="{title}">{label}</a>', width="content")
