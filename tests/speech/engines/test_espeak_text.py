"""Text made safe and loss-free for eSpeak, held by its sound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech.engines.espeak_kit import seconds
from utils.speech.engines.espeak_text import BREAK, MAX_PIECE, pieces, prepare, scripts_of, sentences

ANY = st.text(st.characters(codec=None), max_size=300) | st.text(st.sampled_from("ab1 9.,\n😂今か한ж'"), max_size=1_200)


@given(ANY)
def test_prepare_any_text_keeps_every_speakable_character_at_its_place(text: str) -> None:
    prepared = prepare(text)

    at = dict.fromkeys(range(len(text)), "")
    for place, char in enumerate(prepared.text, 1):
        inside = any(start < place <= start + len(BREAK) for start in prepared.breaks)
        if not inside:
            at[prepared.index(place)] += char
    assert all(len(char) == 1 and char in (text[index], " ") for index, char in at.items())
    prepared.text.encode("utf-8")  # raises for a lone surrogate
    assert not any(ord(char) < 32 and char not in "\n\t" for char in prepared.text)


@given(ANY)
def test_sentences_and_pieces_any_text_lose_nothing(text: str) -> None:
    parts = [piece for sentence in sentences(text) for piece in pieces(sentence)]

    assert "".join(parts) == text
    assert all(0 < len(piece) <= MAX_PIECE for piece in parts)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two? Three!", 3),
        ("No end", 1),
        ("He said “no.” She left... Then?", 3),
        ("Pi is 3.14 and no more.", 1),
        ("今天很好。晚上吃饭！", 2),
        ("First line\nsecond line", 2),
        ("एक वाक्य। दूसरा वाक्य।", 2),
    ],
)
def test_sentences_of_several_scripts_are_found(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@pytest.mark.parametrize(
    "text",
    [
        "When the rain stopped, we went out: the street was empty and the lamps were off, all of them.",
        "Donaudampfschifffahrtsgesellschaftskapitän und Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
        "It was a long sentence without any mark at all that went on " * 10,
        "今天天气很好，我们去公园散步吧。晚上一起吃饭，然后看一场电影。" * 20,
        "ذهب الولد إلى المدرسة في الصباح ثم عاد إلى البيت وكان الجو جميلا اليوم " * 8,
        "Order 1,250.75 on 3 June 2024, call +49 30 901820.",
    ],
)
def test_prepare_what_people_write_stays_as_it_is(text: str) -> None:
    voice = "ar" if "ا" in text else "en-us"

    assert prepare(text, scripts_of(voice)).text == text


# voice, text: without breaks, eSpeak drops a third to nine tenths of twelve times as much
LOST = [
    ("en-us", "1734 1987 "),
    ("de", "1987 2023 "),
    ("ko", "오늘은 날씨가 좋아서 공원에 산책하러 "),
    ("cmn", "今天天气很好我们去公园散步吧"),
    ("en-us", "今天天气很好"),
    ("ja", "きょうはてんきがいいので"),
    ("en-us", "😂 🚀 😂 🚀 "),
    ("en-us", "© $5 % & © $5 % & "),
    ("en-us", "ذهب الولد إلى "),
    ("en-us", "banolegi"),
    ("en-us", "987654321"),
    ("en-us", "s's's's's'"),
    ("de", "привет "),
    ("en-us", "1734. and 1987. and "),
]


@pytest.mark.parametrize(("key", "text"), LOST)
def test_long_clause_and_long_word_are_spoken_to_their_end(key: str, text: str, tmp_path: Path) -> None:
    few, many = seconds(tmp_path, text * 3, key), seconds(tmp_path, text * 36, key)

    assert many > 0.85 * 12 * few
