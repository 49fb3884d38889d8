"""How eSpeak NG reads what we leave to it, and that it reads better what we spell out; its phonemes tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils.speech.engines import espeak_library
from utils.speech.text import clean

LEFT = [  # voice, as it is left in the text, as it ought to be read
    ("en-us", "1,250.75", "one thousand two hundred fifty point seven five"),
    ("en-us", "50%", "fifty percent"),
    ("en-us", "1st, 2nd", "first, second"),
    ("de", "1.250,75", "eintausend zweihundert fünfzig Komma sieben fünf"),
    ("fr", "50 %", "cinquante pour cent"),
    ("es", "50 %", "cincuenta por ciento"),
]
SPELLED = [  # voice, language, as written, a word that must be heard now and was not before
    ("en-us", "en-US", "$5", "dollars"),
    ("en-us", "en-US", "No. 5", "number"),
    ("en-us", "en-US", "vs. them", "versus"),
    ("en-us", "en-US", "3 < 5", "less"),
    ("de", "de", "Dr. Huber", "Doktor"),
    ("de", "de", "z. B. so", "Beispiel"),
    ("de", "de", "am 3. Juni", "dritten"),
    ("de", "de", "auf example.com", "Punkt"),
    ("fr", "fr", "M. Dupont", "Monsieur"),
    ("it", "it", "pag. 5", "pagina"),
    ("pt-br", "pt-BR", "Sr. Silva", "senhor"),
]


def phonemes(asked: list[tuple[str, str]]) -> list[str]:
    library = espeak_library.find()
    if library is None:
        if os.environ.get("CI"):
            pytest.fail("espeakng-loader is not installed")
        pytest.skip("espeakng-loader is not installed")
    command = [sys.executable, str(Path(__file__).with_name("phonemes.py")), str(library.path), str(library.data)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=30)
    return [str(answer) for answer in json.loads(done.stdout)]


def plain(answer: str) -> str:
    """Phonemes without stress, length and spaces, which change with the neighbours."""
    return "".join(char for char in answer if char not in "ˈˌːˑ -_|")


def test_espeak_numbers_that_are_left_are_read_right() -> None:
    answers = phonemes([(voice, text) for voice, *texts in LEFT for text in texts])
    read = [plain(answer) for answer in answers]
    wrong = [(left, was, ought) for left, was, ought in zip(LEFT, read[::2], read[1::2], strict=True) if was != ought]
    assert wrong == []


def test_espeak_what_is_spelled_out_is_heard() -> None:
    asked = [(voice, text) for voice, tag, written, word in SPELLED for text in (written, clean(written, tag), word)]
    answers = [plain(answer) for answer in phonemes(asked)]
    for row, before, after, word in zip(SPELLED, answers[::3], answers[1::3], answers[2::3], strict=True):
        assert word in after, row
        assert word not in before, row


def test_espeak_abbreviation_spelled_out_makes_no_pause() -> None:
    before, after = phonemes([("en-us", "Dr. Smith"), ("en-us", clean("Dr. Smith", "en"))])
    assert "|" in before and "|" not in after
