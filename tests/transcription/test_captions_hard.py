"""Live captions against what people and machines do to them: repetitions, another language, tiny words, a computer that slept."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.transcription.live_kit import Clock, LiveEngine, live, speech, told, voices
from utils.transcription.captions import Captions
from utils.transcription.captions_rules import Past
from utils.transcription.contract import RATE_HZ, Samples, Segment, Span, Word

SENTENCES = ("no no no no.", "turn on the light.", "thank you very much.", "yes.", "no thank you.", "turn off the light.")


def spoken(sentences: Sequence[str], pauses: Sequence[float], *, word_s: float = 0.28, gap_s: float = 0.06) -> list[Word]:
    """One sentence after the other, each with the pause behind it."""
    made: list[Word] = []
    at = 0.5
    for sentence, pause_s in zip(sentences, pauses, strict=True):
        for text in sentence.split():
            made.append(Word(round(at, 2), round(at + word_s, 2), f" {text}", 0.9))
            at += word_s + gap_s
        at += pause_s
    return made


def texts(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()


def heard_text(words: Sequence[Word], *, cost_s: float = 0.1) -> str:
    clock, end = Clock(), words[-1].end + 1.0
    engine = LiveEngine(words, clock, cost_s=cost_s, voices=voices(words))
    return live(Captions(engine, language="en", clock=clock), told(end), clock).text


@pytest.mark.parametrize("pause_s", [0.06, 0.6, 0.9])
@pytest.mark.parametrize("sentence", ["thank you very much.", "no no no no.", "turn on the light."])
def test_sentence_said_twice_is_heard_twice(sentence: str, pause_s: float) -> None:
    words = spoken([said for n in range(6) for said in (sentence, sentence, f"and now number {n}.")], [pause_s] * 18)
    assert heard_text(words) == texts(words)


@pytest.mark.parametrize("seed", range(7))
def test_people_who_repeat_themselves_are_heard_word_by_word(seed: int) -> None:
    dice = random.Random(seed)
    said: list[str] = []
    while len(said) < 24:  # a sentence that comes three times is taken for a loop of the engine
        one = dice.choice(SENTENCES)
        said += [one] * dice.choice((1, 2)) if one not in said[-2:] else []
    words = spoken(said, [dice.choice((0.06, 0.3, 0.4, 0.6, 0.85, 1.2, 4.0)) for _ in said])
    assert heard_text(words, cost_s=dice.choice((0.05, 0.3, 1.2))) == texts(words)


def caught_up(sentences: Sequence[str], engine: type[LiveEngine] = LiveEngine) -> str:
    """What a job commits that goes on behind the first sentence, which is not settled, and finds all the others there."""
    clock, words = Clock(), spoken(sentences, [2.7] * len(sentences))
    first = words[: len(sentences[0].split())]
    past = Past(1, 0.0, tuple(first), first[-1].end, "en")
    captions = Captions(engine(words, clock, voices=voices(words)), language="en", clock=clock, past=past)
    captions.feed(told(words[-1].end + 1.5))
    found = [captions.step() for _ in range(8)] + [captions.finish()]
    return texts([word for caption in found if caption for word in caption.words])


def test_sentence_said_again_and_again_with_pauses_is_heard_by_a_job_that_catches_up() -> None:
    """A killed server's captions once had two of four: three alike in one piece of sound were taken for a loop."""
    said = "turn on the light in the kitchen."
    assert caught_up([said] * 3) == f"{said} {said}"


def test_doubtful_sentence_does_not_take_those_along_that_pauses_part_from_it() -> None:
    class Doubting(LiveEngine):
        def again(self, samples: Samples, language: str) -> list[Segment]:
            found = super().again(samples, language)
            return [replace(one, avg_logprob=-1.4) if "quite" in one.text else one for one in found]

        def decode(self, samples: Samples, spans: Sequence[Span], language: str) -> Iterator[Segment]:
            return iter([replace(one, avg_logprob=-1.4) for one in super().decode(samples, spans, language)])

    said = ["turn on the light.", "who knows what quite was said.", "thank you very much."]
    assert caught_up(said, Doubting) == said[2]
    assert caught_up(["quite so.", *said[2:]], Doubting) == ""  # committed words are in doubt: nothing can be laid beside them


def test_word_that_was_too_short_at_first_is_heard() -> None:
    words = [Word(1.9, 2.1, " yes", 0.9)]
    assert heard_text(words) == "yes"


def test_text_before_a_suspect_one_stays_on_the_screen_until_it_settles() -> None:
    clock, words = Clock(), speech(7)
    engine = LiveEngine(words, clock, voices=voices(words))

    def changed(segment: Segment) -> Segment:
        return replace(segment, avg_logprob=-1.4) if len(segment.words) > 8 else segment

    engine.changed = changed
    heard = live(Captions(engine, language="en", clock=clock), told(9), clock)
    assert heard.text == texts(words)  # listened to carefully, it was right
    shown = [caption.committed + caption.tentative for caption in heard.captions]
    assert all(shown)
    assert engine.agains == 1


def test_decoding_that_took_for_ever_once_does_not_slow_down_what_follows() -> None:
    clock, words = Clock(), speech(100, sentence=1_000)
    engine = LiveEngine(words, clock, voices=voices(words))
    captions = Captions(engine, language="en", clock=clock)
    sound, step = told(100), RATE_HZ // 5
    captions.feed(sound[: 10 * step])
    engine.cost_s = 3_600.0
    captions.step()
    engine.cost_s = 0.1
    before = engine.decodings
    for at in range(10 * step, len(sound), step):
        clock.now += 0.2
        captions.feed(sound[at : at + step])
        captions.step()
    assert engine.decodings - before > 100
    assert captions.cost_s < 0.2


# ---- another language --------------------------------------------------------------------------------------------------


def languages_used(given: str, *spoken_since: tuple[float, str]) -> list[str]:
    """What each decoding was done in, while fifteen sentences are said."""
    clock, words = Clock(), spoken([f"one two three four five six seven {n}." for n in range(15)], [0.9] * 15)
    engine = LiveEngine(words, clock, voices=voices(words))
    engine.languages = dict(spoken_since)
    heard = live(Captions(engine, language=given, clock=clock), told(words[-1].end + 1), clock)
    assert heard.text == texts(words)
    assert len(engine.asked) <= words[-1].end / 6  # it costs as much as a decoding
    return engine.calls


def test_language_that_changes_is_followed_once_it_was_heard_twice() -> None:
    used = languages_used("", (0.0, "nl"), (18.0, "en"))
    assert used[0] == "nl" and used[-1] == "en"
    assert used == sorted(used, reverse=True)  # once
    assert used.count("en") > used.count("nl") / 3


def test_language_that_was_given_stays_whatever_is_said() -> None:
    assert set(languages_used("nl", (0.0, "en"))) == {"nl"}


def test_one_sentence_in_another_language_changes_nothing() -> None:
    assert set(languages_used("", (0.0, "nl"), (20.0, "en"), (24.0, "nl"))) == {"nl"}


def test_language_is_known_after_so_much_unbroken_speech_however_unsure_the_engine_is() -> None:
    clock, words = Clock(), speech(25, sentence=1_000)
    engine = LiveEngine(words, clock, voices=voices(words))
    engine.detect = lambda samples: replace(LiveEngine.detect(engine, samples), probability=0.4)  # type: ignore[method-assign]
    heard = live(Captions(engine, clock=clock), told(25), clock)
    first = next(at for caption, at in zip(heard.captions, heard.at, strict=True) if caption.words)
    assert first < 11
    assert heard.text == texts(words)
