"""The draft engine: what it hears of real English, that it invents nothing, and that its child is looked after."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.offspring import left_over, offspring
from tests.transcription.engines.conftest import Open, Said
from tests.transcription.engines.sounds import noise, silence, tremolo
from utils.errors import BadInput, EngineCrashed
from utils.transcription.contract import RATE_HZ, Decoding, Samples, Segment, Span, TranscriptionRequest
from utils.transcription.engines.draft import DraftEngine, flux

FAKE = """
import json, struct, sys, time
print(json.dumps("ready"), flush=True)
while len(head := sys.stdin.buffer.read(4)) == 4:
    pcm = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    {body}
"""


def whole(sound: Samples) -> list[Span]:
    """All of it, as if the voice detector had said so."""
    return [Span(start, min(start + 29.0, len(sound) / RATE_HZ)) for start in np.arange(0.0, len(sound) / RATE_HZ, 29.0)]


def fake(folder: Path, body: str) -> Decoding:
    """An engine whose child does something else."""
    program = folder / "child.py"
    program.write_text(FAKE.replace("{body}", body))
    return DraftEngine(program=program).open(TranscriptionRequest(), note=lambda _: None, check=lambda: None)


def says(words: object) -> str:
    return f"print(json.dumps({words!r}), flush=True)"


def test_words_are_lower_case_without_signs_of_the_recogniser(opened: Open, speak: Said) -> None:
    sound = speak("The weather is good today.")
    decoding = opened("draft")
    (segment,) = decoding.decode(sound, decoding.speech(sound), "en")
    assert segment.text and segment.text == segment.text.lower()
    assert not set(segment.text) & set("<>()[]+.")
    assert all(word.text.startswith(" ") and word.probability is None for word in segment.words)


@pytest.mark.parametrize("sound", [tremolo(40.0), noise(40.0), silence(40.0)], ids=["tremolo", "noise", "silence"])
def test_sounds_that_are_no_speech_give_no_words_even_where_they_were_taken_for_it(opened: Open, sound: Samples) -> None:
    assert list(opened("draft").decode(sound, whole(sound), "en")) == []


def chord(seconds: float) -> Samples:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * t) for hz in (220.0, 277.2, 329.6))
    return (0.1 * tones * (np.sin(2 * np.pi * 2 * t) > 0)).astype(np.float32)


def test_flux_tells_speech_from_tones(speak: Said) -> None:
    assert flux(speak("The weather is good today.")) > 0.45
    assert flux(speak("Das Wetter ist heute kalt.", "de+f3")) > 0.45
    assert flux(tremolo(5.0)) < 0.2
    assert flux(chord(5.0)) < 0.3
    assert flux(silence(5.0)) == flux(silence(0.01)) == 0.0


def test_speech_in_a_long_silence_is_heard_where_it_is(opened: Open, speak: Said) -> None:
    sound = np.concatenate([silence(8.0), speak("Close the window."), silence(8.0)])
    found = list(opened("draft").decode(sound, whole(sound), "en"))
    assert found and found[0].start > 7.8 and found[-1].end < 9.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"language": "de"}, "English only"),
        ({"multilingual": True}, "English only"),
        ({"task": "translate"}, "cannot translate"),
    ],
)
def test_what_it_cannot_do_is_refused_and_names_what_to_install(options: dict[str, object], words: str) -> None:
    engine, request = DraftEngine(), TranscriptionRequest(**options)  # type: ignore[arg-type]
    assert words in engine.problem(request) and "base or small" in engine.problem(request)
    with pytest.raises(BadInput, match=words):
        engine.open(request, note=lambda _: None, check=lambda: None)


@pytest.mark.parametrize("language", ["", "en"])
def test_english_is_no_problem(language: str) -> None:
    assert DraftEngine().problem(TranscriptionRequest(language=language)) == ""


def test_detect_says_english_without_any_certainty(opened: Open) -> None:
    guess = opened("draft").detect(silence(1.0))
    assert (guess.language, guess.probability) == ("en", 0.0)


def test_fillers_variants_and_endless_words_are_left_out(tmp_path: Path, speak: Said) -> None:
    words = [
        ["<s>", 0, 4], ["and(2)", 5, 20], ["<sil>", 21, 30], ["[NOISE]", 31, 33], ["++BREATH++", 34, 35], ["fife", 36, 2_900],
        ["now", 40, 60], ["</s>", 61, 70],
    ]  # fmt: skip
    decoding = fake(tmp_path, says(words))
    sound = speak("Close the window.")
    segments: list[Segment] = list(decoding.decode(sound, [Span(0.0, len(sound) / RATE_HZ)], "en"))
    decoding.close()
    assert segments[0].text.startswith("and") and "now" in segments[0].text
    assert "<" not in segments[0].text and "[" not in segments[0].text and "+" not in segments[0].text
    assert all(word.end <= len(sound) / RATE_HZ for segment in segments for word in segment.words)


def test_word_longer_than_words_are_is_left_out(tmp_path: Path, speak: Said) -> None:
    decoding = fake(tmp_path, says([["fife", 0, 290], ["now", 291, 300]]))
    sound = speak("I'd like an iced coffee with some cream and a little bit of brown sugar and a large latte with milk")
    segments = list(decoding.decode(sound, [Span(0.0, len(sound) / RATE_HZ)], "en"))
    decoding.close()
    assert segments and {segment.text for segment in segments} == {"now"}


@pytest.mark.parametrize("body", ["sys.exit(3)", "import os; os.abort()", "print('what', flush=True)"])
def test_child_that_goes_wrong_is_told_and_gone(tmp_path: Path, speak: Said, body: str) -> None:
    before = offspring()
    decoding = fake(tmp_path, body)
    sound = speak("Close the window.")
    with pytest.raises(EngineCrashed):
        list(decoding.decode(sound, [Span(0.0, len(sound) / RATE_HZ)], "en"))
    assert left_over(before) == set()
    decoding.close()


def test_close_ends_a_child_that_is_in_the_middle(tmp_path: Path, speak: Said) -> None:
    before = offspring()
    decoding = fake(tmp_path, "time.sleep(600)")
    sound = speak("Close the window.")
    ended: list[BaseException] = []

    def listen() -> None:
        try:
            list(decoding.decode(sound, [Span(0.0, len(sound) / RATE_HZ)], "en"))
        except EngineCrashed as exc:
            ended.append(exc)

    thread = threading.Thread(target=listen)
    thread.start()
    while not offspring() - before:
        time.sleep(0.01)
    decoding.close()
    thread.join(60.0)
    assert not thread.is_alive() and len(ended) == 1
    assert left_over(before) == set()


def test_use_after_close_is_an_error(opened: Open, speak: Said) -> None:
    decoding = opened("draft")
    decoding.close()
    with pytest.raises(EngineCrashed):
        list(decoding.decode(speak("Close the window."), [Span(0.0, 1.0)], "en"))


def test_child_starts_only_when_there_is_something_to_hear(opened: Open) -> None:
    before = offspring()
    decoding = opened("draft")
    assert list(decoding.decode(silence(5.0), [Span(0.0, 5.0)], "en")) == []
    assert left_over(before) == set()


def test_pocketsphinx_is_never_loaded_here(opened: Open, speak: Said) -> None:
    assert opened("draft").again(speak("Close the window."), "en")
    assert "pocketsphinx" not in sys.modules
