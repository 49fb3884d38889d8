"""The Bulk page without a browser: what it takes, what it says about it before anything is made, and what it starts."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from tests.pages.bulk_stage import BAD, CUES, TABLE, BulkStage, bulk_stage, figures, press, roster
from tests.pages.conftest import drawn, words
from utils.jobs import away
from utils.speech import voices
from utils.speech.batch import BatchOptions
from utils.speech.contract import SpeechRequest
from utils.speech.table import samples
from utils.storage.batch_log import read_rows
from utils.ui import bulk_check
from utils.ui.bulk_fields import NO_COLUMN
from utils.workflows.bulk import Upload, Wanted, check


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BulkStage]:
    with bulk_stage(tmp_path, monkeypatch) as built:
        yield built


# ---- empty, the example, templates


def test_bulk_empty_offers_an_example_that_one_click_brings(stage: BulkStage) -> None:
    page = stage.open()
    assert "Your batches appear here" in words(page)
    press(page, "try")
    assert page.text_area(key="bulk_pasted").value.startswith("text,filename,language")
    assert figures(page)["rows to be spoken"] == "4"
    assert "Your batches appear here" not in words(page)
    assert stage.batches() == []  # nothing is made before the start
    press(page, "start")
    assert stage.newest().request["good"] == 4


def test_bulk_templates_are_made_at_the_click_and_can_be_read(stage: BulkStage) -> None:
    buttons = {button.proto.label: button.proto for button in stage.open().get("download_button")}
    assert all(buttons[label].deferred_file_id and buttons[label].ignore_rerun for label in ("CSV", "XLSX"))
    book = openpyxl.load_workbook(io.BytesIO(samples.xlsx_bytes()))
    assert tuple(cell.value for cell in next(book.worksheets[0].iter_rows())) == samples.HEADER
    for name, data in (("t.csv", samples.csv_bytes()), ("t.xlsx", samples.xlsx_bytes())):
        found = check(stage.services, stage.session_id, Upload(name, data), Wanted(_template()))
        assert (found.check.good, found.check.bad) == (2, 0)


# ---- what was brought


def test_bulk_table_shows_its_first_rows_and_what_columns_are_taken_for(stage: BulkStage) -> None:
    rows = "".join(f"Row {n}.,{n},x\n" for n in range(1, 9))
    (sheet,) = drawn(stage.bring(f"Satz,dateiname,place\n{rows}"), "sheet")
    assert [(column["name"], column["role"]) for column in sheet["columns"]] == [
        ("Satz", "Text"),
        ("dateiname", "File name"),
        ("place", ""),
    ]
    assert [row["number"] for row in sheet["rows"]] == [1, 2, 3, 4, 5]
    assert sheet["rows"][0]["cells"] == ["Row 1.", "1", "x"]
    assert sheet["rest"].startswith("and 3 more rows · CSV, comma, ")


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("t.csv", b"", "empty"),
        ("t.csv", b"text,text\na,b\n", "twice"),
        ("t.xlsx", b"PK\x03\x04 no workbook", "workbook"),
        ("t.csv", b"text\n" + b"x\n" * 201, "MAX_TABLE_ROWS"),
    ],
)
def test_bulk_what_cannot_be_read_is_one_sentence_and_no_form(stage: BulkStage, name: str, data: bytes, sentence: str) -> None:
    page = stage.bring(data, name)
    assert sentence in words(page)
    assert words(page).count('role="alert"') == 1
    assert not page.selectbox and "bulk_start" not in [button.key for button in page.button]


def test_bulk_pasted_lines_become_rows_and_can_be_read_otherwise(stage: BulkStage) -> None:
    page = stage.open()
    page.session_state["bulk_tabs"] = "Paste"
    page.text_area(key="bulk_pasted").set_value("Good morning, all.\nHow are you?\nAnd you?\n\nGood night.\nBye.").run()
    assert figures(page)["rows to be spoken"] == "5"
    page.get_by_key("bulk_reading").set_value("paragraphs").run()
    assert figures(page)["rows to be spoken"] == "2"
    page.get_by_key("bulk_reading").set_value(".csv").run()
    assert [column["name"] for column in drawn(page, "sheet")[0]["columns"]] != ["text"]
    page.text_area(key="bulk_pasted").set_value(CUES).run()
    assert drawn(page, "sheet")[0]["columns"][0]["name"] == "Time"


def test_bulk_unknown_text_column_is_asked_for(stage: BulkStage) -> None:
    page = stage.bring("greeting,place\nGood morning,Rome\nGood night,Oslo\n")
    assert "No column is called text." in words(page)
    assert "bulk_start" not in [button.key for button in page.button]
    page.selectbox(key="bulk_role_text").set_value(0).run()
    assert figures(page)["rows to be spoken"] == "2"
    page.selectbox(key="bulk_role_text").set_value(NO_COLUMN).run()
    page.text_area(key="bulk_text_template").set_value("{greeting} from {place}.").run()
    press(page, "start")
    assert [row.text for row in read_rows(stage.rig.home(stage.newest().id))] == [
        "Good morning from Rome.",
        "Good night from Oslo.",
    ]


def test_bulk_another_table_forgets_the_columns_of_the_one_before(stage: BulkStage) -> None:
    page = stage.bring("greeting,place\nGood morning,Rome\n")
    page.selectbox(key="bulk_role_text").set_value(1).run()
    page.text_area(key="bulk_text_template").set_value("{greeting}").run()
    stage.bring(TABLE, page=page)
    assert "No column is called text." not in words(page)
    assert figures(page)["rows to be spoken"] == "3"
    press(page, "start")
    assert stage.newest().request["text_template"] == ""


def test_bulk_more_changes_columns_and_names(stage: BulkStage) -> None:
    page = stage.bring("text,language,slug\nGood morning.,en-US,hello\nGood night.,martian,bye\n")
    assert figures(page)["cannot be spoken"] == "1"
    page.session_state["bulk_more"] = True
    page.run()
    page.selectbox(key="bulk_role_language").set_value(NO_COLUMN)
    page.text_input(key="bulk_name_template").set_value("{slug}-{language}")
    page.text_input(key="bulk_title").set_value("My lesson").run()
    assert "cannot be spoken" not in figures(page)
    press(page, "start")
    item = stage.newest()
    assert item.title == "My lesson"
    assert [row.name for row in read_rows(stage.rig.home(item.id))] == ["0001-hello-en-US", "0002-bye-martian"]


# ---- options


def test_bulk_options_reach_the_batch_and_the_next_tab(stage: BulkStage) -> None:
    page = stage.bring()
    page.selectbox(key="bulk_language").set_value("fr")
    page.selectbox(key="bulk_format").set_value("opus")
    page.toggle(key="bulk_subtitles").set_value(True)
    page.toggle(key="bulk_track").set_value(True)
    page.session_state["bulk_more"] = True
    page.run()
    page.slider(key="bulk_speed").set_value(1.25)
    page.slider(key="bulk_pitch").set_value(2.0)
    page.slider(key="bulk_pause").set_value(0.3)
    page.slider(key="bulk_gap").set_value(1.5)
    page.selectbox(key="bulk_loudness").set_value(None)
    page.selectbox(key="bulk_track_format").set_value("m4b").run()
    press(page, "start")
    request = stage.newest().request
    wanted = SpeechRequest("", "fr", "espeak", speed=1.25, pitch=2.0, pause_ms=300, loudness=None, format="opus")
    assert SpeechRequest.from_dict(request["defaults"]) == wanted
    assert BatchOptions.from_dict(request["options"]) == BatchOptions("m4b", 1500, row_subtitles=True)
    again = stage.bring()
    assert (again.selectbox(key="bulk_language").value, again.toggle(key="bulk_track").value) == ("fr", True)


def test_bulk_what_does_not_speak_the_new_language_is_given_up(stage: BulkStage) -> None:
    google = next(voice.id for voice in voices.for_language("en-US") if voice.engine == "gtts")
    page = stage.bring()
    page.session_state["bulk_engine"] = "gtts"
    page.session_state["bulk_accent"] = "co.uk"
    page.run()
    page.selectbox(key="bulk_voice").set_value(google).run()
    page.selectbox(key="bulk_language").set_value("an")  # Aragonese, which Google does not speak
    press(page, "start")
    asked = SpeechRequest.from_dict(stage.newest().request["defaults"])
    assert (asked.language, asked.engine, asked.accent, asked.voice) == ("an", "auto", None, None)


def test_bulk_times_are_kept_only_where_there_are_times(stage: BulkStage) -> None:
    page = stage.bring(CUES, "film.srt")
    assert drawn(page, "sheet")[0]["rows"][1]["cells"] == ["0:03.0", "Good night."]
    page.toggle(key="bulk_timed").set_value(True)
    press(page, "start")
    assert BatchOptions.from_dict(stage.newest().request["options"]) == BatchOptions("mp3", timed=True)
    stage.bring(page=page)
    assert "bulk_timed" not in [toggle.key for toggle in page.toggle]
    press(page, "start")
    assert BatchOptions.from_dict(stage.newest().request["options"]) == BatchOptions()


# ---- the dry run


def test_bulk_check_tells_what_it_comes_to_and_what_is_wrong(stage: BulkStage) -> None:
    page = stage.bring(BAD)
    told = figures(page)
    assert (told["rows to be spoken"], told["cannot be spoken"], told["characters"]) == ("2", "2", "24")
    problems = roster(page, "Problems")
    assert [(row["mark"], row["facts"]) for row in problems["rows"]] == [
        ("failed", "row 2, line 3"),
        ("failed", "row 3, line 4 · Good night."),
        ("warned", "row 4, line 5 · Good night."),
    ]
    assert [(one["key"], one["count"]) for one in problems["filters"]] == [("all", 3), ("error", 2), ("warning", 1)]
    assert [row["mark"] for row in drawn(page, "sheet")[0]["rows"]] == ["", "failed", "failed", "warned"]
    assert stage.batches() == []


def test_bulk_check_counts_requests_to_google_and_rows_that_repeat(stage: BulkStage) -> None:
    page = stage.bring("text,engine\nGood morning.,gtts\nGood morning.,gtts\nGood night.,espeak\n")
    told = figures(page)
    assert told["requests to Google, about 1 s"] == "1"
    assert told["repeats another row"] == "1"


def test_bulk_check_promises_no_request_to_google_after_it_could_not_be_reached(stage: BulkStage) -> None:
    folder = stage.services.settings.queue_dir
    folder.mkdir(exist_ok=True)
    away.tell(folder, "gtts")
    os.utime(folder / "away-gtts", (stage.clock.now, stage.clock.now))
    stage.rig.sessions.update_session(stage.session_id, preferences={"bulk": {"engine": "auto"}})
    told = figures(stage.bring("text\nGood morning.\n"))
    assert told["if Google still cannot be reached"] == "eSpeak NG"
    assert not any("requests to Google" in label for label in told)
    assert figures(stage.bring("text,engine\nGood morning.,gtts\n"))["requests to Google, about 1 s"] == "1"  # nobody stands in


def test_bulk_problems_are_paged_and_filtered(stage: BulkStage) -> None:
    page = stage.bring("text,speed\n" + "Hello,fast\n" * 23 + "Hello,1\n" + 'Hello\n"Hello"\n')
    problems = roster(page, "Problems")
    assert (problems["pages"], problems["span"], len(problems["rows"])) == (3, "1 to 10 of 25", 10)
    page.session_state["bulk_problems_at"] = ("all", 3)
    assert roster(page.run(), "Problems")["span"] == "21 to 25 of 25"
    page.session_state["bulk_problems_at"] = ("warning", 3)  # a page that the filter does not have
    problems = roster(page.run(), "Problems")
    assert (problems["page"], problems["span"], {row["mark"] for row in problems["rows"]}) == (1, "1 to 2 of 2", {"warned"})


def test_bulk_problems_as_csv_hold_no_formula(stage: BulkStage) -> None:
    found = check(stage.services, stage.session_id, Upload("t.csv", b'text,speed\nHello,"=1+1"\nHello,2000\n'), Wanted(_template()))
    lines = bulk_check.problems_csv(found).decode("utf-8-sig").splitlines()
    assert lines[0] == "row,line,level,code,problem"
    assert [line.split(",")[:4] for line in lines[1:]] == [["1", "2", "error", "bad_speed"], ["2", "3", "error", "bad_speed"]]
    assert not any(cell.lstrip('"').startswith("=") for line in lines for cell in line.split(","))


# ---- the start


def test_bulk_start_with_bad_rows_asks_and_can_be_stopped(stage: BulkStage) -> None:
    page = press(stage.bring(BAD), "start")
    assert "2 of 4 rows cannot be spoken." in words(page)
    assert roster(page, "Problems")["only"] == "error"
    assert stage.batches() == []
    press(page, "stop")
    assert "Start without them" not in words(page)
    assert stage.batches() == []


def test_bulk_start_without_the_bad_rows_names_them_as_left_out(stage: BulkStage) -> None:
    page = press(press(stage.bring(BAD), "start"), "skip")
    item = stage.newest()
    assert [bool(row.skip) for row in read_rows(stage.rig.home(item.id))] == [False, True, True, False]
    assert (stage.rig.home(item.id) / "source.csv").read_bytes() == BAD.encode()
    rows = roster(page, "Rows of")
    assert [row["mark"] for row in rows["rows"]] == ["waiting", "skipped", "skipped", "waiting"]
    assert not drawn(page, "sheet")  # there is room for the next table


def test_bulk_without_a_good_row_there_is_nothing_to_start(stage: BulkStage) -> None:
    page = stage.bring("text,speed\nHello,fast\n")
    assert "None of the rows can be spoken." in words(page)
    assert page.button(key="bulk_start").disabled


def test_bulk_start_that_is_refused_keeps_the_table(stage: BulkStage, monkeypatch: pytest.MonkeyPatch) -> None:
    page = stage.bring()
    monkeypatch.setattr(stage.services.jobs, "_session_limit", 0)
    press(page, "start")
    assert words(page).count('role="alert"') == 1
    assert drawn(page, "sheet") and stage.batches() == []


def _template():  # type: ignore[no-untyped-def]
    from utils.speech.table.rows import Template

    return Template(SpeechRequest("", engine="espeak"))
