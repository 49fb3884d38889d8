from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.google import seconds_of
from utils.speech.engines.gtts_check import EDGES_S, sayable, window

# text, and how many seconds a speaker of the language takes for it at a normal speed
SPOKEN = [
    ("a", 0.4),
    ("No.", 0.5),
    ("I", 0.35),
    ("When the rain stopped, we went out: the street was empty and the lamps were off, all of them.", 6.0),
    ("1234567", 5.2),
    ("777", 1.9),
    ("1000000", 0.9),
    ("1,000,000,000", 1.0),
    ("+49 30 901820", 6.5),
    ("$1,250.75", 4.0),
    ("100 %", 1.3),
    ("5 kg, 3 km, 20 cm", 4.4),
    ("USA, NATO, WWW, HTML, ISO 9001", 8.5),
    ("https://www.example.org/a/b?c=d", 12.0),
    ("3f7a9c2e5b8d1f04", 9.0),
    ("Donaudampfschifffahrtsgesellschaftskapitän", 3.4),
    ("今天天气很好，我们去公园散步吧。", 3.6),
    ("东京的人口是一千四百万。", 3.0),
    ("きょうはとてもいいてんきですね。", 2.4),
    ("今日はとても良い天気ですね。", 2.4),
    ("오늘은 날씨가 아주 좋네요.", 2.2),
    ("สวัสดีครับ ผมชื่อสมชาย", 1.9),
    ("नमस्ते, आप कैसे हैं?", 1.8),
    ("مرحبا، كيف حالك اليوم؟", 1.9),
    ("שלום, מה שלומך היום?", 1.7),
    ("ሰላም እንዴት ነህ", 1.4),
    ("Привет, как дела сегодня?", 1.6),
    ("Hmmmmmmmmm", 0.9),
    ("Noooooooooooooooooooooooooooooooooooooooooooooooooooo", 1.2),
    ("ha ha ha ha ha ha", 1.6),
    ("z\u0351\u0352\u0357\u035b\u0363a\u0351\u0352\u0357\u035bl\u0351\u0352\u0357go", 0.6),
    ("... --- ... Then: silence?! (...)", 3.0),
    ("x = y + 2 * z / 3", 4.5),
    ("½ cup, ¾ litre", 2.2),
    ("Ⅳ", 0.7),
    ("word " * 19 + "word", 7.0),
]


@pytest.mark.parametrize(("text", "seconds"), SPOKEN, ids=range(len(SPOKEN)))
def test_window_holds_what_a_speaker_takes(text: str, seconds: float) -> None:
    fits = window([text])
    assert fits.low_s < seconds < fits.high_s
    assert fits.holds(seconds * 0.75)
    assert fits.holds(seconds * 1.35)


@pytest.mark.parametrize("text", [SPOKEN[3][0], SPOKEN[16][0], "word " * 19 + "word"])
def test_window_of_prose_refuses_a_sixth_and_six_times(text: str) -> None:
    fits, seconds = window([text]), dict(SPOKEN)[text]
    assert not fits.holds(seconds / 6)
    assert not fits.holds(seconds * 6 + EDGES_S)


def test_window_of_plain_prose_is_a_third_to_three_times_of_15_characters_a_second() -> None:
    text = "word " * 19 + "word"
    fits = window([text])
    assert fits.low_s == pytest.approx(len(text) / 15 / 3, rel=0.02)
    assert fits.high_s == pytest.approx(len(text) / 15 * 3 + 3, rel=0.02)


@pytest.mark.parametrize("count", [1, 10, 500])
def test_window_of_many_pieces_holds_the_sum_of_their_sounds(count: int) -> None:
    for text, seconds in SPOKEN:
        assert window([text] * count).holds(seconds * count)


def test_window_of_a_whole_text_refuses_a_missing_three_quarters() -> None:
    pieces = ["When the rain stopped, we went out: the street was empty and the lamps were off."] * 100
    assert window(pieces).holds(5.3 * 100)
    assert not window(pieces).holds(5.3 * 25)


@pytest.mark.parametrize("text", ["a", "9", "你", "ก", "ß.", "² metres"])
def test_sayable_letter_or_digit_is(text: str) -> None:
    assert sayable(text)


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "—", "* * *", "$", "()[]"])
def test_sayable_marks_alone_are_not(text: str) -> None:
    assert not sayable(text)


def test_window_holds_what_the_stand_in_speaks_for_any_length() -> None:
    chance = np.random.default_rng(3)
    for size in range(1, 101):
        for script in ("abcdefgh ij.", "你好吗今天", "あいうえお", "가나다라", "1234567890 "):
            text = "".join(chance.choice(list(script), size)).strip() or "a"
            assert window([text]).holds(seconds_of(text)), text
