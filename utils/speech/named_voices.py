"""The voices that OpenAI's API names, as ours: an accent where the language has accents, and a variant of eSpeak's voice.

The names say nothing of a language: each of them speaks all. Google has one speaker a language and accent, so there only the accent
tells them apart; eSpeak's variants do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class NamedVoice:
    """One of them.

    Attributes:
        variant: Of eSpeak's voice.
        accent: Of English, as gTTS names it; empty = the language's own.
    """

    variant: str
    accent: str = ""


NAMED: Mapping[str, NamedVoice] = MappingProxyType(
    {
        "alloy": NamedVoice(""),
        "ash": NamedVoice("m1"),
        "ballad": NamedVoice("m2", "co.uk"),
        "coral": NamedVoice("f1"),
        "echo": NamedVoice("m3"),
        "fable": NamedVoice("m4", "co.uk"),
        "onyx": NamedVoice("m7"),
        "nova": NamedVoice("f2"),
        "sage": NamedVoice("f3"),
        "shimmer": NamedVoice("f4"),
        "verse": NamedVoice("m5"),
        "marin": NamedVoice("f5"),
        "cedar": NamedVoice("m6"),
    }
)
