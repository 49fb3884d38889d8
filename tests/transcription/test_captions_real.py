"""Live captions with real engines: words of real speech, and none without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.transcription import clips, nonspeech
from tests.transcription.live_kit import Clock, Heard, live
from utils.transcription.captions import Captions
from utils.transcription.captions_rules import DRAFT, WHISPER, Rules, live_request
from utils.transcription.contract import TranscriptionEngine

Engines = Mapping[str, TranscriptionEngine]
KINDS = tuple(nonspeech.KINDS)
SLOW = replace(WHISPER, step_s=1.0)  # half as many decodings as live


def heard(sound: np.ndarray, engine: TranscriptionEngine, rules: Rules, *, language: str = "en") -> Heard:
    decoding = engine.open(live_request(language, engine=engine.name), note=lambda sentence: None, check=lambda: None)
    try:
        clock = Clock()
        return live(Captions(decoding, language=language, rules=rules, clock=clock), sound, clock)
    finally:
        decoding.close()


def test_whisper_commits_each_sentence_as_it_was_said(whisper: TranscriptionEngine) -> None:
    said = clips.joined(["Turn on the light in the kitchen.", "Thank you very much."], pause_s=1.0)
    found = heard(said.samples, whisper, SLOW)
    assert found.text == said.text
    assert len(found.captions) >= 3
    for word, spoken in zip(found.words, said.words, strict=True):
        assert word.start == pytest.approx(spoken.start, abs=0.5)


def test_language_is_found_while_somebody_speaks(whisper: TranscriptionEngine) -> None:
    said = clips.joined(["Das Treffen ist am Freitag um drei Uhr."], voice="de")
    found = heard(said.samples, whisper, SLOW, language="")
    assert found.text == said.text
    assert found.captions[-1].language == "de"


def test_draft_engine_shows_words_while_somebody_speaks_and_commits_some(real_engines: Engines) -> None:
    said = clips.joined(["Turn on the light in the kitchen.", "Go forward ten meters."], pause_s=1.0)
    found = heard(said.samples, real_engines["draft"], DRAFT)
    assert len(found.words) >= 5  # wrong ones: it does not know this voice
    assert found.captions[0].at < said.words[6].end
    assert found.captions[0].tentative


@pytest.mark.parametrize("kind", KINDS)
def test_sound_without_a_voice_commits_no_words(kind: str, whisper: TranscriptionEngine) -> None:
    assert heard(np.asarray(nonspeech.make(kind, 4, seed=5), np.float32), whisper, WHISPER).captions == []


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("engine", ["whisper", "draft"])
@pytest.mark.parametrize("kind", KINDS)
def test_ten_minutes_without_a_voice_commit_no_words(kind: str, engine: str, real_engines: Engines) -> None:
    sound = np.asarray(nonspeech.make(kind, 600, seed=6), np.float32)
    assert heard(sound, real_engines[engine], DRAFT if engine == "draft" else WHISPER).words == []


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("pause_s", [0.3, 0.8, 2.0])
def test_many_sentences_are_committed_nearly_as_they_were_said(pause_s: float, whisper: TranscriptionEngine) -> None:
    said = clips.joined(clips.drawn(40, seed=4), pause_s=pause_s)
    assert clips.wer(said.text, heard(said.samples, whisper, WHISPER).text) <= 8
