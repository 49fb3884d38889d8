"""Choices that pages share: language and voice with search, accent, engine, format, loudness."""

from __future__ import annotations

import streamlit as st

from utils.speech import voices
from utils.speech.contract import DEFAULT_LOUDNESS_LUFS, Voice
from utils.ui import state

AUTOMATIC = ""  # no voice or accent chosen: the engine's own for the language
AUTO = "auto"
FORMATS = {
    "mp3": "MP3",
    "wav": "WAV",
    "opus": "Opus",
    "flac": "FLAC",
    "m4a": "M4A",
    "aac": "AAC",
    "pcm": "PCM, raw",
}
LOUDNESS = {
    None: "As spoken",
    -23.0: "-23 LUFS, broadcast",
    DEFAULT_LOUDNESS_LUFS: "-16 LUFS, podcasts",
    -14.0: "-14 LUFS, streaming",
}


def language(key: str) -> str:
    """Draw the choice of a language; type to search. Answers its tag."""
    here = state.services().engines
    names = {language.tag: language.name for language in voices.languages() if not here.keys().isdisjoint(language.firsts)}
    _stay_within(key, names, next(iter(names)))
    return str(st.selectbox("Language", list(names), format_func=names.__getitem__, key=key, persist_state="session"))


def voice(key: str, language_tag: str, engine: str) -> str:
    """Draw the choice of a voice for a language, of one engine or of all; type to search. Answers its id, empty for none chosen."""
    here = state.services().engines
    offered = [voice for voice in voices.for_language(language_tag) if voice.engine in here]
    found = {voice.id: voice for voice in offered if engine in (AUTO, voice.engine)}
    spoken = voices.find_language(language_tag).name
    options = [AUTOMATIC, *found]
    _stay_within(key, options, AUTOMATIC)

    def label(voice_id: str) -> str:
        return voice_label(found[voice_id], spoken) if voice_id else "Automatic"

    return str(st.selectbox("Voice", options, format_func=label, key=key, persist_state="session"))


def voice_label(voice: Voice, language_name: str) -> str:
    """A voice by its engine and by what sets it apart within the language: `eSpeak NG · female 3`."""
    own = voice.name.removeprefix(language_name).strip(", ") or "standard voice"
    return f"{voices.LABELS.get(voice.engine, voice.engine)} · {own.removeprefix('(').removesuffix(')') if own[0] == '(' else own}"


def accent(key: str, language_tag: str, *, disabled: bool) -> str:
    """Draw the choice of an accent of the Google voice. Answers its host variant, empty for the usual one."""
    names = dict(voices.accents(language_tag)) if "gtts" in state.services().engines else {}
    options = [AUTOMATIC, *names]
    _stay_within(key, options, AUTOMATIC)

    def label(accent: str) -> str:
        return names[accent] if accent else "Usual for the language"

    hint = "For Google's voice; not used when a voice is chosen."
    return str(
        st.selectbox(
            "Accent", options, format_func=label, key=key, disabled=disabled or not names, help=hint, persist_state="session"
        )
    )


def engine(key: str, language_tag: str) -> str:
    """Draw the choice of an engine among those that speak a language. Answers its name, or `auto`."""
    here = [name for name in state.services().engines if voices.has_engine(language_tag, name)]
    labels = {AUTO: "Automatic"} | {name: voices.LABELS.get(name, name) for name in here}
    _stay_within(key, labels, AUTO)
    hint = (
        "Automatic: Google, and eSpeak NG on this server when Google cannot be reached. With eSpeak NG no text leaves this server."
    )
    return str(st.selectbox("Engine", list(labels), format_func=labels.__getitem__, key=key, help=hint, persist_state="session"))


def file_format(key: str) -> str:
    """Draw the choice of a file format. Answers its key."""
    _stay_within(key, FORMATS, "mp3")
    return str(st.selectbox("Format", list(FORMATS), format_func=FORMATS.__getitem__, key=key, persist_state="session"))


def loudness(key: str) -> float | None:
    """Draw the choice of a loudness. Answers LUFS, or None to leave the level alone."""
    levels = dict(LOUDNESS)
    if (given := st.session_state.get(key)) is not None:
        levels.setdefault(given, f"{given:g} LUFS")  # a request by the API may hold any
    return st.selectbox("Loudness", list(levels), format_func=levels.__getitem__, key=key, persist_state="session")


def _stay_within(key: str, options: object, fallback: str) -> None:
    """A choice that another one made impossible falls back; only before the choice is drawn."""
    if st.session_state.get(key) not in options:  # type: ignore[operator]
        st.session_state[key] = fallback
