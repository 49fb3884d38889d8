"""The options of a transcription, drawn; what the chosen model cannot do is disabled, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from utils.storage.item import Item
from utils.transcription.models import Offer
from utils.transcription.presets import LABELS, PRESETS
from utils.ui import figures
from utils.ui.messages import as_html, plain
from utils.ui.transcribe_fields import DEFAULT_TRACK, DRAFT, get, key
from utils.workflows.transcribe import Options

COMMON = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "tr", "ar", "hi", "zh", "ja", "ko")
TASKS = {"transcribe": "As spoken", "translate": "In English"}

STATES = {"here": "", "fetchable": "fetched at first use", "missing": "not here"}
HINT_CHARS = 900


def draft_banner(options: Options) -> None:
    """What a person must know who transcribes here before a Whisper model is installed."""
    if options.note:
        st.html(f'<p class="banner" role="note">{as_html(options.note)}</p>')


def choices(options: Options) -> None:
    """Language, task, model, subtitle preset."""
    offer = chosen(options)
    only_english = get("model") == DRAFT or options.engine == "draft" or (offer is not None and offer.multilingual is False)
    with st.container(horizontal=True, vertical_alignment="bottom", key=key("choices")):
        _language(options, only_english=only_english)
        _task(why_not_translate(options, offer))
        _model(options)
        preset(key("preset"))
    _reasons(options, offer, only_english=only_english)


def chosen(options: Options) -> Offer | None:
    """The model that will be asked; None for the draft engine."""
    name = get("model")
    if name == DRAFT or (not name and options.engine == "draft"):
        return None
    return next((offer for offer in options.offers if offer.name == name), options.offers[0] if options.offers else None)


def why_not_translate(options: Options, offer: Offer | None) -> str:
    """Why the chosen model cannot translate, or empty."""
    if offer is None:
        return "The draft engine knows English only, so there is nothing to translate."
    if offer.multilingual is False:
        return f"{offer.label} knows English only, so there is nothing to translate."
    if offer.can_translate is False:
        return f"{offer.label} was not trained to translate. Choose a model such as small or medium for that."
    return ""


def _reasons(options: Options, offer: Offer | None, *, only_english: bool) -> None:
    """Why something is disabled, where a person looks who misses it."""
    told = [why_not_translate(options, offer)]
    if offer is not None and offer.state != "here" and offer.reason:
        told.insert(0, offer.reason)
    if get("multilingual") and not only_english:
        told.append("The language is found anew every few seconds (More: several languages).")
    if said := " ".join(filter(None, told)):
        st.caption(plain(said))


def _language(options: Options, *, only_english: bool) -> None:
    names = dict(options.languages)
    common = [tag for tag in COMMON if tag in names]
    order = ["", *common, *sorted((tag for tag in names if tag not in common), key=names.__getitem__)]
    if only_english:
        order = ["en"]
    if get("language") not in order:
        st.session_state[key("language")] = order[0]

    def label(tag: str) -> str:
        return names.get(tag, "English") if tag else "Detect"

    st.selectbox(
        "Language",
        order,
        format_func=label,
        key=key("language"),
        disabled=only_english or bool(get("multilingual")),
        persist_state="session",
    )


def _task(why_not: str) -> None:
    if why_not or get("task") not in TASKS:
        st.session_state[key("task")] = "transcribe"
    st.selectbox(
        "Text",
        list(TASKS),
        format_func=TASKS.__getitem__,
        key=key("task"),
        disabled=bool(why_not),
        help=why_not or "In English: speech in any language becomes English text.",
        persist_state="session",
    )


def model_label(offer: Offer) -> str:
    """A model with what it needs: `small · 0.5 GB · fetched at first use`."""
    words = [offer.label, figures.size(offer.size_bytes) if offer.size_bytes and offer.state != "here" else "", STATES[offer.state]]
    return " · ".join(filter(None, words))


def _model(options: Options) -> None:
    offered = {offer.name: model_label(offer) for offer in options.offers}
    labels = {"": "Automatic"} | offered | {DRAFT: "Draft, English only"}
    if get("model") not in labels:
        st.session_state[key("model")] = ""
    hint = "Automatic: this server's Whisper model where it can be had, else the draft engine."
    st.selectbox("Model", list(labels), format_func=labels.__getitem__, key=key("model"), help=hint, persist_state="session")


def preset(place: str, label: str = "Subtitles") -> str:
    """Draw the choice of a subtitle preset. Answers its key."""
    if st.session_state.get(place) not in PRESETS:
        st.session_state[place] = next(iter(PRESETS))
    hint = "How long subtitle lines are and how long they stand. It can be changed at any time."
    return str(
        st.selectbox(
            label,
            list(PRESETS),
            format_func=lambda name: LABELS.get(name, name),
            key=place,
            help=hint,
            persist_state="session",
        )
    )


def more(options: Options) -> None:
    """What is rarely needed; made only while it is open."""
    with st.expander("More", icon=":material/tune:", key=key("more"), on_change="rerun") as box:
        if not box.open:
            return
        draft = chosen(options) is None
        why = "The draft engine has no such option." if draft else ""
        st.text_input(
            "Names and terms",
            key=key("hotwords"),
            placeholder="Sotto, Dr. Okonkwo, Kilimanjaro",
            help=why or "Words that are likely to be said, spelled as they shall be written.",
            max_chars=HINT_CHARS,
            disabled=draft,
            persist_state="session",
        )
        st.text_area(
            "What comes before",
            key=key("prompt"),
            height=80,
            placeholder="An interview about coffee roasting, with full punctuation.",
            help=why or "A sentence or two that set style and spelling.",
            max_chars=HINT_CHARS,
            disabled=draft,
            persist_state="session",
        )
        _numbers(why)
        _toggles(why)


def _numbers(why: str) -> None:
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    ways = {True: "Several at once, fast", False: "One after the other"}
    left.selectbox(
        "Stretches of speech",
        list(ways),
        format_func=ways.__getitem__,
        key=key("batch"),
        help=why or "One after the other lets each stretch know the one before; it is slower.",
        disabled=bool(why),
        persist_state="session",
    )
    middle.slider(
        "Beam",
        1,
        10,
        key=key("beam"),
        help=why or "Guesses kept at a time; more is slower.",
        disabled=bool(why),
        persist_state="session",
    )
    right.number_input(
        "Audio track",
        DEFAULT_TRACK,
        99,
        key=key("track"),
        help="For videos with several. 0 is the one that players choose.",
        persist_state="session",
    )


def _toggles(why: str) -> None:
    with st.container(horizontal=True, key=key("toggles")):
        st.toggle("Times for each word", key=key("words"), help="Needed to click a word and hear it.", persist_state="session")
        st.toggle(
            "Leave out what is not speech",
            key=key("vad"),
            help=why or "A voice detector looks first, so that music and noise do not become words.",
            disabled=bool(why),
            persist_state="session",
        )
        st.toggle(
            "Several languages",
            key=key("multilingual"),
            help=why or "The language changes within the recording.",
            disabled=bool(why),
            persist_state="session",
        )
        st.toggle(
            "Text only: forget the recording",
            key=key("forget"),
            help="The recording is removed when its text is there. Words can then not be heard, nor the language changed.",
            persist_state="session",
        )


def start_line(waiting: Sequence[Item], armed: bool) -> None:
    """What a click would begin, in quiet words."""
    if armed:
        said = "The rest begins by itself as it arrives and as there is room."
    elif waiting:
        seconds = sum(float(item.result.get("seconds") or 0) for item in waiting)
        sound = f" · {figures.length(seconds)} of sound" if seconds else ""
        said = f"{figures.count(len(waiting), 'recording')} ready{sound}"
    else:
        said = ""
    st.html(f'<p class="quiet" role="status">{as_html(said)}&#8203;</p>', width="stretch")


def start(waiting: Sequence[Item], sending: bool, on_start: Callable[[], None]) -> None:
    """The primary button."""
    label = f"Transcribe {len(waiting)} recordings" if len(waiting) > 1 else "Transcribe"
    st.button(
        label,
        icon=":material/subtitles:",
        type="primary",
        key=key("go"),
        disabled=not waiting and not sending,
        on_click=on_start,
        shortcut="Ctrl+Enter",
    )
