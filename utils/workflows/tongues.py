"""The languages that Whisper knows, by the tags that it uses, with names for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Tags and names as in OpenAI's whisper/tokenizer.py.
_NAMES = (
    "af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|ba Bashkir|be Belarusian|bg Bulgarian|bn Bengali|"
    "bo Tibetan|br Breton|bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|es Spanish|"
    "et Estonian|eu Basque|fa Persian|fi Finnish|fo Faroese|fr French|gl Galician|gu Gujarati|ha Hausa|haw Hawaiian|"
    "he Hebrew|hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian|hy Armenian|id Indonesian|is Icelandic|it Italian|"
    "ja Japanese|jw Javanese|ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|la Latin|lb Luxembourgish|ln Lingala|lo Lao|"
    "lt Lithuanian|lv Latvian|mg Malagasy|mi Maori|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|"
    "my Burmese|ne Nepali|nl Dutch|nn Norwegian Nynorsk|no Norwegian|oc Occitan|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|"
    "ro Romanian|ru Russian|sa Sanskrit|sd Sindhi|si Sinhala|sk Slovak|sl Slovenian|sn Shona|so Somali|sq Albanian|"
    "sr Serbian|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|tk Turkmen|tl Tagalog|tr Turkish|"
    "tt Tatar|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|yi Yiddish|yo Yoruba|yue Cantonese|zh Chinese"
)
LANGUAGES: Mapping[str, str] = MappingProxyType(dict(pair.split(" ", 1) for pair in _NAMES.split("|")))


def name_of(tag: str) -> str:
    """For people; the tag itself where it is none of these."""
    return LANGUAGES.get(tag, tag)


def whisper_tag(tag: str) -> str:
    """The tag of Whisper for a BCP 47 tag, or "" where it knows none: `en-GB` -> `en`, `nb` -> `no`."""
    first = tag.casefold().partition("-")[0]
    same = {"nb": "no", "fil": "tl", "jv": "jw", "iw": "he", "cmn": "zh"}
    first = same.get(first, first)
    return first if first in LANGUAGES else ""
