"""Title, artist and the like in a file, in what its container knows; and back under the same five names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

    from utils.audio.formats import Format

NAMES = ("title", "artist", "album", "comment", "language")
MAX_CHARS = 500  # a tag is a line to show, not a place for texts

# ISO 639-1 -> ISO 639-2/T, which ID3 (TLAN) and MP4 (the track's language) want. Languages that speak here.
_THREE_LETTERS = {
    "af": "afr", "am": "amh", "an": "arg", "ar": "ara", "as": "asm", "az": "aze", "ba": "bak", "be": "bel", "bg": "bul",
    "bn": "ben", "bs": "bos", "ca": "cat", "cs": "ces", "cv": "chv", "cy": "cym", "da": "dan", "de": "deu", "el": "ell",
    "en": "eng", "eo": "epo", "es": "spa", "et": "est", "eu": "eus", "fa": "fas", "fi": "fin", "fo": "fao", "fr": "fra",
    "ga": "gle", "gd": "gla", "gl": "glg", "gn": "grn", "gu": "guj", "ha": "hau", "he": "heb", "hi": "hin", "hr": "hrv",
    "ht": "hat", "hu": "hun", "hy": "hye", "ia": "ina", "id": "ind", "io": "ido", "is": "isl", "it": "ita", "iw": "heb",
    "ja": "jpn", "jv": "jav", "jw": "jav", "ka": "kat", "kk": "kaz", "kl": "kal", "km": "khm", "kn": "kan", "ko": "kor",
    "ku": "kur", "ky": "kir", "la": "lat", "lb": "ltz", "lt": "lit", "lv": "lav", "mi": "mri", "mk": "mkd", "ml": "mal",
    "mn": "mon", "mr": "mar", "ms": "msa", "mt": "mlt", "my": "mya", "nb": "nob", "ne": "nep", "nl": "nld", "nn": "nno",
    "no": "nor", "om": "orm", "or": "ori", "pa": "pan", "pl": "pol", "pt": "por", "qu": "que", "ro": "ron", "ru": "rus",
    "sd": "snd", "si": "sin", "sk": "slk", "sl": "slv", "sn": "sna", "so": "som", "sq": "sqi", "sr": "srp", "su": "sun",
    "sv": "swe", "sw": "swa", "ta": "tam", "te": "tel", "th": "tha", "tk": "tuk", "tl": "tgl", "tn": "tsn", "tr": "tur",
    "tt": "tat", "ug": "uig", "uk": "ukr", "ur": "urd", "uz": "uzb", "vi": "vie", "xh": "xho", "yi": "yid", "zh": "zho",
    "zu": "zul",
}  # fmt: skip


def iso639_2(tag: str) -> str:
    """The three-letter code of a BCP 47 tag: `en-GB` -> `eng`, `cmn` -> `cmn`, unknown -> `und`."""
    primary = tag.partition("-")[0].lower()
    if len(primary) == 3 and primary.isascii() and primary.isalpha():
        return primary
    return _THREE_LETTERS.get(primary, "und")


def clean(value: str) -> str:
    """One line of printable text: control characters and lone surrogates become spaces."""
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in value)
    return " ".join(kept.split())[:MAX_CHARS]


def put(out: OutputContainer, stream: AudioStream, form: Format, tags: Mapping[str, str]) -> None:
    """Set tags before the header is written.

    Raises:
        ValueError: a name that is not one of NAMES; a mistake of the caller.
    """
    if unknown := set(tags) - set(NAMES):
        raise ValueError(f"unknown tags {sorted(unknown)}; known are {NAMES}")
    values = {name: text for name, value in tags.items() if (text := clean(value))}
    language = values.pop("language", "")
    if language and form.key == "m4a":
        stream.metadata["language"] = iso639_2(language)  # the track's own field
    elif language:
        values["language"] = iso639_2(language) if form.key == "mp3" else language
    # Ogg keeps comments with the stream; every other container with the file.
    (stream.metadata if form.key == "opus" else out.metadata).update(values)


def get(container: InputContainer) -> dict[str, str]:
    """The tags of a file under our names; what it does not have is left out."""
    found: dict[str, str] = {}
    streams = [stream.metadata for stream in container.streams.audio[:1]]
    for metadata in (*streams, container.metadata):  # the file's own win over its stream's
        found |= {key.lower(): value for key, value in metadata.items() if key.lower() in NAMES}
    if found.get("language") == "und":
        del found["language"]
    return found
