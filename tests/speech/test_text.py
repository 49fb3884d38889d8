"""What is left of a text: markup, characters, addresses, emoji, pauses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.speech.text import PAUSE, clean, sayable


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("# Title\ntext", "Title.\n\ntext"),
        ("Title\n=====\ntext", "Title.\n\ntext"),
        ("## What now? ##\ntext", "What now?\n\ntext"),
        ("**bold** *it* __b__ _i_ ~~gone~~ ***both***", "bold it b i gone both"),
        ("snake_case and __init__ and a*b", "snake_case and init and ab"),
        ("2 * 3 and 4*5", "2 × 3 and 4×5"),
        ('[text](https://a.example/b_(c)?d=1 "title") and [ref][1]\n\n[1]: https://a.example', "text and ref"),
        ("![a cat](cat.png) [![logo](l.png)](https://a.example)", "a cat logo"),
        ("A claim[^1].\n\n[^1]: The note.", "A claim.\n\nThe note."),
        ("- one\n- two\n  goes on\n- [x] done", "one. two goes on. done."),
        ("1. First\n2. Second", "1: First. 2: Second."),
        ("3. Oktober war schön", "3. Oktober war schön"),
        ("> said\n> so\n\n>> deep", "said. so\n\ndeep"),
        ("before\n```python\nprint('x')\n```\nafter", "before\n\nafter"),
        ("~~~\ncode\n~~~", ""),
        ("```\nnever closed", "never closed"),
        ("use `git commit` now", "use git commit now"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b. 1, 2."),
        ("* * *\ntext\n\n---\nmore", "text\n\nmore"),
        (r"\*not\* emphasised", "*not* emphasised"),
        ("either a | b", "either a | b"),
    ],
)
def test_clean_markdown_leaves_what_is_read_aloud(raw: str, expected: str) -> None:
    assert clean(raw, "xx") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>One</p><p>two<br>three</p>", "One\n\ntwo. three"),
        ("a<!-- hidden -->b", "a b"),
        ("x<script>alert(1)</script>y<STYLE a='b'>c</STYLE>z", "x y z"),
        ('<speak>Hi <break time="3s"/><prosody rate="fast">there</prosody></speak>', "Hi there"),
        ('<audio src="/etc/passwd"/>text', "text"),
        ("Dear <your name>, hello", "Dear your name , hello"),
        ('&lt;break time="9s"/&gt; &amp; &#65; AT&T &copy', 'break time="9s"/ & A AT&T &copy'),
        ("[[h@loU]] [[[x]]]", "[h@loU] [x]"),
        ("<<<x>>> <b", "x b"),
        ("mail <jane@example.com> or <https://example.com/x>", "mail jane@example.com or example.com"),
    ],
)
def test_clean_html_and_ssml_never_reach_an_engine(raw: str, expected: str) -> None:
    assert clean(raw, "xx") == expected


@given(st.text(alphabet="<>[]/ab\"'=!-&;#xp:1s.\\`*_|~\n ", max_size=120))
@settings(max_examples=500, deadline=None)
def test_clean_any_markup_leaves_no_brackets_of_engines(raw: str) -> None:
    cleaned = clean(raw, "en")
    assert "<" not in cleaned and ">" not in cleaned
    assert "[[" not in cleaned and "]]" not in cleaned


@given(st.text(max_size=300), st.sampled_from(["en-US", "de", "fr", "es", "it", "pt-BR", "ja", "xx", ""]))
@settings(max_examples=300, deadline=None)
def test_clean_any_text_is_speakable_bytes_and_stays_clean(raw: str, language: str) -> None:
    cleaned = clean(raw, language)
    cleaned.encode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]", cleaned)
    assert cleaned == cleaned.strip() and "\n\n\n" not in cleaned


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("e\u0301te\u0301", "été"),
        ("a\x00b\x1b[31mc\u202ed\u2066e\u200bf\ufeffg\u00adh", "ab[31mcdefgh"),
        ("one\r\ntwo\u2028three\x0cfour", "one. two. three. four"),
        ("क्\u200dष می\u200cخواهم", "क्\u200dष می\u200cخواهم"),
        ("a\u200db \u200d x\u200d", "ab x"),
        ("Z" + "\u0301" * 40 + "a", "Ź\u0301\u0301\u0301a"),
        ("\ud800broken \U000e0041\ue000", "broken"),
        ("wait!!!!!! ------- no......", "wait! no..."),
        ("tab\there  and\u00a0there", "tab here and there"),
    ],
)
def test_clean_characters_are_put_in_order(raw: str, expected: str) -> None:
    assert clean(raw, "xx") == expected


@pytest.mark.parametrize(
    ("language", "raw", "expected"),
    [
        ("en", "See https://www.example.com/a/b?utm=1#x, or http://u:p@h.example:8080/.", "See example.com, or h.example."),
        ("en", "(www.example.org/path)", "(example.org)"),
        ("en", "at example.com/search?q=1&r=2 and example.com/docs", "at example.com and example.com/docs"),
        ("en", "Mail mailto:jane.doe@example.com!", "Mail jane.doe@example.com!"),
        ("de", "Auf example.com, an jane.doe@example.de.", "Auf example Punkt com, an jane Punkt doe@example Punkt de."),
        ("fr", "sur example.fr", "sur example point fr"),
        ("en", "file:///etc/passwd", ""),
    ],
)
def test_clean_addresses_are_short(language: str, raw: str, expected: str) -> None:
    assert clean(raw, language) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "😀😀",
        "👩\u200d👩\u200d👧\u200d👦 🇩🇪",
        "1\ufe0f\u20e3",
        "❤️ ☀",
        "🏴\U000e0067\U000e0062\U000e007f",
        "→",
        "... !!!",
        "",
        "\n\n",
        "* * *",
        "`` ``",
    ],
)
def test_clean_without_letter_or_digit_is_not_sayable(raw: str) -> None:
    assert not sayable(clean(raw, "en"))


def test_clean_emoji_within_text_goes_and_signs_stay() -> None:
    assert clean("Great 👍🏽 job ❤️! © 20 °C ™ №5", "xx") == "Great job ! © 20 °C ™ №5"


def test_clean_emoji_in_the_dictionary_is_spoken() -> None:
    assert clean("Good 👍!", "en", (("👍", "thumbs up"),)) == "Good thumbs up!"


def test_clean_markup_in_the_dictionary_is_no_markup() -> None:
    assert clean("x", "en", (("x", '<audio src="/a"/> [[a]] \x1b\u202e[pause:99s]'),)) == 'audio src="/a"/ [a] [pause:10s]'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a[pause:1.5s]b", "a[pause:1.5s]b"),
        ("a [PAUSE: 500 ms] b", "a [pause:0.5s] b"),
        ("a [pause:1,25s] b", "a [pause:1.25s] b"),
        ("a [pause:3] b", "a [pause:3s] b"),
        ("a [pause 2s] b", "a [pause:2s] b"),
        ("a [pause:99s] b [pause:60000ms]", "a [pause:10s] b [pause:10s]"),
        ("a [pause:soon] b [pause]", "a [pause:soon] b [pause]"),
        ("a &#91;pause:99s&#93; b", "a [pause:10s] b"),
        ("a [pause:1s](note) b", "a [pause:1s](note) b"),
    ],
)
def test_clean_pauses_have_one_spelling_and_a_cap(raw: str, expected: str) -> None:
    assert clean(raw, "xx") == expected


def test_clean_pauses_are_found_by_the_plan() -> None:
    assert [float(found) for found in PAUSE.findall(clean("a [pause:1.5s] b [pause:20ms] c", "en"))] == [1.5, 0.02]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Milk\nEggs\nBread", "Milk. Eggs. Bread"),
        (
            "A line that an editor wraps at some width goes\non as one sentence, and the last of all is\nshort.",
            "A line that an editor wraps at some width goes on as one sentence, and the last of all is short.",
        ),
        ("Dear Jane,\nhello", "Dear Jane, hello"),
        ("hard  \nbreak and a second line that is very long indeed", "hard. break and a second line that is very long indeed"),
        ("今天天气很好，\n我们去公园", "今天天气很好，我们去公园"),
        ("春眠不觉晓\n处处闻啼鸟", "春眠不觉晓。处处闻啼鸟"),
    ],
)
def test_clean_line_ends_are_wraps_or_stops(raw: str, expected: str) -> None:
    assert clean(raw, "xx") == expected


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    ["<!--", "<a ", "<a href=\"", "[a](", "![", "[", "```x\n", "```\n~~~\n", "`a", "*", "_a_", "\\", "&lt;", "1.1.", "1,000.",
     "$1 000 ", "$1.", "www.", "http://", "a@a.", "a.a.a/", "[pause:", "1\u00a0000\u00a0", "- - ", "|-|\n", "> ", "1. \n", "z. B. ",
     "e.g.", "\u200d", "😀\u200d", "e\u0301", "\u0301", " ", "\n", "a\n\n", "12.03.2026 ", "am 3. ", "s'", "<script>", "mailto:"],
)  # fmt: skip
def test_clean_any_repeated_nonsense_takes_time_by_its_length_only(unit: str) -> None:
    text = (unit * 40_000)[:40_000]  # what grows with the square of the length would take minutes
    assert isinstance(clean(text, "de", (("a", "b"), ("e.g.", "x"))), str)
