"""Make `voices.json` from gTTS's table and eSpeak NG's voice list: `python -m utils.speech.data.make`.

Both libraries name languages in their own way; what stands here turns that into BCP 47 tags and English names, and says
which voice an engine speaks a language with. A test holds the file equal to what the libraries report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("voices.json")

# First in every list, in this order; all others follow by name.
COMMON = (
    "en-US", "en-GB", "es", "es-419", "fr", "de", "it", "pt-BR", "pt-PT", "nl", "pl", "ru", "uk", "tr", "ar", "hi", "zh-CN",
    "zh-TW", "yue", "ja", "ko", "vi", "id", "sv", "nb", "da", "fi", "el", "cs", "ro", "hu", "he", "th",
)  # fmt: skip
HIDDEN = frozenset({"fo", "kaa", "xex"})  # listed by eSpeak NG 1.52, but their dictionaries are not in the wheel
VARIANTS = {
    **{f"f{number}": f"female {number}" for number in range(1, 6)},
    **{f"m{number}": f"male {number}" for number in range(1, 8)},
    "whisper": "whisper",
    "whisperf": "female whisper",
    "croak": "croak",
}

# eSpeak's voice -> tag and name, where they are not its own
ESPEAK = {
    "en": ("en-GB", "English (United Kingdom)"),
    "en-us": ("en-US", "English (United States)"),
    "en-us-nyc": ("en-US-x-nyc", "English (New York City)"),
    "en-gb-scotland": ("en-GB-scotland", "English (Scotland)"),
    "en-gb-x-gbclan": ("en-GB-x-gbclan", "English (Lancaster)"),
    "en-gb-x-gbcwmd": ("en-GB-x-gbcwmd", "English (West Midlands)"),
    "en-gb-x-rp": ("en-GB-x-rp", "English (Received Pronunciation)"),
    "en-shaw": ("en-Shaw", "English (Shavian alphabet)"),
    "es": ("es", "Spanish"),
    "fr": ("fr", "French"),
    "fr-be": ("fr-BE", "French (Belgium)"),
    "fr-ch": ("fr-CH", "French (Switzerland)"),
    "pt": ("pt-PT", "Portuguese (Portugal)"),
    "pt-br": ("pt-BR", "Portuguese (Brazil)"),
    "cmn": ("zh-CN", "Chinese (Mandarin)"),
    "cmn-latn-pinyin": ("cmn-Latn-pinyin", "Chinese (Mandarin, written in Pinyin)"),
    "yue-latn-jyutping": ("yue-Latn-jyutping", "Chinese (Cantonese, written in Jyutping)"),
    "ca-ba": ("ca-x-balear", "Catalan (Balearic)"),
    "ca-nw": ("ca-x-nw", "Catalan (North-western)"),
    "ca-va": ("ca-valencia", "Catalan (Valencian)"),
    "fa-latn": ("fa-Latn", "Persian (Latin letters)"),
    "ga": ("ga", "Irish"),
    "gd": ("gd", "Scottish Gaelic"),
    "grc": ("grc", "Greek (Ancient)"),
    "hak": ("hak", "Chinese (Hakka)"),
    "hy": ("hy", "Armenian (Eastern)"),
    "hyw": ("hyw", "Armenian (Western)"),
    "my": ("my", "Burmese"),
    "nb": ("nb", "Norwegian"),
    "nci": ("nci", "Nahuatl (Classical)"),
    "or": ("or", "Odia"),
    "piqd": ("tlh", "Klingon"),
    "py": ("art-x-pyash", "Pyash"),
    "qdb": ("art-x-belter", "Lang Belta"),
    "ru-cl": ("ru-x-classic", "Russian (Classic)"),
    "ru-lv": ("ru-LV", "Russian (Latvia)"),
    "shn": ("shn", "Shan"),
    "smj": ("smj", "Lule Sami"),
    "vi": ("vi", "Vietnamese"),
    "vi-vn-x-central": ("vi-VN-x-central", "Vietnamese (Central)"),
    "vi-vn-x-south": ("vi-VN-x-south", "Vietnamese (Southern)"),
}

# gTTS's tag or accent -> tag and name, where they are not its own
GTTS = {
    "iw": ("he", "Hebrew"),
    "no": ("nb", "Norwegian"),
    "jw": ("jv", "Javanese"),
    "tl": ("fil", "Filipino"),
    "my": ("my", "Burmese"),
    "pa": ("pa", "Punjabi"),
    "zh": ("zh-CN", "Chinese (Mandarin)"),
    "zh-CN": ("zh-CN", "Chinese (Mandarin)"),
    "zh-TW": ("zh-TW", "Chinese (Taiwan)"),
    "yue": ("yue", "Chinese (Cantonese)"),
    "en": ("en-US", "English (accent of this server's place)"),
    "en:us": ("en-US", "English (United States)"),
    "en:co.uk": ("en-GB", "English (United Kingdom)"),
    "en:com.au": ("en-AU", "English (Australia)"),
    "en:ca": ("en-CA", "English (Canada)"),
    "en:co.in": ("en-IN", "English (India)"),
    "en:ie": ("en-IE", "English (Ireland)"),
    "en:co.za": ("en-ZA", "English (South Africa)"),
    "en:com.ng": ("en-NG", "English (Nigeria)"),
    "fr": ("fr", "French (accent of this server's place)"),
    "fr:fr": ("fr", "French"),
    "fr:ca": ("fr-CA", "French (Canada)"),
    "es": ("es", "Spanish (accent of this server's place)"),
    "es:es": ("es", "Spanish"),
    "es:com.mx": ("es-MX", "Spanish (Mexico)"),
    "es:us": ("es-US", "Spanish (United States)"),
    "pt": ("pt-BR", "Portuguese (accent of this server's place)"),
    "pt:com.br": ("pt-BR", "Portuguese (Brazil)"),
    "pt:pt": ("pt-PT", "Portuguese (Portugal)"),
}
ACCENT_NAMES = {
    "us": "United States", "co.uk": "United Kingdom", "com.au": "Australia", "ca": "Canada", "co.in": "India", "ie": "Ireland",
    "co.za": "South Africa", "com.ng": "Nigeria", "fr": "France", "es": "Spain", "com.mx": "Mexico", "com.br": "Brazil",
    "pt": "Portugal",
}  # fmt: skip

# Tags that an engine has no voice of its own for, and the nearest one that it has.
NEAREST_ESPEAK = {
    "en-AU": "en", "en-IN": "en", "en-IE": "en", "en-ZA": "en", "en-NG": "en", "en-CA": "en-us",
    "es-MX": "es-419", "es-US": "es-419", "fr-CA": "fr", "zh-TW": "cmn",
}  # fmt: skip
NEAREST_GTTS = {"en-029": "en:us", "es-419": "es:com.mx", "fr-BE": "fr:fr", "fr-CH": "fr:fr"}
# Where several voices of an engine have the tag: the one to begin with.
FIRST = {
    "gtts": {
        "zh-CN": "zh-CN",
        "en-US": "en:us",
        "fr": "fr:fr",
        "es": "es:es",
        "pt-BR": "pt:com.br",
        "pt-PT": "pt-PT",
        "fr-CA": "fr-CA",
    }
}
# Voices of a region or dialect, offered with the language above them and not as languages.
DIALECTS = ("-x-", "-scotland", "-valencia")


def build() -> dict[str, Any]:
    """Everything that `voices.json` holds, from the libraries that are installed."""
    from gtts.lang import tts_langs

    from utils.speech.engines.espeak_voices import list_voices
    from utils.speech.engines.gtts_voices import ACCENTS

    names = {**tts_langs(), **{f"{base}:{tld}": "" for base, tlds in ACCENTS.items() for tld in tlds}}
    gtts = {key: GTTS.get(key, (key, name)) for key, name in names.items()}
    listed = [voice for voice in list_voices() if voice.kind == "voice" and voice.key not in HIDDEN]
    espeak = {voice.key: ESPEAK.get(voice.key, (voice.key, voice.name.strip())) for voice in listed}
    accents = {
        base: [[tld, ACCENT_NAMES[tld]] for tld in sorted(tlds, key=lambda tld: ACCENT_NAMES[tld])]
        for base, tlds in ACCENTS.items()
    }
    return {
        "languages": _languages({"gtts": gtts, "espeak": espeak}),
        "voices": {"gtts": _rows(gtts), "espeak": _rows(espeak)},
        "variants": [list(pair) for pair in VARIANTS.items()],
        "accents": accents,
    }


def _rows(voices: dict[str, tuple[str, str]]) -> list[list[str]]:
    return [[key, *voices[key]] for key in sorted(voices)]


def _languages(engines: dict[str, dict[str, tuple[str, str]]]) -> list[dict[str, str]]:
    """One row a language: tag, name, and the key of the voice with which each engine speaks it, if it does."""
    names: dict[str, str] = {}
    firsts: dict[str, dict[str, str]] = {"gtts": dict(NEAREST_GTTS), "espeak": dict(NEAREST_ESPEAK)}
    for engine in ("espeak", "gtts"):
        for key, (tag, name) in engines[engine].items():
            if not any(mark in f"{tag}-" for mark in DIALECTS) or tag.startswith("art-"):
                names.setdefault(tag, name)
                firsts[engine].setdefault(tag, FIRST.get(engine, {}).get(tag, key))
    order = {tag: place for place, tag in enumerate(COMMON)}
    tags = sorted(names, key=lambda tag: (order.get(tag, len(order)), names[tag].casefold()))
    return [
        {"tag": tag, "name": names[tag]} | {engine: firsts[engine][tag] for engine in ("gtts", "espeak") if tag in firsts[engine]}
        for tag in tags
    ]


def written(data: dict[str, Any]) -> str:
    """The data as the file holds it: one row a line, so that a change can be read."""
    blocks = []
    for name, value in data.items():
        groups = value.items() if isinstance(value, dict) else [(None, value)]
        inner = []
        for group, rows in groups:
            lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in rows)
            inner.append(f"[\n{lines}\n  ]" if group is None else f"  {json.dumps(group)}: [\n{lines}\n  ]")
        body = inner[0] if not isinstance(value, dict) else "{\n" + ",\n".join(inner) + "\n  }"
        blocks.append(f"  {json.dumps(name)}: {body}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(written(build()), encoding="utf-8")
