"""Which column means what: found by name, whatever its case, spaces or usual language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Names as people write them in English, German, French, Spanish, Italian, Portuguese and Dutch, folded by `_fold`.
_NAMES: dict[str, str] = {
    "text": """text texts sentence line content script speech message prompt satz inhalt texte phrase contenu texto frase contenido
        testo contenuto tekst zin 文本 文字 テキスト текст""",
    "filename": """filename file name output outputname outputfile datei dateiname nomdufichier fichier nombre nombredearchivo
        archivo nomefile nomedoarquivo arquivo bestandsnaam bestand 文件名 ファイル名 имяфаила""",
    "language": "language lang locale languagecode sprache langue idioma lingua taal 语言 言語 язык",
    "voice": "voice speaker voiceid stimme sprecher voix voz voce stem 声音 声 голос",
    "engine": "engine provider ttsengine tts motor moteur motore",
    "accent": "accent akzent acento accento tld",
    "speed": "speed rate tempo geschwindigkeit vitesse velocidad velocita velocidade snelheid",
    "pitch": "pitch tonhohe hauteur tono tom toonhoogte",
    "format": "format fileformat audioformat formato formaat",
    "pause": "pause pausems pauses break silence pausa pauze",
    "title": "title titel titre titulo titolo heading",
}
_ROLE_OF = {word: role for role, words in _NAMES.items() for word in words.split()}


def _fold(name: str) -> str:
    """Letters and digits only, without case and accents."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return re.sub(r"[\W_]", "", "".join(ch for ch in plain if not unicodedata.combining(ch)))


def recognise(columns: Sequence[str]) -> dict[str, int]:
    """Role -> index of the column, for every column whose name is known; the first column of a role wins."""
    found: dict[str, int] = {}
    for index, name in enumerate(columns):
        role = _ROLE_OF.get(_fold(name))
        if role:
            found.setdefault(role, index)
    if "text" not in found and len(columns) == 1:
        found["text"] = 0
    return found


def looks_like_header(names: Sequence[str]) -> bool:
    """The first line names columns: one of them is known, or there are several short names and none is a number."""
    if any(_fold(name) in _ROLE_OF for name in names):
        return True
    return len(names) > 1 and all(0 < len(name) <= 40 and not re.search(r"[.!?]$|^[\d.,]+$", name) for name in names)


def variable(name: str) -> str:
    """The form in which names of columns are compared with `{variables}`."""
    return _fold(name)
