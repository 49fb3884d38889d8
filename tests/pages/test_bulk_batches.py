"""Batches on the Bulk page without a browser: open, done, failed, cancelled, gone; what they offer then."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.bulk_stage import TABLE, BulkStage, bulk_stage, figures, press, roster
from tests.pages.conftest import drawn, words
from utils.errors import EngineUnreachable
from utils.storage.archive import IN_MEMORY_BYTES
from utils.storage.batch_log import Progress, RowResult
from utils.ui import bulk_card, bulk_rows
from utils.ui.bulk_rows import address

FAILED: dict[str, Any] = {"state": "failed", "error": EngineUnreachable("Google could not be reached.", "Try later.").as_dict()}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BulkStage]:
    with bulk_stage(tmp_path, monkeypatch) as built:
        yield built


def offers(page: AppTest) -> list[str]:
    """Keys of all buttons."""
    return [button.key for button in page.button]


def downloads(page: AppTest) -> list[str]:
    return [element.proto.label for element in page.get("download_button")]


def done(number: int, **more: Any) -> RowResult:
    facts: dict[str, Any] = {"file": f"{number:04d}.wav", "engine": "espeak", "seconds": 2.0, "size_bytes": 1000}
    return RowResult(number, "done", **{**facts, **more})


def test_batch_open_shows_progress_and_rows_that_cannot_be_changed_yet(stage: BulkStage) -> None:
    page, item = stage.started()
    assert "next in the queue" in words(page)
    rows = roster(page, "Rows of lesson")
    assert [row["text"] for row in rows["rows"]] == ["Good morning.", "Guten Abend.", "Good night."]
    assert "cancel" in rows["locked"]
    assert f'href="/api/v1/items/{item.id}.zip"' in words(page)  # what is done so far
    assert "bulk_menu" not in [menu.key for menu in page.menu_button]
    stage.say(item, done(1))
    rows = roster(page.run(), "Rows of lesson")
    assert rows["rows"][0]["audio"] == address(item.id, 1, 1)
    assert [(one["key"], one["count"]) for one in rows["filters"]] == [("all", 3), ("waiting", 2), ("done", 1)]


def test_batch_second_tab_and_a_reload_show_the_same(stage: BulkStage) -> None:
    _, item = stage.started()
    assert roster(stage.open(), "Rows of lesson")["rows"]
    stage.work()
    assert figures(stage.open())["of 3 rows done"] == "3"
    assert stage.newest().id == item.id


def test_batch_done_is_heard_taken_away_and_changed(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    page.run()
    told = figures(page)
    assert told["of 3 rows done"] == "3" and told["of sound"].endswith(" s") and told["in files"].endswith("kB")
    rows = roster(page, "Rows of lesson")
    assert rows["locked"] == "" and rows["filters"] == []
    assert rows["news"] == "lesson: 3 of 3 rows done"
    first = rows["rows"][0]
    assert (first["kind"], first["mark"], first["name"], first["facts"]) == (
        "row",
        "done",
        "0001-greeting.wav",
        "0001-greeting · eSpeak NG",
    )
    assert downloads(page) == ["CSV", "XLSX", "ZIP", "Manifest"]
    assert all(element.proto.deferred_file_id for element in page.get("download_button"))  # nothing lies in /media before a click
    with zipfile.ZipFile(io.BytesIO(bulk_card.zip_bytes(stage.services, stage.session_id, item.id))) as archive:
        assert archive.namelist() == ["0001-greeting.wav", "0002-abend.wav", "0003-night.wav", "manifest.csv"]
    manifest = bulk_card.manifest(stage.services, stage.session_id, item.id).decode("utf-8-sig")
    assert [line["state"] for line in csv.DictReader(io.StringIO(manifest))] == ["done"] * 3


def test_batch_with_one_track_plays_it_with_its_own_length(stage: BulkStage) -> None:
    page = stage.bring()
    page.toggle(key="bulk_track").set_value(True).run()
    press(page, "start")
    stage.work()
    page.run()
    (player,) = drawn(page, "player")
    assert player["label"] == "All rows in one track"
    assert player["seconds"] == stage.newest().result["merged"]["seconds"]
    assert player["audio"].endswith("/files/merged.mp3?inline=1")
    assert downloads(page)[-5:] == ["ZIP", "Manifest", "MP3", "SRT", "VTT"]


def test_batch_edited_row_is_spoken_again_alone(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    page.run()
    bulk_rows.speak(stage.services, stage.session_id, item.id, 2, "Gute Nacht.")
    rows = roster(page.run(), "Rows of lesson")
    assert [row["mark"] for row in rows["rows"]] == ["done", "waiting", "done"]
    stage.work()
    rows = roster(page.run(), "Rows of lesson")
    assert [row["text"] for row in rows["rows"]] == ["Good morning.", "Gute Nacht.", "Good night."]
    assert rows["rows"][1]["audio"] == address(item.id, 2, 2)  # another address: no browser plays the old sound
    assert rows["rows"][0]["audio"] == address(item.id, 1, 1)


def test_batch_row_that_was_left_out_is_mended_in_place(stage: BulkStage) -> None:
    table = "text,filename,language,voice,speed\nGood morning.,one,,,\n,two,de,,\nGuten Tag.,three,de,Nobody,1.5\nOne.,four,,,\n"
    page = press(press(stage.bring(table), "start"), "skip")
    item = stage.newest()
    stage.work()
    rows = roster(page.run(), "Rows of lesson")["rows"]
    assert [(row["mark"], row["kind"], row["text"]) for row in rows[1:3]] == [
        ("skipped", "row", ""),
        ("skipped", "row", "Guten Tag."),
    ]
    assert rows[1]["trouble"] == "The row has no text." and "no voice" in rows[2]["trouble"]
    assert "It will be spoken in German." in rows[1]["note"]
    bulk_rows.speak(stage.services, stage.session_id, item.id, 2, "Guten Abend.")
    rows = roster(page.run(), "Rows of lesson")["rows"]
    assert [row["mark"] for row in rows] == ["done", "waiting", "skipped", "done"]
    stage.work()
    bulk_rows.speak(stage.services, stage.session_id, item.id, 3, "Guten Tag.")
    stage.work()
    assert roster(page.run(), "Rows of lesson")["rows"][1]["trouble"] == ""
    assert figures(page)["of 4 rows done"] == "4" and "left out" not in figures(page)
    results = Progress(stage.rig.home(item.id)).refresh().results
    assert [(results[number].language, results[number].state) for number in (2, 3)] == [("de", "done"), ("de", "done")]
    assert stage.newest().result["skipped"] == 0
    assert b"left out" not in (stage.rig.home(item.id) / "manifest.csv").read_bytes()


def test_batch_failed_rows_say_why_and_are_spoken_again(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    stage.say(item, RowResult(2, **FAILED))
    page.run()
    assert figures(page)["failed"] == "1"
    row = roster(page, "Rows of lesson")["rows"][1]
    assert (row["mark"], row["audio"], row["trouble"]) == ("failed", "", "Google could not be reached. Try later.")
    page.session_state[f"bulk_rows_{item.id}_at"] = ("failed", 1)
    assert [row["number"] for row in roster(page.run(), "Rows of lesson")["rows"]] == [2]
    press(page, "retry")
    assert roster(page, "Rows of lesson")["empty"] == "No row failed."
    stage.work()
    page.run()
    assert "failed" not in figures(page) and "bulk_retry" not in offers(page)


def test_batch_without_a_good_row_says_why(stage: BulkStage) -> None:
    page, _ = stage.started("text,engine\nGood morning.,gtts\n")
    stage.work()
    page.run()
    assert "No row could be spoken." in words(page)
    assert downloads(page) == ["CSV", "XLSX"]
    assert page.button(key="bulk_retry").label == "Speak the failed row again"


def test_batch_fallback_is_told_in_the_card_and_with_the_row(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    stage.say(item, done(1, fallback="Google could not be reached"))
    stage.services.sessions.update_item(stage.session_id, item.id, result=item.result | {"fallbacks": 1, "rows": 3, "done": 3})
    page.run()
    assert "1 row was spoken by eSpeak NG because Google could not be reached." in words(page).replace("\\", "")
    assert roster(page, "Rows of")["rows"][0]["note"] == "Spoken by eSpeak NG because Google could not be reached."


def test_batch_cancelled_keeps_what_is_done_and_goes_on(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.say(item, done(1))
    page.button(key=f"bulk_cancel_{item.id}").click().run()
    assert "You cancelled this." in words(page)
    assert figures(page)["of 3 rows done"] == "1"
    assert page.button(key="bulk_retry").label == "Go on"
    press(page, "retry")
    assert "next in the queue" in words(page)


def test_batch_over_25_mb_is_a_link_to_the_route_that_streams(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    stage.say(item, done(1, size_bytes=IN_MEMORY_BYTES))
    page.run()
    assert "ZIP" not in downloads(page)
    assert f'href="/api/v1/items/{item.id}.zip" download="lesson.zip"' in words(page)


def test_batch_rows_are_paged(stage: BulkStage) -> None:
    page, item = stage.started("text\n" + "".join(f"Row {n}.\n" for n in range(1, 131)))
    rows = roster(page, "Rows of")
    assert (rows["pages"], rows["span"], len(rows["rows"])) == (3, "1 to 50 of 130", 50)
    page.session_state[f"bulk_rows_{item.id}_at"] = ("all", 3)
    rows = roster(page.run(), "Rows of")
    assert (rows["span"], rows["rows"][-1]["text"]) == ("101 to 130 of 130", "Row 130.")
    page.session_state[f"bulk_rows_{item.id}_at"] = ("waiting", 9)  # beyond the last page
    assert roster(page.run(), "Rows of")["span"] == "101 to 130 of 130"


def test_batch_timed_rows_tell_what_did_not_fit(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    stage.say(item, done(1, faster=1.6, over_s=0.84))
    row = roster(page.run(), "Rows of")["rows"][0]
    assert (row["facts"], row["trouble"]) == ("0001-greeting · eSpeak NG · 1.60 x faster to fit", "Runs 0.8 s over its time.")


# ---- several


def test_batches_others_are_listed_and_open_in_place(stage: BulkStage) -> None:
    for number in range(13):
        stage.started(f"text\nRow of table {number}.\n", f"table {number}.csv")
    stage.work()
    page = stage.open()
    assert roster(page, "Rows of table 12")
    others = roster(page, "Other batches")["rows"]
    assert [row["text"] for row in others] == [f"table {n}" for n in range(11, 1, -1)]
    assert others[0]["kind"] == "opens" and "1 of 1 row" in others[0]["facts"]
    press(page, "show_more")
    assert len(roster(page, "Other batches")["rows"]) == 12
    assert "bulk_show_more" not in offers(page)
    page.session_state["bulk_open"] = others[3]["key"]
    assert roster(page.run(), "Rows of table 8")


def test_batches_newest_open_one_is_shown_and_stays(stage: BulkStage) -> None:
    stage.started(name="first.csv")
    stage.work()
    stage.started(name="second.csv")
    first_tab = stage.open()
    assert roster(first_tab, "Rows of second")
    stage.started(name="third.csv")
    assert roster(first_tab.run(), "Rows of second")
    assert "0 of 3 rows so far" in roster(first_tab, "Other batches")["rows"][0]["facts"]


def test_batch_deleted_in_another_tab_is_one_sentence(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    page.run()
    stage.services.sessions.delete_item(stage.session_id, item.id)
    page.run()
    assert not page.exception
    assert "This batch is gone" in words(page)
    assert "There is no such" not in words(page)
    stage.bring(TABLE, page=page)
    press(page, "start")
    assert "This batch is gone" not in words(page)


def test_batch_delete_with_undo_rename_and_keep(stage: BulkStage) -> None:
    page, item = stage.started()
    stage.work()
    page.run()
    page.menu_button(key="bulk_menu").click("Rename").run()
    page.text_input(key=f"bulk_title_{item.id}").set_value("Lesson <one>").run()
    assert stage.newest().title == "Lesson <one>"
    page.menu_button(key="bulk_menu").click("Keep").run()
    assert stage.newest().permanent and "kept" in words(page)
    page.menu_button(key="bulk_menu").click("Delete").run()
    assert "Deleted: Lesson &lt;one&gt;" in words(page)
    assert stage.batches() == []
    press(page, "undo")
    assert figures(page)["of 3 rows done"] == "3"
    assert not page.exception
