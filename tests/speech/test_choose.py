"""Who speaks: what was asked for, the setting, the fallback and its memory."""

from __future__ import annotations

import pytest

from tests.speech.stage import Clock, ToneEngine
from utils.errors import EngineBusy, EngineCrashed, EngineError, EngineRefused, EngineUnreachable, UnknownVoice
from utils.speech.choose import Choice, Chooser
from utils.speech.contract import SpeechRequest


class House:
    """Both engines, a clock, and a chooser over them."""

    def __init__(self, default: str = "auto") -> None:
        self.clock = Clock()
        self.google, self.espeak = ToneEngine("gtts"), ToneEngine("espeak")
        self.chooser = Chooser({"gtts": self.google, "espeak": self.espeak}, default, clock=self.clock)

    def order(self, **options: object) -> list[tuple[str, str]]:
        request = SpeechRequest(text="Hello.", **options)  # type: ignore[arg-type]
        return [(choice.voice.id, choice.reason) for choice in self.chooser.choices(request)]

    def google_fails(self, error: EngineError) -> str:
        return self.chooser.failed(self.chooser.choices(SpeechRequest(text="Hello.", engine="gtts"))[0], error)


def test_choices_auto_is_google_then_espeak() -> None:
    assert House().order() == [("gtts:en:us", ""), ("espeak:en-us", "")]


def test_choices_accent_is_kept_by_the_fallback() -> None:
    assert House().order(accent="co.uk") == [("gtts:en:co.uk", ""), ("espeak:en", "")]


@pytest.mark.parametrize("default", ["auto", "gtts", "espeak"])
@pytest.mark.parametrize(
    ("options", "voice"),
    [
        ({"engine": "gtts"}, "gtts:en:us"),
        ({"engine": "espeak"}, "espeak:en-us"),
        ({"voice": "espeak:fr+f1"}, "espeak:fr+f1"),
        ({"voice": "gtts:de"}, "gtts:de"),
    ],
)
def test_choices_asked_for_stands_alone(default: str, options: dict[str, str], voice: str) -> None:
    house = House(default)
    house.google_fails(EngineUnreachable("No network."))
    assert house.order(**options) == [(voice, "")]


@pytest.mark.parametrize(("default", "voice"), [("gtts", "gtts:en:us"), ("espeak", "espeak:en-us")])
def test_choices_setting_has_no_fallback(default: str, voice: str) -> None:
    assert House(default).order() == [(voice, "")]


@pytest.mark.parametrize(
    ("default", "language", "expected"),
    [
        ("auto", "eo", [("espeak:eo", "Google has no voice for Esperanto")]),
        ("auto", "gl", [("gtts:gl", "")]),
        ("gtts", "eo", [("espeak:eo", "Google has no voice for Esperanto")]),
        ("espeak", "gl", [("gtts:gl", "eSpeak NG has no voice for Galician")]),
    ],
)
def test_choices_language_without_voice_goes_to_the_other(default: str, language: str, expected: list[tuple[str, str]]) -> None:
    assert House(default).order(language=language) == expected


def test_choices_asked_engine_without_voice_is_an_error() -> None:
    with pytest.raises(UnknownVoice):
        House().order(engine="gtts", language="eo")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineUnreachable("x"), "Google could not be reached"), (EngineBusy("x"), "Google asked for a pause")],
)
def test_failed_engine_is_left_out_for_a_minute(error: EngineError, reason: str) -> None:
    house = House()
    assert house.google_fails(error) == reason
    assert house.order() == [("espeak:en-us", reason)]
    house.clock.now += 59.9
    assert house.order() == [("espeak:en-us", reason)]
    house.clock.now += 0.2
    assert house.order() == [("gtts:en:us", ""), ("espeak:en-us", "")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineRefused("x"), "Google sent no sound that fits the text"), (EngineCrashed("x"), "Google failed")],
)
def test_failed_by_the_text_is_not_remembered(error: EngineError, reason: str) -> None:
    house = House()
    assert house.google_fails(error) == reason
    assert house.order()[0] == ("gtts:en:us", "")


def test_failed_engine_is_tried_when_there_is_no_other() -> None:
    house = House()
    house.google_fails(EngineUnreachable("x"))
    assert house.order(language="gl") == [("gtts:gl", "")]


def test_choices_engine_that_is_missing_here() -> None:
    house = House()
    house.google.missing = "The package gtts is not installed."
    assert house.order() == [("espeak:en-us", "The package gtts is not installed")]
    with pytest.raises(EngineUnreachable, match="not installed"):
        house.order(engine="gtts")
    house.espeak.missing = "No library."
    with pytest.raises(UnknownVoice, match="The package gtts is not installed; No library"):
        house.order()


def test_choice_of_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UnknownVoice, match="There is no engine 'siri'"):
        House().order(engine="siri")
    assert Choice(ToneEngine(), House().chooser.choices(SpeechRequest(text="x"))[0].voice).reason == ""
