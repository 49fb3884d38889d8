"""Rows made ready: variables, cells understood, problems told by row; the dry run's sums."""

from __future__ import annotations

import pytest

from utils.speech.contract import SpeechRequest
from utils.speech.table.check import check
from utils.speech.table.columns import recognise
from utils.speech.table.contract import Row
from utils.speech.table.read import from_text
from utils.speech.table.rows import Template, render

DEFAULTS = SpeechRequest("", language="en-US", engine="espeak", format="mp3")


def rows(text: str, defaults: SpeechRequest = DEFAULTS, *, template: str = "", name: str = "", suffix: str = ".csv") -> list[Row]:
    table = from_text(text, suffix, max_rows=5000)
    return render(table, recognise(table.columns), Template(defaults, template, name))


def codes(row: Row) -> list[str]:
    return [problem.code for problem in row.problems]


def test_rows_cells_win_over_defaults_and_empty_ones_do_not() -> None:
    first, second = rows('text,language,speed,pitch,format,pause,title\nHallo Welt,German,"1,5",-2,WAV,0.5s,Gruß\nHello,,,,,,\n')
    assert first.request == SpeechRequest(
        "Hallo Welt", language="de", engine="espeak", speed=1.5, pitch=-2.0, format="wav", pause_ms=500, title="Gruß"
    )
    assert second.request == SpeechRequest("Hello", engine="espeak")


def test_rows_variables_fill_text_and_name_and_braces_stay() -> None:
    (row,) = rows("First Name,city\nAna,Köln\n", template="Dear {first name}, {{hello}} from {CITY}.", name="{city}-{first_name}")
    assert row.request is not None
    assert row.request.text == "Dear Ana, {hello} from Köln."
    assert row.name == "Köln-Ana"


def test_rows_variable_inside_the_text_column_is_filled_too() -> None:
    (row,) = rows("text,name\nHello {name},Ana\n")
    assert row.request is not None
    assert row.request.text == "Hello Ana"


def test_rows_unknown_variable_is_an_error_and_an_empty_one_a_warning() -> None:
    first, second = rows("text,who\nHello {nobody},Ana\nHello {who},\n")
    assert (codes(first), first.bad) == (["unknown_variable"], True)
    assert (codes(second), second.bad) == (["empty_variable"], False)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("speed", "fast", "bad_speed"),
        ("speed", "9", "bad_speed"),
        ("pitch", "13", "bad_pitch"),
        ("format", "midi", "bad_format"),
        ("language", "valyrian", "bad_language"),
        ("engine", "festival", "bad_engine"),
        ("pause", "10s", "bad_pause"),
        ("voice", "espeak:nobody", "unknown_voice"),
    ],
)
def test_rows_wrong_cell_is_an_error_of_that_row_alone(column: str, value: str, code: str) -> None:
    bad, good = rows(f"text,{column}\nHello,{value}\nHello again,\n")
    assert (codes(bad), bad.request) == ([code], None)
    assert (codes(good), good.bad) == ([], False)


def test_rows_voice_by_its_name_or_key_is_found() -> None:
    by_key, by_id = rows("text,voice\nHello,en-us+f3\nHello,espeak:en-us\n")
    assert by_key.request is not None
    assert by_id.request is not None
    assert (by_key.request.voice, by_id.request.voice) == ("espeak:en-us+f3", "espeak:en-us")


def test_rows_other_language_drops_the_default_voice() -> None:
    (row,) = rows("text,language\nHallo,de\n", SpeechRequest("", language="en-US", voice="espeak:en-us+f3", accent="co.uk"))
    assert row.request is not None
    assert (row.request.language, row.request.voice, row.request.accent) == ("de", None, None)


def test_check_counts_and_names_problems_without_making_anything() -> None:
    table = "text,filename\nHello there.,a\nHello there.,A\n,b\n...,c\n" + "x" * 5001 + ",d\nGood.,e\n"
    found = check(rows(table), max_chars=100_000, count_requests=lambda request, parts: len(parts))
    assert (found.good, found.bad, found.same, found.requests) == (3, 3, 1, 2)
    assert [(number, problem.code) for number, problem in found.problems] == [
        (2, "same_name"),
        (3, "empty"),
        (4, "nothing_to_say"),
        (5, "too_long"),
    ]
    assert found.characters == len("Hello there.") * 2 + len("Good.")
    assert found.sound_s > 1


def test_check_cues_keep_their_times() -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\nHello.\n\n2\n00:00:03,000 --> 00:00:04,500\nThere.\n"
    found = check(rows(srt, suffix=".srt"), max_chars=1000, count_requests=lambda request, parts: 0)
    assert [(row.start, row.end) for row in found.rows] == [(1.0, 2.0), (3.0, 4.5)]


def test_rows_many_variables_of_long_cells_stay_near_the_limit() -> None:
    long = "a" * 100_000
    (row,) = rows(f'{{"a": "{long}", "filename": "{long}"}}', template="{a} " * 1000, name="{a}" * 60, suffix=".jsonl")
    assert "too_long" in codes(row)
    assert row.request is None
    assert len(row.name) <= 200
