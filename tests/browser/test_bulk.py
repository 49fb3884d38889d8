"""The Bulk page in a real browser: a table goes in, its problems are seen, rows are heard, changed, and taken away as one ZIP."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import bulk
from tests.browser.conftest import Visit, Watch
from tests.browser.servers import Server
from tests.browser.steady import at_once, slowly
from tests.browser.test_look import audit
from utils.audio.decoder import decode_trusted


def zip_of(page: Page, folder: Path) -> zipfile.ZipFile:
    """Download the ZIP of the card."""
    with page.expect_download() as download:
        bulk.card(page).get_by_role("button", name="ZIP").click()
    assert download.value.suggested_filename == "announcements.zip"
    taken = folder / "taken.zip"
    download.value.save_as(taken)
    return zipfile.ZipFile(taken)


def test_table_with_a_bad_row_from_the_check_to_the_zip(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    bulk.bring(page)
    assert server.outputs.glob("*/bulk/*") and "announcements" not in bulk.items(server)  # nothing is made before the start
    problems = page.get_by_role("list", name="Problems of the table")
    expect(problems.get_by_role("listitem")).to_have_count(1)
    expect(problems).to_contain_text("The row has no text.")
    expect(page.get_by_role("region", name="First rows of announcements.csv").get_by_role("row")).to_have_count(6)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("1 of 6 rows cannot be spoken.")
    page.get_by_role("button", name="Start without 1 row").click()
    expect(bulk.menu(page)).to_be_visible()
    expect(bulk.rows(page)).to_have_count(6)
    expect(bulk.card(page)).to_contain_text("of 6 rows done")
    expect(bulk.card(page)).to_contain_text("spoken by eSpeak NG because Google could not be reached.")

    slowly(page)
    page.get_by_role("button", name="Play row 2", exact=True).click()
    sound = bulk.card(page).locator("audio").element_handle()
    page.wait_for_function("sound => sound.currentTime > 0.1", arg=sound)
    page.get_by_role("button", name="Play row 1", exact=True).click()
    expect(page.get_by_role("button", name="Pause row 1", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Play row 2", exact=True)).to_be_visible()  # one at a time

    with page.expect_download() as download:
        page.get_by_role("link", name="Download 0001-welcome.mp3").click()
    welcome = download.value.path().read_bytes()

    with zip_of(page, tmp_path) as archive:
        assert archive.read("0001-welcome.mp3") == welcome
        names = ["0001-welcome.mp3", "0002-library.mp3", "0004-abend.mp3", "0005-again.mp3", "0006-night.mp3", "manifest.csv"]
        assert archive.namelist() == names
        assert archive.testzip() is None
        for name in names[:-1]:
            assert decode_trusted(archive.read(name)).seconds > 0.3
        manifest = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert [line["state"] for line in manifest] == ["done", "done", "skipped", "done", "done", "done"]
    assert manifest[1]["engine"] == "espeak"

    page.get_by_role("button", name="Edit row 3").click()  # the one that was left out
    page.get_by_label("Text of row 3").fill("Please take your coats with you.")
    page.get_by_role("button", name="Speak this row, too").click()
    expect(page.get_by_role("button", name="Play row 3", exact=True)).to_be_visible()
    expect(bulk.menu(page)).to_be_visible()
    with zip_of(page, tmp_path) as archive:
        assert decode_trusted(archive.read("0003-empty.mp3")).seconds > 1


def test_row_is_changed_in_place_and_spoken_alone(server: Server, visit: Visit) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    bulk.made(page, "text\nGood morning.\nGood night.\n", "changes.csv")
    folder, _ = bulk.items(server)["changes"]
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mp3")}
    page.get_by_role("button", name="Edit row 2").click()
    field = page.get_by_label("Text of row 2")
    expect(field).to_be_focused()
    expect(field).to_have_value("Good night.")
    field.press("Escape")
    expect(field).to_have_count(0)
    page.get_by_role("button", name="Edit row 2").click()
    field.fill("Sleep well, all of you, and see you tomorrow in the morning.")
    field.press("Control+Enter")
    expect(bulk.rows(page).nth(1)).to_contain_text("Sleep well")
    expect(bulk.rows(page).nth(1)).to_contain_text("0:03")
    expect(page.get_by_role("button", name="Play row 2", exact=True)).to_be_visible()
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mp3")}
    assert {name for name in after if after[name] != before[name]} == {"0002.mp3"}
    page.get_by_role("button", name="Play row 2", exact=True).click()
    sound = bulk.card(page).locator("audio")
    page.wait_for_function("sound => sound.currentTime > 0.1 && sound.duration > 2.5", arg=sound.element_handle())
    expect(bulk.menu(page)).to_be_visible()
    page.get_by_role("button", name="Edit row 1").click()
    page.get_by_label("Text of row 1").fill("?!")
    page.get_by_role("button", name="Speak this row").click()
    expect(page.get_by_role("alert")).to_have_count(1)  # nothing to say is one sentence
    assert page.locator(".stException").count() == 0


def test_reload_in_mid_work_shows_the_same_work_and_pages_turn(server: Server, visit: Visit) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    bulk.start(page, bulk.LONG, "long.csv")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.reload()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(bulk.rows(page)).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    expect(bulk.rows(page).first).to_contain_text("row number 51 ")
    page.get_by_label("Page", exact=False).last.fill("8")
    page.keyboard.press("Enter")
    expect(bulk.rows(page).first).to_contain_text("row number 351 ")
    other_tab = visit(server.url + "/bulk", page.context)
    expect(other_tab.get_by_role("progressbar")).to_be_visible()
    expect(other_tab.get_by_role("button", name=re.compile(r"^Play row \d"))).not_to_have_count(0)  # heard while others are made
    other_tab.get_by_role("button", name=re.compile(r"^Done \d")).click()
    expect(bulk.rows(other_tab).first).to_contain_text("row number 1 ")
    with at_once():  # before the work is over
        other_tab.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You cancelled this.")).to_be_visible()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


def test_batch_deleted_in_another_tab_while_it_runs_is_told(server: Server, visit: Visit, watch: Watch) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    bulk.start(page, bulk.LONG, "unwanted.csv")
    expect(page.get_by_role("progressbar")).to_be_visible()
    folder, _ = bulk.items(server)["unwanted"]
    other_tab = visit(server.url + "/bulk", page.context)
    expect(other_tab.get_by_role("progressbar")).to_be_visible()
    gone = f"fetch('/api/v1/items/{folder.name}?force=true', {{method: 'DELETE'}}).then(answer => answer.status)"
    assert other_tab.evaluate(gone) == 204
    for tab in (page, other_tab):
        expect(tab.get_by_text("This batch is gone")).to_be_visible()
        expect(tab.get_by_role("progressbar")).to_have_count(0)
    assert not folder.exists()


def test_batch_deleted_here_comes_back_by_undo_and_others_open_in_place(server: Server, visit: Visit) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    bulk.made(page, "text\nGood morning.\n", "kept.csv")
    bulk.made(page, "text\nGood night.\n", "deleted.csv")
    bulk.menu(page).click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_text("Deleted: deleted")).to_be_visible()
    assert "deleted" not in bulk.items(server)
    page.get_by_role("button", name="Undo").click()
    expect(bulk.rows(page).first).to_contain_text("Good night.")
    page.get_by_role("button", name="kept").click()
    expect(bulk.rows(page).first).to_contain_text("Good morning.")


def test_subtitles_become_one_track_at_their_times(server: Server, visit: Visit) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    bulk.bring(page, bulk.CUES, "film.srt")
    page.get_by_text("Keep the times of the cues").click()
    page.get_by_role("button", name="Start", exact=True).click()
    player = page.get_by_role("group", name="Player: All rows in one track")
    expect(player).to_contain_text("0:05")
    player.get_by_role("button", name="Play").click()
    page.wait_for_function("sound => sound.currentTime > 0.1", arg=player.locator("audio").element_handle())
    for label in ("SRT", "VTT"):
        with page.expect_download() as download:
            bulk.card(page).get_by_role("button", name=label).click()
        assert "00:00:04" in download.value.path().read_text("utf-8")


def test_example_and_templates_are_one_click(server: Server, visit: Visit) -> None:
    page = bulk.ready(visit(server.url + "/bulk"))
    for label, head in (("CSV", b"\xef\xbb\xbftext,"), ("XLSX", b"PK")):
        with page.expect_download() as download:
            page.get_by_role("button", name=label, exact=True).click()
        assert download.value.path().read_bytes().startswith(head)
    page.get_by_role("button", name="Try an example table").click()
    expect(page.get_by_text("rows to be spoken")).to_be_visible()
    expect(page.get_by_role("region", name="First rows of Pasted.csv").get_by_role("row")).to_have_count(5)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(1280, "light", marks=pytest.mark.long)])
def test_every_state_has_names_contrast_and_no_sideways_scrolling(server: Server, visit: Visit, width: int, scheme: str) -> None:
    page = bulk.ready(visit(server.url + "/bulk", viewport={"width": width, "height": 844}, color_scheme=scheme))
    found = {"empty": audit(page)}
    page.get_by_role("tab", name="Paste").click()
    page.get_by_label("Rows", exact=True).fill("greeting;place\nGood morning;Rome")
    page.keyboard.press("Control+Enter")
    page.get_by_role("radio", name="A table").click()
    expect(page.get_by_text("No column is called text.")).to_be_visible()
    found["pasted, no text"] = audit(page)
    page.get_by_role("tab", name="From a file").click()
    bulk.bring(page, bulk.TABLE + "averylongword" * 20 + ",x,en-US,fast\n")
    found["checked"] = audit(page)
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_role("textbox", name="File name with variables")).to_be_visible()
    found["more"] = audit(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Start without").click()
    expect(bulk.menu(page)).to_be_visible()
    page.get_by_role("button", name="Edit row 1").click()
    found["done"] = audit(page)
    bulk.start(page, bulk.LONG, "long.csv")
    expect(page.get_by_role("progressbar")).to_be_visible()
    found["running"] = audit(page)
    with at_once():  # before the work is over
        page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You cancelled this.")).to_be_visible()
    found["cancelled"] = audit(page)
    assert {state: problems for state, problems in found.items() if problems} == {}
