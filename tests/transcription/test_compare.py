"""Word error rate: what counts as a word, what as the same, and the figures beside jiwer's."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcription.spoken import STORY, TEXTS
from utils.transcription.compare import Piece, compare, normalised
from utils.transcription.compare_numbers import _table, number_at

SAME = [
    ("en", "It's twenty-three o'clock, DON\u2019T go!", "its 23 oclock dont go"),
    ("en", "one hundred and five cats", "105 cats"),
    ("en", "twenty three thousand and five", "23,005"),
    ("en", "two thousand three hundred", "2300"),
    ("en", "one, two, three", "1 2 3"),
    ("en", "three point five percent", "3.5 %"),
    ("en", "a well-known fact", "A well known fact."),
    ("en", "007", "seven"),
    ("de", "Dreiundzwanzig Straßen", "23 STRASSEN"),
    ("de", "zweitausenddreihundert Häuser", "2.300 Häuser"),
    ("de", "eintausendundeins und hundertfünf", "1001 und 105"),
    ("de", "drei Komma fünf Prozent", "3,5 %"),
    ("fr", "l\u2019homme a quatre-vingt-dix-neuf ans", "L' homme a 99 ans"),
    ("fr", "soixante et onze, vingt et un, quatre-vingts", "71, 21, 80"),
    ("fr", "deux mille trois cents", "2.300"),
    ("es", "Treinta y tres, mil doscientos, veintitrés", "33, 1.200, 23"),
    ("es", "cien por ciento", "100 %"),
    ("zh", "今天天气很好，真的。", "今天 天气 很好 真的"),
    ("ar", "كانَ الطقسُ جميلاً", "كان الطقس جميلا"),
    ("xx", "Ｆｕｌｌ　ｗｉｄｔｈ １２", "full width 12"),
    ("hi", "नमस्ते, दुनिया।", "नमस्ते दुनिया"),
    ("", "café", "cafe\u0301"),
]


@pytest.mark.parametrize(("language", "one", "other"), SAME)
def test_compare_ways_to_write_the_same_are_the_same(language: str, one: str, other: str) -> None:
    found = compare(one, other, language)
    assert found.wer == 0, (normalised(one, language), normalised(other, language))
    assert found.differing == ()


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "one two", "12"),
        ("en", "forty, two", "42"),
        ("es", "treinta y tres, mil doscientos", "34200"),
        ("en", "3.5", "35"),
        ("en", "1,5", "15"),
        ("de", "1,234", "1.234"),
        ("en", "cafe", "café"),
        ("", "twenty three", "23"),
    ],
)
def test_compare_what_differs_is_not_made_the_same(language: str, one: str, other: str) -> None:
    assert compare(one, other, language).wer > 0


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_numbers_every_one_below_ten_thousand_has_one_reading(language: str) -> None:
    words = {}
    for spoken, number in _table(language).items():
        assert number_at(list(spoken), 0, language) == (number, len(spoken))
        words[number] = spoken
    assert sorted(words) == list(range(1000))
    assert number_at(["nothing"], 0, language) is None


def test_compare_counts_and_shows_what_differs() -> None:
    found = compare("The quick brown Fox jumps.", "The quack brown red fox", "en")
    assert (found.words, found.substitutions, found.deletions, found.insertions) == (5, 1, 1, 1)
    assert found.wer == pytest.approx(0.6)
    assert found.pieces == (
        Piece("same", "The", "The"),
        Piece("other", "quick", "quack"),
        Piece("same", "brown", "brown"),
        Piece("added", "", "red"),
        Piece("same", "Fox", "fox"),
        Piece("missing", "jumps", ""),
    )
    assert compare("今天天气", "今天空气", "zh").differing == (Piece("other", "天", "空"),)
    assert found.as_dict()["pieces"][1] == {"kind": "other", "reference": "quick", "heard": "quack"}


def test_compare_with_nothing() -> None:
    assert compare("", "", "en").wer == 0
    assert compare(" ... ", "words", "en").wer == 1
    assert compare("words here", "", "en") == compare("words here", "?!", "en")
    assert compare("words here", "", "en").wer == 1


WORDS = st.lists(st.sampled_from([*STORY.split()[:25], "twenty", "three", "23", "thousand", "l'homme", "天", "3.5"]), max_size=25)


@settings(max_examples=200, deadline=None)
@given(WORDS.map(" ".join), WORDS.map(" ".join), st.sampled_from(["en", "de", "fr", ""]))
def test_compare_agrees_with_jiwer(reference: str, heard: str, language: str) -> None:
    found = compare(reference, heard, language)
    keys = normalised(reference, language)
    assert found.words == len(keys.split())
    if not keys:
        return
    theirs = jiwer.process_words(keys, normalised(heard, language))
    assert found.wer == pytest.approx(theirs.wer)
    assert found.substitutions + found.deletions + found.insertions == theirs.substitutions + theirs.deletions + theirs.insertions
    assert sum(len(piece.reference.split()) > 0 for piece in found.pieces) <= found.words


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["en", "de", "fr", "es", "zh", ""]))
def test_compare_any_text_equals_itself(text: str, language: str) -> None:
    assert compare(text, text, language).wer == 0
    assert compare(text, text.upper(), "").words == len(normalised(text, "").split())


@pytest.mark.parametrize("language", TEXTS)
def test_compare_long_texts_are_compared(language: str) -> None:
    text = (TEXTS[language] + " ") * 40
    found = compare(text, text.replace(text[2], ""), language)
    assert found.words > 200 and 0 < found.wer < 1
