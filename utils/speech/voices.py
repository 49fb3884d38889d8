"""Languages and voices of all engines, from a table in the repository: no engine is imported and nothing is asked.

The table is made by `data/make.py` from what the libraries report. Languages are BCP 47 tags; `find_language` accepts the
usual other spellings of them (`de-AT`, `iw`, `zh-Hant`, `Portuguese (Brazil)`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from utils.errors import UnknownVoice
from utils.speech.contract import Voice

ENGINES = ("gtts", "espeak")
LABELS = {"gtts": "Google", "espeak": "eSpeak NG"}

_CHOOSE = "Choose one that is offered."
# Other tags of languages that we list; a region that is not listed falls back to the language by itself.
_LATIN_AMERICA = ("ar", "bo", "cl", "co", "cr", "cu", "do", "ec", "gt", "hn", "la", "ni", "pa", "pe", "pr", "py", "sv", "uy", "ve")
_ALIASES = {
    "en": "en-US", "en-nz": "en-AU", "pt": "pt-BR", "zh": "zh-CN", "cmn": "zh-CN", "zh-hans": "zh-CN", "zh-hant": "zh-TW",
    "zh-hk": "yue", "zh-mo": "yue", "zh-yue": "yue", "iw": "he", "no": "nb", "nn": "nb", "tl": "fil", "jw": "jv", "in": "id",
    **{f"es-{region}": "es-419" for region in _LATIN_AMERICA},
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """A language that can be spoken.

    Attributes:
        tag: BCP 47.
        name: In English.
        firsts: Engine to the key of the voice that it speaks the language with.
    """

    tag: str
    name: str
    firsts: dict[str, str] = field(default_factory=dict, compare=False, hash=False, repr=False)


@dataclass(frozen=True)
class _Table:
    """The data file, indexed."""

    languages: dict[str, Language]
    by_lower_tag: dict[str, Language]
    by_lower_name: dict[str, Language]
    voices: dict[str, Voice]
    by_lower_id: dict[str, Voice]
    spoken: dict[str, tuple[Voice, ...]]
    variants: dict[str, str]
    accents: dict[str, tuple[tuple[str, str], ...]]


def languages() -> list[Language]:
    """Every language that some engine speaks; the common ones first, then by name."""
    return list(_table().languages.values())


def find_language(said: str) -> Language:
    """The language for a tag in any spelling, or for its English name.

    Raises:
        UnknownVoice: No engine here speaks it.
    """
    table = _table()
    wanted = said.strip().replace("_", "-").lower()
    if (named := table.by_lower_name.get(said.strip().lower())) is not None:
        return named
    while wanted:
        found = table.by_lower_tag.get(wanted) or table.by_lower_tag.get(_ALIASES.get(wanted, "").lower())
        if found is not None:
            return found
        wanted = wanted.rpartition("-")[0]
    raise UnknownVoice(
        f"No engine here speaks the language {said[:40]!r}.", "Give a language tag that is offered, such as en-US or de."
    )


def for_language(tag: str) -> list[Voice]:
    """The voices to choose from: for each engine its own for the language first, then dialects and variants of it.

    A language that nobody speaks has no voices.
    """
    try:
        return list(_table().spoken[find_language(tag).tag])
    except UnknownVoice:
        return []


def has_engine(tag: str, engine: str) -> bool:
    """Whether an engine speaks a language."""
    try:
        return engine in find_language(tag).firsts
    except UnknownVoice:
        return False


def find(voice_id: str) -> Voice:
    """A voice by its id, capital or small letters; any eSpeak voice takes any of the variants offered.

    Raises:
        UnknownVoice: There is none.
    """
    table = _table()
    plain, plus, variant = voice_id.strip().lower().partition("+")
    found = table.by_lower_id.get(plain)
    if found is not None and plus:
        found = _variant(found, variant, table.variants) if found.engine == "espeak" and variant in table.variants else None
    if found is None:
        raise UnknownVoice(f"There is no voice {voice_id[:60]!r}.", _CHOOSE)
    return found


def default(engine: str, language: str, accent: str | None = None) -> Voice:
    """The voice with which an engine speaks a language.

    Args:
        engine: Name of the engine.
        language: BCP 47 tag.
        accent: gTTS host variant; for another engine it says which region is meant.

    Raises:
        UnknownVoice: The engine does not speak the language, or the language has no such accent.
    """
    table, spoken = _table(), find_language(language)
    if accent:
        base = spoken.tag.partition("-")[0]
        accented = table.by_lower_id.get(f"gtts:{base}:{accent.strip().lower()}")
        if accented is None:
            raise UnknownVoice(f"{spoken.name} has no accent {accent[:40]!r}.", _CHOOSE)
        if engine == "gtts":
            return accented
        spoken = table.languages[accented.language]
    if engine not in spoken.firsts:
        raise UnknownVoice(f"{LABELS.get(engine, engine)} has no voice for {spoken.name}.", "Choose another engine or language.")
    return table.voices[f"{engine}:{spoken.firsts[engine]}"]


def accents(tag: str) -> list[tuple[str, str]]:
    """Accents of Google's voices for a language: pairs (host variant, name of the place)."""
    try:
        return list(_table().accents.get(find_language(tag).tag.partition("-")[0], ()))
    except UnknownVoice:
        return []


# ---- the table ----------------------------------------------------------------------------------------------------


@cache
def _table() -> _Table:
    data = json.loads(Path(__file__).with_name("data").joinpath("voices.json").read_text(encoding="utf-8"))
    found = {
        row["tag"]: Language(row["tag"], row["name"], {engine: row[engine] for engine in ENGINES if engine in row})
        for row in data["languages"]
    }
    voices = {
        f"{engine}:{key}": Voice(f"{engine}:{key}", engine, name, tag)
        for engine, rows in data["voices"].items()
        for key, tag, name in rows
    }
    variants = dict(data["variants"])
    return _Table(
        found,
        {tag.lower(): language for tag, language in found.items()},
        {language.name.lower(): language for language in found.values()},
        voices,
        {voice_id.lower(): voice for voice_id, voice in voices.items()},
        _spoken(found, voices, variants),
        variants,
        {base: tuple((tld, name) for tld, name in rows) for base, rows in data["accents"].items()},
    )


def _spoken(found: dict[str, Language], voices: dict[str, Voice], variants: dict[str, str]) -> dict[str, tuple[Voice, ...]]:
    """Language tag to its voices: an engine's first, its other ones (dialects), and the variants of the first."""
    others: dict[tuple[str, str], list[Voice]] = {}
    for voice in voices.values():
        tag = voice.language
        while tag not in found:
            tag = tag.rpartition("-")[0].removesuffix("-x")
        others.setdefault((voice.engine, tag), []).append(voice)
    spoken: dict[str, tuple[Voice, ...]] = {}
    for tag, language in found.items():
        offered: list[Voice] = []
        for engine, key in language.firsts.items():
            first = voices[f"{engine}:{key}"]
            names = {first.name}
            offered.append(first)
            for voice in others.get((engine, tag), ()):
                if voice.name not in names:  # the same speaker by another address, as fr-CA and fr:ca
                    names.add(voice.name)
                    offered.append(voice)
            if engine == "espeak":
                offered += [_variant(first, variant, variants) for variant in variants]
        spoken[tag] = tuple(offered)
    return spoken


def _variant(voice: Voice, variant: str, variants: dict[str, str]) -> Voice:
    return Voice(f"{voice.id}+{variant}", voice.engine, f"{voice.name}, {variants[variant]}", voice.language)
