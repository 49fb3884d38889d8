"""The table of formats."""

from __future__ import annotations

from utils.audio.formats import FORMATS


def test_formats_are_the_promised_seven_with_their_names() -> None:
    assert list(FORMATS) == ["mp3", "wav", "opus", "flac", "m4a", "aac", "pcm"]
    assert all(form.key == key and form.suffix == f".{key}" for key, form in FORMATS.items())


def test_formats_media_types_are_those_of_sound() -> None:
    assert all(form.media_type.startswith("audio/") for form in FORMATS.values())


def test_format_rate_is_the_source_s_or_the_next_higher_that_fits() -> None:
    assert FORMATS["mp3"].rate_hz(22_050) == 22_050
    assert FORMATS["mp3"].rate_hz(11_127) == 12_000
    assert FORMATS["mp3"].rate_hz(192_000) == 48_000
    assert FORMATS["opus"].rate_hz(24_000) == 48_000
    assert FORMATS["wav"].rate_hz(11_127) == 11_127
    assert FORMATS["pcm"].rate_hz(22_050) == 24_000
