"""No invented words: every kind of sound without a voice, alone and between sentences, in each way of decoding.

The short form has 5 s of each kind, one after the other only some of them; the long form 80 minutes in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.transcription import clips, nonspeech
from utils.transcription.contract import RATE_HZ, Span, Transcript, TranscriptionEngine, TranscriptionRequest

WAYS = {
    "batched": TranscriptionRequest(language="en", engine="whisper"),
    "sequential": TranscriptionRequest(language="en", engine="whisper", batch=False),
    "draft": TranscriptionRequest(language="en", engine="draft"),
}
SENTENCES = ("Turn on the light in the kitchen.", "Thank you very much.", "The weather is cold today.", "Call my brother.")
KINDS = tuple(nonspeech.KINDS)
PARTS = [KINDS[at : at + 11] for at in range(0, len(KINDS), 11)]
Engines = Mapping[str, TranscriptionEngine]


@dataclass(frozen=True)
class Mixed:
    """Sentences with something between them, and where they are."""

    sound: np.ndarray
    texts: list[str]
    spoken: list[Span]


def mixed(kinds: tuple[str, ...], seconds: float, seed: int = 1, *, every: int = 1) -> Mixed:
    """A sentence, some kinds, a sentence, ..., a sentence.

    Args:
        kinds: "" is digital silence.
        seconds: Of each.
        seed: Of the noises.
        every: So many kinds from one sentence to the next.
    """
    parts: list[np.ndarray] = []
    texts: list[str] = []
    spoken: list[Span] = []

    def say() -> None:
        begin = sum(map(len, parts)) / RATE_HZ
        texts.append(SENTENCES[len(texts) % len(SENTENCES)])
        clip = clips.joined(texts[-1:], lead_s=0.5, pause_s=0.5)
        spoken.append(Span(begin + clip.words[0].start, begin + clip.words[-1].end))
        parts.append(clip.samples)

    for at in range(0, len(kinds), every):
        say()
        parts += [nonspeech.make(kind or "silence", seconds, seed) for kind in kinds[at : at + every]]
    say()
    return Mixed(np.concatenate(parts), texts, spoken)


def heard(sound: np.ndarray, way: str, engines: Engines, folder: Path) -> Transcript:
    engine = engines["draft" if way == "draft" else "whisper"]
    (folder / "partial.jsonl").unlink(missing_ok=True)
    return clips.transcribed(sound, engine, WAYS[way], folder)


def assert_only_what_was_said(made: Transcript, what: Mixed) -> None:
    for segment in made.segments:
        for word in segment.words:
            assert any(span.start - 0.5 < word.start <= word.end < span.end + 0.5 for span in what.spoken), word
    for span in what.spoken:
        assert any(word.start < span.end and word.end > span.start for segment in made.segments for word in segment.words), span


@pytest.mark.parametrize(
    ("kinds", "way"),
    [
        pytest.param(kinds, way, id=f"{kinds[0]} to {kinds[-1]}-{way}", marks=[pytest.mark.long] * (at > 0 and way == "sequential"))
        for at, kinds in enumerate(PARTS)
        for way in ("batched", "sequential")
    ],
)
def test_sound_without_a_voice_gives_no_words_and_takes_none(
    kinds: tuple[str, ...], way: str, real_engines: Engines, tmp_path: Path
) -> None:
    what = mixed(kinds, 5, every=2)
    made = heard(what.sound, way, real_engines, tmp_path)
    assert [segment.text for segment in made.segments] == what.texts
    assert_only_what_was_said(made, what)
    assert made.gate.doubtful == 0


@pytest.fixture(scope="module")
def drafted(real_engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the draft engine makes of the sentences when there is silence between them."""
    return heard(mixed(("",) * 11, 1, every=6).sound, "draft", real_engines, tmp_path_factory.mktemp("quiet")).text


@pytest.mark.parametrize("kinds", PARTS, ids=lambda kinds: f"{kinds[0]} to {kinds[-1]}")
def test_draft_hears_as_many_words_with_other_sounds_as_without(
    kinds: tuple[str, ...], drafted: str, real_engines: Engines, tmp_path: Path
) -> None:
    what = mixed(kinds, 5, every=6)
    made = heard(what.sound, "draft", real_engines, tmp_path)
    assert_only_what_was_said(made, what)
    assert len(made.text.split()) >= 0.7 * len(drafted.split())  # other words, as it grows used to what it hears, but as many


@pytest.mark.parametrize("way", WAYS)
def test_recording_without_a_voice_says_no_speech(way: str, real_engines: Engines, tmp_path: Path) -> None:
    made = heard(np.concatenate([nonspeech.make(kind, 3, seed=2) for kind in KINDS]), way, real_engines, tmp_path)
    assert (made.text, made.language, made.language_probability) == ("", "", None)
    assert made.gate.speech_s == 0


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("way", WAYS)
def test_eighty_minutes_without_a_voice_give_no_words(way: str, real_engines: Engines, tmp_path: Path) -> None:
    seconds = 80 * 60 / len(KINDS)
    for kinds in PARTS:
        what = mixed(kinds, seconds, seed=3)
        made = heard(what.sound, way, real_engines, tmp_path)
        assert_only_what_was_said(made, what)
        if way != "draft":
            assert [segment.text for segment in made.segments] == what.texts
