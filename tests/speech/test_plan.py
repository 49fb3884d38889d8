"""The plan: options checked, parts laid out, silences in their places, costs told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.speech.prose import prose
from utils.errors import AppError, BadInput, NothingToSay, TextTooLong, UnknownFormat, UnknownVoice
from utils.speech.contract import Part, SpeechRequest
from utils.speech.pack import pack
from utils.speech.plan import MAX_PART_CHARS, plan


def asked(text: str, **options: Any) -> SpeechRequest:
    return SpeechRequest(**{"text": text, "language": "en", **options})


def laid_out(text: str, **options: Any) -> list[tuple[str, float]]:
    return [(part.text, part.pause_after_s) for part in plan(asked(text, **options)).parts]


def test_plan_plain_text_is_one_part() -> None:
    assert laid_out("One. Two.") == [("One. Two.", 0.0)]


def test_plan_paragraphs_are_parts_with_silence_between() -> None:
    assert laid_out("One.\n\nTwo.\n\nThree.") == [("One.", 0.4), ("Two.", 0.4), ("Three.", 0.0)]


def test_plan_without_paragraph_silence_is_one_part_with_stops() -> None:
    assert laid_out("One\n\nTwo!\n\nThree", paragraph_ms=0) == [("One. Two! Three.", 0.0)]


def test_plan_sentence_silence_makes_a_part_of_each() -> None:
    assert laid_out("One. Dr. Two! Three?\n\nFour.", pause_ms=250) == [
        ("One.", 0.25), ("Doctor Two!", 0.25), ("Three?", 0.4), ("Four.", 0.0),
    ]  # fmt: skip
    assert laid_out("One.\n\nTwo.", pause_ms=900) == [("One.", 0.9), ("Two.", 0.0)]


@pytest.mark.parametrize(
    ("text", "lead_s", "parts", "tail_s"),
    [
        ("a [pause:1.5s] b", 0.0, [("a", 1.5), ("b", 0.0)], 0.0),
        ("[pause:2s]a[pause:3s]", 2.0, [("a", 0.0)], 3.0),
        ("a.\n\n[pause:1s]\n\nb", 0.0, [("a.", 1.0), ("b", 0.0)], 0.0),
        ("a.[pause:100ms]\n\nb", 0.0, [("a.", 0.4), ("b", 0.0)], 0.0),
        ("a [pause:1s] [pause:2s] b", 0.0, [("a", 3.0), ("b", 0.0)], 0.0),
        ("a [pause:9s][pause:9s] b", 0.0, [("a", 10.0), ("b", 0.0)], 0.0),
        ("a [pause:1s] ... [pause:1s] b", 0.0, [("a", 2.0), ("b", 0.0)], 0.0),
    ],
)
def test_plan_pause_marks_become_silence(text: str, lead_s: float, parts: list[tuple[str, float]], tail_s: float) -> None:
    made = plan(asked(text))
    assert (made.lead_s, [(part.text, part.pause_after_s) for part in made.parts], made.tail_s) == (lead_s, parts, tail_s)


def test_plan_long_part_is_cut_at_sentence_ends() -> None:
    made = plan(asked(prose(20_000)))
    assert all(len(part.text) <= MAX_PART_CHARS for part in made.parts)
    assert all(part.text[-1] in '.!?"' for part in made.parts[:-1])
    assert len(made.parts) in (7, 8)
    assert plan(asked("a" * 10_000)).characters == 10_000


def test_plan_dictionary_is_applied_before_sentences_are_cut() -> None:
    assert laid_out("Use Fig.X now.", pause_ms=100, dictionary=(("fig.x", "One. Two"),)) == [("Use One.", 0.1), ("Two now.", 0.0)]


def test_plan_tells_characters_seconds_and_spoken_text() -> None:
    made = plan(asked("**Hello** there, world! [pause:1s] Good bye then."))
    assert made.spoken_text == "Hello there, world! [pause:1s] Good bye then."
    assert made.characters == len("Hello there, world!") + len("Good bye then.")
    assert made.seconds == pytest.approx(33 / 15 + 1.0, abs=0.1)
    faster = plan(asked("**Hello** there, world! [pause:1s] Good bye then.", speed=2.0))
    assert faster.seconds - 1 == pytest.approx((made.seconds - 1) / 2)


def test_plan_chinese_takes_longer_a_character() -> None:
    assert plan(asked("今天天气很好我们去公园散步吧", language="zh-CN")).seconds == pytest.approx(14 * 4 / 15)


class _Counting:
    name, label, native = "counting", "Counting", frozenset[str]()

    def requests(self, parts: tuple[Part, ...]) -> int:
        return sum(len(pack(part.text)) for part in parts)


def test_plan_requests_are_told_for_each_engine() -> None:
    made = plan(asked(prose(100_000)))
    assert made.requests({"counting": _Counting()})["counting"] <= 1_100  # type: ignore[dict-item]  # all that `requests` needs


@pytest.mark.parametrize(
    "text", ["", "  \n ", "...", "😀 👍", "[pause:3s]", "```\ncode\n```", "\u200b\u202e", "<br/>", "[pause:1s] ! [pause:2s]"]
)
def test_plan_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(NothingToSay) as caught:
        plan(asked(text))
    assert caught.value.hint


def test_plan_too_long_text_names_setting_and_limit() -> None:
    with pytest.raises(TextTooLong, match=r"1,001 characters; the limit \(MAX_TEXT_CHARS\) is 1,000"):
        plan(asked("a" * 1_001), max_chars=1_000)
    assert plan(asked("a" * 1_000), max_chars=1_000).characters == 1_000


def test_plan_dictionary_cannot_blow_a_text_up() -> None:
    with pytest.raises(TextTooLong, match="With the dictionary the text grows"):
        plan(asked("a " * 500, dictionary=(("a", "b" * 300),)), max_chars=1_000)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"speed": 2.1}, BadInput, "The speed is 2.1; allowed is 0.5 to 2."),
        ({"speed": float("nan")}, BadInput, "The speed is nan"),
        ({"pitch": -13}, BadInput, "The pitch is -13 semitones; allowed is -12 to 12"),
        ({"pause_ms": 5_001}, BadInput, "The pause between sentences is 5001 ms"),
        ({"paragraph_ms": -1}, BadInput, "The pause between paragraphs is -1 ms"),
        ({"loudness": 0.0}, BadInput, "The loudness is 0 LUFS; allowed is -36 to -9 LUFS"),
        ({"format": "exe"}, UnknownFormat, "There is no format 'exe'"),
        ({"title": "t" * 501}, BadInput, "The title has 501 characters; the limit is 500"),
        ({"engine": "siri"}, BadInput, "There is no engine 'siri'"),
        ({"language": "xx"}, UnknownVoice, "No engine here speaks the language 'xx'"),
        ({"engine": "gtts", "language": "eo"}, UnknownVoice, "Google has no voice for Esperanto"),
        ({"engine": "espeak", "language": "gl"}, UnknownVoice, "eSpeak NG has no voice for Galician"),
        ({"accent": "com@127.0.0.1:8443"}, UnknownVoice, "has no accent 'com@127.0.0.1:8443'"),
        ({"accent": "com.br"}, UnknownVoice, "has no accent 'com.br'"),
        ({"voice": "espeak:en-us+nobody"}, UnknownVoice, "There is no voice 'espeak:en-us"),
        ({"voice": "gtts:en:us", "engine": "espeak"}, UnknownVoice, "belongs to another engine"),
        ({"dictionary": (("", "x"),)}, BadInput, "Entry 1 of the dictionary has no word"),
        ({"text": "a[pause:10s]" * 2_000}, BadInput, "The pauses add up to 5.6 hours; the limit is 4 hours"),
    ],
)
def test_plan_option_out_of_range_is_named(options: dict[str, Any], error: type[AppError], says: str) -> None:
    with pytest.raises(error) as caught:
        plan(replace(asked("Hello."), **options))
    assert says in caught.value.sentence
    assert type(caught.value) is error and caught.value.hint


@pytest.mark.parametrize(
    ("options", "language"),
    [
        ({"language": "de-AT"}, "de"),
        ({"language": "EN_us"}, "en-US"),
        ({"language": "en", "accent": "co.uk"}, "en-US"),
        ({"language": "en", "voice": "espeak:fr"}, "fr"),
        ({"language": "iw", "engine": "gtts"}, "he"),
    ],
)
def test_plan_language_is_the_voices_or_the_nearest(options: dict[str, Any], language: str) -> None:
    assert plan(replace(asked("Hello."), **options)).language == language


@given(
    st.text(alphabet="aB. !?\n[pause:1s]2<*_#`-", max_size=200),
    st.sampled_from([0, 250]),
    st.sampled_from([0, 400]),
)
@settings(max_examples=200, deadline=None)
def test_plan_any_text_parts_are_sayable_and_the_last_is_followed_by_nothing(text: str, pause_ms: int, paragraph_ms: int) -> None:
    try:
        made = plan(asked(text, pause_ms=pause_ms, paragraph_ms=paragraph_ms))
    except NothingToSay:
        return
    assert all(any(char.isalnum() for char in part.text) and part.text == part.text.strip() for part in made.parts)
    assert made.parts[-1].pause_after_s == 0
    assert all(0 <= part.pause_after_s <= 10 for part in made.parts)
    assert not any("[pause:1s]" in part.text for part in made.parts)
