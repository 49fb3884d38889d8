"""The packer: nothing lost, nothing doubled, within the limit, few pieces, cut where it makes sense."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.speech.prose import prose
from utils.speech.marks import TIGHT, UNSPACED
from utils.speech.pack import pack

ANY_TEXT = st.text(max_size=700) | st.text(alphabet="ab .,!?…。，กิ์한e\u0301👩\u200d👧🇩🇪", max_size=700)
LIMITS = st.integers(1, 130)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(ANY_TEXT, LIMITS)
@example("", 100)
@example(" \n\t\u3000 ", 1)
@example("a" * 1000, 100)
@example("e" + "\u0301" * 500, 7)
@example("\U0001f1e9\U0001f1ea" * 200, 5)
@example("。" * 300, 100)
@settings(max_examples=400, deadline=None)
def test_pack_any_text_loses_nothing_and_keeps_the_order(text: str, limit: int) -> None:
    pieces = pack(text, limit)
    assert squeezed("".join(pieces)) == squeezed(text)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert all(piece == piece.strip() for piece in pieces)


@given(st.text(alphabet="ab'-é.,!?; ", max_size=900), st.integers(20, 100))
@settings(max_examples=200, deadline=None)
def test_pack_words_that_fit_are_never_broken(text: str, limit: int) -> None:
    words = text.split()
    pieces = pack(text, limit)
    if all(len(word) <= limit for word in words):
        assert " ".join(pieces).split() == words


@given(
    st.lists(st.sampled_from(["e\u0301", "e\u0301\u0327", "กิ", "นี่", "नि", "한", "x"]), min_size=1, max_size=200),
    st.integers(10, 60),
)
@settings(max_examples=200, deadline=None)
def test_pack_letters_stay_with_their_marks(letters: list[str], limit: int) -> None:
    assert not any(unicodedata.category(piece[0])[0] == "M" for piece in pack("".join(letters), limit))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pack_english_prose_needs_few_requests(seed: int) -> None:
    assert len(pack(prose(100_000, seed))) <= 1_080  # the library itself: 2,568 to 2,634


def test_pack_prose_cuts_mostly_where_clauses_end() -> None:
    pieces = pack(prose(100_000))
    at_clauses = sum(piece[-1] in '.!?,;:-"' for piece in pieces)
    assert at_clauses / len(pieces) > 0.4


def test_pack_short_text_is_one_piece() -> None:
    assert pack("One.  Two,\nthree.") == ["One. Two, three."]


def test_pack_sentence_end_is_preferred_to_a_fuller_piece() -> None:
    first = "The rain had stopped by then, and so we all went out into the wide and empty street again."
    assert pack(f"{first} Nobody was there but the baker and his dog, who looked at us.")[0] == first


def test_pack_abbreviation_is_no_place_to_cut() -> None:
    text = "It was on the last evening of that long and quiet summer that we were first led to meet old Dr. Smith and his wife."
    assert not any(piece.endswith("Dr.") for piece in pack(text, language="en"))


def test_pack_chinese_is_cut_at_its_own_marks() -> None:
    pieces = pack("今天天气很好，我们去公园散步吧。" * 40)
    assert all(piece[-1] in "，。" for piece in pieces)
    assert len(pieces) == 7  # 640 characters


def test_pack_unspaced_run_without_marks_is_filled() -> None:
    assert [len(piece) for piece in pack("山" * 250)] == [100, 100, 50]


def test_pack_long_address_is_cut_behind_its_own_marks() -> None:
    pieces = pack("https://example.com/" + "/".join(f"part{number}" for number in range(30)))
    assert all(piece[-1] in "/0123456789" for piece in pieces)
    assert pieces[0].endswith("/")


def test_pack_flags_and_families_stay_whole() -> None:
    family = "👩\u200d👩\u200d👧"
    assert all(len(piece) % len(family) == 0 for piece in pack(family * 60))
    assert all(len(piece) % 2 == 0 for piece in pack("🇩🇪" * 101, 99))


def test_pack_marks_without_spaces_are_known() -> None:
    """What the packer cuts without a space is exactly what belongs to unspaced scripts."""
    assert set(TIGHT) == set("。！？｡；：…，、")
    assert UNSPACED.startswith("\u0e00")


def test_prose_is_the_same_for_a_seed_and_as_long_as_asked() -> None:
    assert prose(5_000, 7) == prose(5_000, 7) != prose(5_000, 8)
    assert [len(prose(count)) for count in (1, 99, 12_345)] == [1, 99, 12_345]
    assert Path(__file__).with_name("prose.py").is_file()
