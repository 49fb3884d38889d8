"""Finding the library and its voices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from utils.speech.contract import SpeechEngine
from utils.speech.engines import espeak_library
from utils.speech.engines.espeak import EspeakEngine
from utils.speech.engines.espeak_voices import list_voices


def test_available_installed_engine_says_nothing() -> None:
    engine: SpeechEngine = EspeakEngine()

    assert engine.available() == ""
    assert engine.requests([]) == 0


@pytest.mark.parametrize(
    ("abi", "word"), [("cpython-311-x86_64-linux-musl", "musl"), ("cpython-311-x86_64-linux-gnu", "espeakng-loader")]
)
def test_why_missing_names_the_reason(abi: str, word: str) -> None:
    assert word in espeak_library.why_missing(abi)


def test_available_without_the_loader_says_why() -> None:
    """A whole process without site-packages: the loader cannot be found there."""
    root = Path(__file__).parents[3]
    code = f"""
import sys
sys.path.insert(0, {str(root)!r})
from utils.errors import EngineUnreachable
from utils.speech.contract import Prosody, Voice
from utils.speech.engines.espeak import EspeakEngine
print(EspeakEngine().available())
try:
    EspeakEngine().speak([], Voice("espeak:en", "espeak", "", "en"), Prosody(), None, None)
except EngineUnreachable as error:
    print(error.sentence)
"""

    said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()

    assert len(said) == 2
    assert said[0] == said[1]
    assert "espeakng-loader" in said[0]


def test_voices_listed_by_the_library_are_those_found_in_its_files() -> None:
    library = espeak_library.find()
    assert library is not None

    listed = list_voices()

    voices = [voice for voice in listed if voice.kind == "voice"]
    assert len(voices) == 141
    assert {voice.key for voice in voices if voice.speaks} == set(library.voices)
    assert {voice.key for voice in voices if not voice.speaks} == {"fo", "kaa", "xex"}
    assert {voice.key for voice in listed if voice.kind == "variant"} == set(library.variants)
    american = next(voice for voice in voices if voice.key == "en-us")
    assert (american.identifier, american.name, american.gender) == ("gmw/en-US", "English (America)", "male")
    assert american.languages == ("en-us", "en")


def test_library_and_engine_are_not_loaded_by_the_web_process() -> None:
    code = """
import sys
from utils.speech.engines.espeak import EspeakEngine
assert EspeakEngine().available() == ""
print(sorted({"espeakng_loader", "ctypes", "numpy", "gtts", "av"} & set(sys.modules)))
"""

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])

    assert said.stdout.strip() == "[]"
