"""How gTTS speakers are named in voice ids, and the fixed list of accents.

A voice key is `<gTTS language tag>` or `<tag>:<tld>`. The tld becomes part of a host name, so that a free one would send the
text to anybody (`com@127.0.0.1`): only pairs of this list are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from utils.errors import UnknownVoice
from utils.speech.contract import Voice

DEFAULT_TLD = "com"
# From gTTS's documentation ("Localized accents"); its own table `gtts.accents` is not used, for it holds a typing error.
ACCENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "en": ("com.au", "co.uk", "us", "ca", "co.in", "ie", "co.za", "com.ng"),
        "fr": ("ca", "fr"),
        "es": ("com.mx", "es", "us"),
        "pt": ("com.br", "pt"),
    }
)


@dataclass(frozen=True)
class Speaker:
    """What gTTS needs to know of a voice.

    Attributes:
        language: gTTS's tag, sent as it is (`fr-CA`, `iw`).
        tld: Ending of Google's host name, from ACCENTS or `com`.
    """

    language: str
    tld: str = DEFAULT_TLD


def speaker_of(voice: Voice, languages: Mapping[str, str]) -> Speaker:
    """Read the voice's key.

    Args:
        voice: A voice of this engine.
        languages: gTTS's own table, tag to name.

    Raises:
        UnknownVoice: The tag is not in the table, or the accent is not in ACCENTS.
    """
    language, colon, tld = voice.key.partition(":")
    if voice.engine != "gtts" or language not in languages:
        raise UnknownVoice("Google (gTTS) has no such voice.", "Choose one of the voices offered for the language.")
    if colon and tld != DEFAULT_TLD and tld not in ACCENTS.get(language, ()):
        raise UnknownVoice(f"Google (gTTS) has no such accent for {language}.", "Choose one of the accents offered.")
    return Speaker(language, tld or DEFAULT_TLD)
