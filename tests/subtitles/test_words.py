"""Marks -> words with times."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.speech.contract import Mark
from utils.subtitles import script, words_from_marks
from utils.subtitles.script import Break


@dataclass(frozen=True)
class Case:
    text: str
    words: list[str]


CASES = [
    Case("Hello, big world.", ["Hello,", "big", "world."]),
    Case("今天好。走吧！", ["今", "天", "好。", "走", "吧！"]),
    Case("「はい」と、言った。", ["「は", "い」", "と、", "言っ", "た。"]),
    Case("東京Tokyo2020です", ["東", "京", "Tokyo2020", "で", "す"]),
    Case("เก่าไป", ["เก่า", "ไป"]),
    Case("नमस्ते दुनिया।", ["नमस्ते", "दुनिया।"]),
    Case("안녕하세요 세계", ["안녕하세요", "세계"]),
    Case("مرحبا بالعالم؟", ["مرحبا", "بالعالم؟"]),
    Case("a" * 50, ["a" * 42, "a" * 8]),
    Case("👩🏽‍🚀 e\u0301", ["👩🏽‍🚀", "e\u0301"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text[:12])
def test_words_are_cut_as_the_script_wants(case: Case) -> None:
    assert [word.text for word in words_from_marks([Mark(0, 1, case.text, 0)])] == case.words


@settings(deadline=None)
@given(st.lists(st.text(max_size=80), max_size=6))
def test_words_any_text_loses_nothing_and_times_never_go_back(texts: list[str]) -> None:
    marks = [Mark(number, number + 0.9, text, number) for number, text in enumerate(texts)]
    words = words_from_marks(marks)
    visible = [char for text in texts for char in text if not char.isspace() and unicodedata.category(char) not in ("Cc", "Cs")]
    assert [char for word in words for char in word.text] == visible
    at = 0.0
    for word in words:
        assert at <= word.start <= word.end
        assert word.text and script.width(word.text) <= 42
        at = word.end
    for mark in marks:
        own = [word for word in words if word.part == mark.part]
        if own:
            assert (own[0].start, own[-1].end) == (mark.start, mark.end)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 50), st.floats(-5, 50)), max_size=8))
def test_words_of_disordered_marks_are_still_in_order(times: list[tuple[float, float]]) -> None:
    words = words_from_marks([Mark(start, end, "one two", 0) for start, end in times])
    flat = [at for word in words for at in (word.start, word.end)]
    assert flat == sorted(flat) and all(at >= 0 for at in flat)


def test_words_of_a_piece_share_its_time_by_length() -> None:
    words = words_from_marks([Mark(2.0, 4.0, "I understand 42 things, yes.", 0)])
    lengths = {word.text: word.end - word.start for word in words}
    assert lengths["understand"] > lengths["I"] * 3
    assert lengths["42"] > lengths["I"] * 2
    assert lengths["things,"] > lengths["yes."]


def test_words_between_chinese_pieces_there_is_no_space_elsewhere_there_is() -> None:
    def spaces(first: str, second: str) -> bool:
        return words_from_marks([Mark(0, 1, first, 0), Mark(1, 2, second, 0)])[-1].space

    assert not spaces("好。", "走")
    assert spaces("good.", "go")
    assert spaces("走", "go")
    assert spaces("ไป", "มา")


@pytest.mark.parametrize(
    "text, following, expected",
    [
        ("done.", "Next", Break.SENTENCE),
        ("done.”", "Next", Break.SENTENCE),
        ("Dr.", "Smith", Break.WORD),
        ("J.", "Smith", Break.WORD),
        ("approx.", "half", Break.WORD),
        ("z.B.", "Tee", Break.WORD),
        ("etc.", "", Break.SENTENCE),
        ("really?", "yes", Break.SENTENCE),
        ("well,", "yes", Break.CLAUSE),
        ("یہ۔", "اور", Break.SENTENCE),
        ("है।", "और", Break.SENTENCE),
        ("نعم،", "لا", Break.CLAUSE),
        ("word", "word", Break.WORD),
        ("”", "word", Break.WORD),
    ],
)
def test_break_after_knows_ends_from_abbreviations(text: str, following: str, expected: Break) -> None:
    assert script.break_after(text, following) is expected


@pytest.mark.parametrize("text, expected", [("abc", 3), ("日本", 4), ("e\u0301", 1), ("ｱ", 1), ("Ａ", 2), ("", 0), ("\u200f", 0)])
def test_width_counts_columns(text: str, expected: int) -> None:
    assert script.width(text) == expected
