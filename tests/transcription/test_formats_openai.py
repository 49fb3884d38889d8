"""Transcripts as OpenAI's client reads them: fields, numbers where an engine has none, text that grows."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from openai.types.audio import TranscriptionVerbose, TranslationVerbose
from openai.types.audio.transcription import Transcription

from tests.transcription.spoken import CHINESE, STORY, interview, segment, spoken, transcript
from utils.transcription import formats_openai as openai
from utils.transcription.contract import Segment, Word

BARE = Segment(1.0, 2.5, "Good morning.", (Word(1.0, 1.4, " Good"), Word(1.4, 2.5, " morning.")))


def test_verbose_is_what_the_client_declares_down_to_the_types() -> None:
    told = openai.verbose(interview(12), ("word", "segment"), "English")
    read = TranscriptionVerbose.model_validate(told, strict=True)
    assert read.segments is not None and read.words is not None and read.usage is not None
    assert (read.language, len(read.segments), read.usage.seconds) == ("english", 12, read.duration)
    assert told["task"] == "transcribe" and set(told["segments"][0]) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob",
    }  # fmt: skip
    assert read.text == " ".join(part.text for part in read.segments)
    assert [part.id for part in read.segments] == list(range(12))
    assert " ".join(word.word for word in read.words) == read.text


@pytest.mark.parametrize(
    ("wanted", "there"), [(("word",), {"words"}), (("segment",), {"segments"}), (("word", "segment"), {"words", "segments"})]
)
def test_verbose_holds_the_times_that_were_asked_for(wanted: tuple[str, ...], there: set[str]) -> None:
    assert set(openai.verbose(spoken(STORY), wanted, "English")) & {"words", "segments"} == there


def test_scores_that_an_engine_does_not_know_are_numbers_all_the_same() -> None:
    found = transcript(BARE, replace(BARE, avg_logprob=math.nan, words=(Word(1.0, 1.5, " Good", 0.5), Word(1.5, 2, " day", 0.0))))
    first, second = openai.verbose(found, ("segment",), "")["segments"]
    assert (first["avg_logprob"], first["no_speech_prob"], first["temperature"]) == (0.0, 0.0, 0.0)
    assert first["compression_ratio"] == pytest.approx(13 / 21, abs=0.01)  # of so short a text, zlib makes a longer one
    assert second["avg_logprob"] < -100
    json.dumps(openai.verbose(found, ("segment", "word"), ""), allow_nan=False)


def test_plain_tells_text_language_and_length() -> None:
    told = openai.plain(spoken(STORY), logprobs=False)
    assert Transcription.model_validate(told, strict=True).text == " ".join(STORY.split())
    assert told["languages"] == [{"code": "en"}] and told["usage"]["type"] == "duration" and "logprobs" not in told


def test_translation_is_its_text_and_its_verbose_form_is_english() -> None:
    found = replace(spoken(STORY), task="translate")
    assert set(openai.plain(found, logprobs=False)) == {"text"}
    assert TranslationVerbose.model_validate(openai.verbose(found, ("segment",), "English")).language == "english"


def test_nobody_spoke_is_empty_and_no_language_is_made_up() -> None:
    nothing = replace(transcript(seconds=3.0), language="")
    assert openai.plain(nothing, logprobs=True) == {
        "text": "", "languages": [], "logprobs": [], "usage": {"type": "duration", "seconds": 3.0},
    }  # fmt: skip
    assert openai.verbose(nothing, ("segment", "word"), "")["segments"] == []


def test_logprobs_are_those_of_words_and_join_to_the_text() -> None:
    told = openai.plain(spoken(STORY), logprobs=True)
    assert "".join(entry["token"] for entry in told["logprobs"]).strip() == told["text"]
    assert all(entry["logprob"] == pytest.approx(math.log(0.9)) for entry in told["logprobs"])
    assert bytes(told["logprobs"][1]["bytes"]).decode() == told["logprobs"][1]["token"]
    assert openai.logprobs_of([BARE]) == []  # an engine that cannot tell


@pytest.mark.parametrize("texts", [["One.", "", "Two."], [CHINESE[:6], CHINESE[6:]], ["A\x00b", "\ud800c", "x\ny"]])
def test_text_that_grows_is_the_text_that_is_whole(texts: list[str]) -> None:
    parts = [Segment(float(at), at + 1.0, text) for at, text in enumerate(texts)]
    text = openai.Text()
    deltas = [text.add(part) for part in parts]
    whole = openai.text_of(transcript(*parts))
    assert "".join(deltas) == text.whole == whole
    assert "  " not in whole and "\n" not in whole
    whole.encode()


def test_texts_without_spaces_are_joined_without_one() -> None:
    assert openai.text_of(transcript(segment(CHINESE[:6]), segment(CHINESE[6:], at=5.0), language="zh")) == CHINESE


def test_last_event_holds_the_whole_text() -> None:
    found = interview(3)
    assert openai.done(found, logprobs=False) == {
        "type": "transcript.text.done", "text": openai.text_of(found), "languages": [{"code": "en"}],
    }  # fmt: skip
    told = openai.delta(" more", found.segments[:1], logprobs=True)
    assert (told["type"], told["delta"], len(told["logprobs"])) == (
        "transcript.text.delta", " more", len(found.segments[0].words),
    )  # fmt: skip
