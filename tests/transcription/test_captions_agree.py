"""LocalAgreement-2: what is committed never changes, never repeats at a cut, and ends as the last text that was heard."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from utils.transcription.captions_agree import Agreement, behind
from utils.transcription.contract import Word

VOCABULARY = ("the", "light", "on", "turn", "off", "no", "fan", "in", "garden", "you")


def said(text: str, *, at: float = 0.0, word_s: float = 0.3) -> list[Word]:
    return [Word(at + i * word_s, at + (i + 1) * word_s, f" {token}", 0.9) for i, token in enumerate(text.split())]


def texts(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()


def test_word_heard_twice_is_committed_and_the_rest_stays_tentative() -> None:
    agreement = Agreement()
    assert agreement.hear(said("turn on the lie")) == ()
    assert texts(agreement.hear(said("turn on the light in"))) == "turn on the"
    assert texts(agreement.tentative) == "light in"
    assert texts(agreement.hear(said("turn on the light in the garden"))) == "light in"


def test_agreement_does_not_mind_case_and_punctuation_and_takes_the_later_form() -> None:
    agreement = Agreement()
    agreement.hear(said("turn on the light."))
    assert texts(agreement.hear(said("Turn on the light, please"))) == "Turn on the light,"


def test_word_at_the_end_of_the_sound_is_not_committed_although_both_agree() -> None:
    agreement = Agreement()
    agreement.hear(said("turn on the light"))
    assert texts(agreement.hear(said("turn on the light"), sure_until_s=1.0)) == "turn on the"
    assert texts(agreement.hear(said("turn on the light"))) == "light"


def test_committed_word_heard_otherwise_later_stays_and_is_not_said_again() -> None:
    agreement = Agreement()
    agreement.hear(said("turn on the fan"))
    agreement.hear(said("turn on the fan in"))
    assert texts(agreement.hear(said("turn of the van in the"))) == "in"
    assert texts(agreement.held) == "turn on the fan in"
    assert texts(agreement.force()) == "the"


@pytest.mark.parametrize(
    ("heard", "count"),
    [
        ("a b c", 3), ("a b c d", 3), ("a x b c d", 4), ("a c d", 2), ("x b c d", 3),
        ("a b", 2), ("", 0), ("d e", 0), ("a b x d", 3),
    ],
)  # fmt: skip
def test_what_stands_for_the_committed_words_is_found_by_fewest_changes(heard: str, count: int) -> None:
    shift = {"d e": 0.9}.get(heard, 0.0)  # the sound of the committed words is not heard any more: nothing stands for them
    assert behind(said("a b c"), said(heard, at=shift)) == count


def test_repeated_word_is_no_repetition_of_the_seam() -> None:
    agreement = Agreement()
    for text in ("no no", "no no no", "no no no"):
        agreement.hear(said(text))
    assert texts(agreement.held) == "no no no"
    agreement.trim(0.9)
    agreement.hear(said("no thanks", at=1.5))
    assert texts(agreement.force()) == "no thanks"


def test_rest_of_a_word_behind_a_cut_is_not_said_again() -> None:
    agreement = Agreement(said("turn on the light"), begin_s=1.2)
    agreement.hear([Word(1.2, 1.32, " light"), *said("in the garden", at=1.4)])
    assert texts(agreement.force()) == "in the garden"


def test_sentence_that_was_heard_twice_before_the_cut_is_said_twice() -> None:
    for before, rest in (("thank you very much thank you", "thank you very much"), ("thank you very much so", "")):
        agreement = Agreement()
        agreement.hear(said("thank you very much"))
        agreement.hear(said("thank you very much"))
        agreement.hear(said(before))
        agreement.trim(1.2)
        made = agreement.hear(said("thank you very much", at=1.25))
        assert texts([*made, *agreement.force()]) == rest  # nothing: it is what is left of the sound


def test_nothing_is_left_of_what_was_said_before_a_pause() -> None:
    agreement = Agreement()
    agreement.hear(said("thank you very much"))
    agreement.hear(said("thank you very much"))
    agreement.trim(1.4, clean=True)
    agreement.hear(said("thank you very much", at=1.45))
    assert texts(agreement.force()) == "thank you very much"


def test_cut_lies_behind_the_last_sentence_else_behind_the_last_word() -> None:
    agreement = Agreement()
    assert agreement.cut(0.0) is None
    for _ in range(2):
        agreement.hear(said("good night. turn on the"))
    assert np.allclose(agreement.cut(0.0) or (), (0.6, 0.6))
    assert np.allclose(agreement.cut(1.0) or (), (1.5, 1.8))


def test_forced_words_end_before_the_place_that_is_given() -> None:
    agreement = Agreement()
    agreement.hear(said("turn on the light"))
    assert texts(agreement.force(0.95)) == "turn on the"
    assert texts(agreement.tentative) == "light"


# ---- random streams ---------------------------------------------------------------------------------------------------


def stream(dice: random.Random, truth: Sequence[Word]) -> Iterator[tuple[list[Word], float]]:
    """What an engine hears of a growing sound: right but for the end, times a little off; and how far the sound reaches."""
    reach, number = 0.0, 0
    while reach < truth[-1].end + 1.0:
        reach += dice.uniform(0.3, 2.0)
        sure = [word for word in truth if word.end < reach - 0.6]
        unsure = [word for word in truth if word.end >= reach - 0.6 and word.start < reach]
        heard = []
        for word in sure:
            off = dice.uniform(-0.08, 0.08)
            heard.append(Word(word.start + off, word.end + off, dice.choice((word.text, word.text.upper(), f"{word.text},")), 0.9))
        for word in unsure:  # wrong, left out, or too many, never twice the same
            for _ in range(dice.choice((0, 1, 1, 2))):
                number += 1
                heard.append(Word(word.start, word.end, f" wrong{number}", 0.4))
        yield heard, reach
    yield list(truth), reach


def plain(words: Sequence[Word]) -> list[str]:
    return [word.text.strip(" ,").lower() for word in words]


@pytest.mark.parametrize("seed", range(60))
def test_random_streams_commit_each_word_once_and_end_as_the_last_one_heard(seed: int) -> None:
    dice = random.Random(seed)
    truth: list[Word] = []
    at = 0.0
    for _ in range(60):
        length = dice.uniform(0.25, 0.6)
        truth.append(Word(at, at + length, f" {dice.choice(VOCABULARY)}", 0.9))
        at += length + dice.choice((0.02, 0.02, 0.05, 0.3))
    committed: list[Word] = []
    agreement, begin = Agreement(), 0.0
    for heard, reach in stream(dice, truth):
        before = list(committed)
        committed += agreement.hear([word for word in heard if (word.start + word.end) / 2 > begin], sure_until_s=reach)
        assert committed[: len(before)] == before
        assert plain(committed) == plain(truth[: len(committed)])
        place = agreement.cut(begin) if dice.random() < 0.3 else None
        if place is not None:
            begin = sum(place) / 2
            agreement.trim(begin)
    committed += agreement.force()
    assert plain(committed) == plain(truth)


@pytest.mark.parametrize("seed", range(60))
def test_any_streams_only_append_and_end_with_what_the_last_text_says_behind_it(seed: int) -> None:
    dice = random.Random(seed)
    committed: list[Word] = []
    agreement = Agreement()
    for _ in range(30):
        heard = said(
            " ".join(dice.choices(VOCABULARY, k=dice.randrange(12))), at=dice.uniform(0, 0.2), word_s=dice.uniform(0.1, 0.5)
        )
        before, held = len(committed), agreement.held
        committed += agreement.hear(heard)
        assert agreement.held == (*held, *committed[before:])
        rest = [*committed[before:], *agreement.tentative]
        assert rest == heard[len(heard) - len(rest) :]  # the end of the last text, word by word
        if dice.random() < 0.1:
            committed += agreement.force()
    last = agreement.tentative
    assert agreement.force() == last
    assert agreement.tentative == ()
