"""Live captions over an engine that hears what a list says: what is committed, when, and how much sound is kept."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.transcription import nonspeech
from tests.transcription.live_kit import Clock, LiveEngine, live, speech, told, voices
from utils.transcription.captions import Captions
from utils.transcription.captions_file import past_of
from utils.transcription.captions_rules import DRAFT, WHISPER, Caption, Past
from utils.transcription.contract import RATE_HZ, Span, Word

PAUSES = [Span(5, 6.5), Span(12, 12.4), Span(20, 24), Span(33, 34.2)]


def texts(words: list[Word]) -> str:
    return "".join(word.text for word in words).strip()


def test_words_are_committed_once_in_order_soon_after_they_are_said() -> None:
    clock, words = Clock(), speech(30, pauses=PAUSES)
    engine = LiveEngine(words, clock, cost_s=0.2, voices=voices(words))
    heard = live(Captions(engine, language="en", clock=clock), told(30), clock)
    assert heard.text == texts(words)
    assert [caption.n for caption in heard.captions] == list(range(1, len(heard.captions) + 1))
    assert heard.captions[-1].tentative == ""
    settled = [caption.settled for caption in heard.captions]
    assert settled == sorted(settled)
    late = sorted(now - word.end for caption, now in zip(heard.captions, heard.at, strict=True) for word in caption.words)
    assert late[len(late) // 2] <= 1.5
    assert max(late) <= 3.0


def test_silence_commits_what_was_said_without_another_decoding() -> None:
    clock, words = Clock(), speech(3.5)
    engine = LiveEngine(words, clock, voices=voices(words))
    captions = Captions(engine, language="en", clock=clock)
    heard = live(captions, told(10), clock, finish=False)
    assert heard.text == texts(words)
    assert heard.at[-1] <= words[-1].end + WHISPER.silence_s + 0.5
    assert max(span.end for span in engine.decoded) <= words[-1].end + 0.3
    assert engine.decodings <= 3.5 / WHISPER.step_s


def test_silence_is_never_decoded_and_hardly_kept() -> None:
    clock = Clock()
    engine = LiveEngine([], clock, voices=[])
    captions = Captions(engine, language="en", clock=clock)
    assert live(captions, told(30), clock).captions == []
    assert engine.decodings == 0
    captions.feed(told(2)[: RATE_HZ // 10])
    assert captions.step() is None


def test_unbroken_speech_is_committed_and_the_sound_that_is_kept_stays_short() -> None:
    clock, words = Clock(), speech(35, sentence=1_000)
    engine = LiveEngine(words, clock)
    heard = live(Captions(engine, language="en", clock=clock), told(35), clock)
    assert heard.text == texts(words)
    assert max(span.end - span.start for span in engine.decoded) <= WHISPER.full_s
    assert max(caption.at - caption.settled for caption in heard.captions) <= WHISPER.full_s


def test_text_that_never_agrees_is_committed_when_the_sound_is_full() -> None:
    clock, words = Clock(), speech(30, sentence=1_000)
    engine = LiveEngine(words, clock)
    turn = iter(range(10_000))

    def other(segment):  # type: ignore[no-untyped-def]
        number = next(turn)
        return replace(segment, words=tuple(replace(word, text=f"{word.text}x{number}") for word in segment.words))

    engine.changed = other
    heard = live(Captions(engine, language="en", clock=clock), told(30), clock)
    assert [word.text.split("x")[0] for word in heard.words] == [word.text for word in words]
    assert max(caption.at - caption.settled for caption in heard.captions) <= WHISPER.full_s + 1.0


@pytest.mark.parametrize("cost_s", [0.8, 2.5, 6.0])
def test_lag_does_not_grow_when_the_engine_is_slow(cost_s: float) -> None:
    clock, words = Clock(), speech(70, pauses=PAUSES, sentence=12)
    engine = LiveEngine(words, clock, cost_s=cost_s, voices=voices(words))
    heard = live(Captions(engine, language="en", clock=clock), told(70), clock)
    assert heard.text == texts(words)
    lag = [now - caption.at for caption, now in zip(heard.captions, heard.at, strict=True)]
    assert max(lag[len(lag) // 2 :]) <= max(lag[: len(lag) // 2]) + 2.0
    assert max(lag) <= 2 * cost_s + 1.0
    assert engine.decodings * cost_s <= 0.9 * 70


def test_sound_that_stops_coming_commits_all_but_a_word_that_may_be_cut() -> None:
    clock, words = Clock(), speech(20)
    engine = LiveEngine(words, clock, voices=voices(words))
    captions = Captions(engine, language="en", clock=clock)
    end = words[7].start + 0.1
    heard = live(captions, told(20)[: int(end * RATE_HZ)], clock, finish=False)
    for _ in range(50):
        clock.now += 0.1
        heard.add(captions.step(), clock.now)
    assert heard.text == texts(words[:6])
    captions.feed(told(20)[int(end * RATE_HZ) :])
    while captions.waiting_s:
        heard.add(captions.step(), clock.now)
    heard.add(captions.finish(), clock.now)
    assert heard.text == texts(words)


def test_sound_that_waits_in_one_piece_is_heard_to_its_end() -> None:
    clock, words = Clock(), speech(70, pauses=PAUSES)
    captions = Captions(LiveEngine(words, clock, voices=voices(words)), language="en", clock=clock)
    captions.feed(told(70))
    found = captions.finish()
    assert found is not None
    assert found.n == 1
    assert found.committed.strip() == texts(words)


def test_skipped_sound_is_told_and_what_follows_is_heard() -> None:
    clock, words = Clock(), speech(60, pauses=[Span(9.5, 11), Span(39, 41)])
    captions = Captions(LiveEngine(words, clock, voices=voices(words)), language="en", clock=clock)
    sound = told(60)
    captions.feed(sound[: 10 * RATE_HZ])
    found = captions.step()
    before = found.committed if found else ""
    skipped = captions.skip_to(40.0)
    assert skipped is not None
    assert skipped.skipped is not None
    assert 7.0 < skipped.skipped.start <= 8.0
    assert skipped.skipped.end == 40.0
    captions.feed(sound[40 * RATE_HZ :])
    rest = captions.finish()
    assert rest is not None
    assert rest.committed.strip() == texts([word for word in words if word.start > 40])
    assert (before + skipped.committed).strip() == texts([word for word in words if word.end <= skipped.skipped.start + 0.1])


# ---- the gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scores",
    [{"avg_logprob": -1.4, "no_speech_prob": 0.9}, {"avg_logprob": -1.2}, {"text": "la " * 40, "compression_ratio": 9.0}],
)
def test_suspect_text_is_neither_shown_nor_committed_but_decoded_again(scores: dict[str, Any]) -> None:
    clock, words = Clock(), speech(4)
    engine = LiveEngine(words, clock, voices=voices(words))
    engine.changed = lambda segment: replace(segment, **scores)
    heard = live(Captions(engine, language="en", clock=clock), told(8), clock)
    assert engine.agains == 1
    assert heard.text == texts(words)  # the second time it is not suspect
    assert len(heard.captions) == 1


def test_text_that_stays_suspect_is_left_to_the_final_pass() -> None:
    clock, words = Clock(), speech(4)
    engine = LiveEngine(words, clock, voices=voices(words))
    engine.changed = lambda segment: replace(segment, avg_logprob=-1.4)
    engine.again = lambda samples, language: [  # type: ignore[method-assign]
        replace(segment, avg_logprob=-1.4) for segment in LiveEngine(words, clock).decode(samples, [Span(0, 3)], language)
    ]
    assert live(Captions(engine, language="en", clock=clock), told(8), clock).captions == []


@pytest.mark.parametrize("kind", ["tremolo", "tone", "chord", "hum", "silence"])
def test_sound_that_does_not_change_as_a_voice_does_is_not_decoded(kind: str) -> None:
    clock = Clock()
    engine = LiveEngine([], clock)
    engine.decode = lambda *_: pytest.fail("decoded")  # type: ignore[method-assign]
    captions = Captions(engine, language="en", clock=clock)
    heard = live(captions, np.asarray(nonspeech.make(kind, 12, 1), np.float32), clock)
    assert heard.captions == []
    assert captions.at_s > 11


def test_draft_words_without_a_voice_are_left_out() -> None:
    clock, words = Clock(), speech(12)
    heard_voices = [Span(0.3, 4.0)]
    engine = LiveEngine(words, clock, voices=heard_voices)
    heard = live(Captions(engine, language="en", clock=clock, rules=DRAFT), told(12), clock)
    assert heard.words
    assert all(word.start < 4.0 for word in heard.words)


# ---- language ---------------------------------------------------------------------------------------------------------


def test_language_is_found_once_and_stays() -> None:
    clock, words = Clock(), speech(30, pauses=PAUSES)
    engine = LiveEngine(words, clock, voices=voices(words))
    engine.languages = {0.0: "nl", 10.0: "en"}
    heard = live(Captions(engine, clock=clock), told(30), clock)
    assert heard.text == texts(words)
    assert set(engine.calls) == {"nl"}
    assert len(engine.asked) < 8
    assert heard.captions[-1].language == "nl"


def test_nothing_is_committed_in_a_language_that_is_only_guessed_before_it_settles() -> None:
    clock, words = Clock(), speech(10, pauses=[Span(3.0, 6.0)])
    engine = LiveEngine(words, clock, voices=voices(words))
    engine.detect = lambda samples: replace(LiveEngine.detect(engine, samples), probability=0.4)  # type: ignore[method-assign]
    heard = live(Captions(engine, clock=clock), told(10), clock)
    first = next(caption for caption in heard.captions if caption.words)
    assert first.at >= 3.0 + WHISPER.silence_s - 0.3
    assert heard.text == texts(words)


# ---- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_captions_go_on_wherever_they_were_killed_without_gap_or_repetition(seed: int) -> None:
    dice = random.Random(seed)
    words = speech(40, pauses=PAUSES, sentence=dice.choice((5, 1_000)))
    sound, kept, past = told(40), [], Past()
    for stop in [*sorted(dice.uniform(1, 39) for _ in range(3)), 40.0]:
        clock = Clock(past.settled)
        engine = LiveEngine(words, clock, voices=voices(words))
        captions = Captions(engine, language="en", clock=clock, past=past)
        end = int(stop * RATE_HZ)
        heard = live(captions, sound[:end], clock, begin_s=past.settled, finish=stop == 40.0)
        kept += [Caption.from_dict(json.loads(json.dumps(caption.as_dict()))) for caption in heard.captions]
        past = past_of(kept)
    assert [caption.n for caption in kept] == list(range(1, len(kept) + 1))
    assert "".join(caption.committed for caption in kept).strip() == texts(words)
