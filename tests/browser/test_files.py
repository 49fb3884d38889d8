"""The Files page in a real browser."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import files, steady
from tests.browser.conftest import Visit, Watch
from tests.browser.servers import Server
from tests.browser.test_look import audit

CANARIES = [
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(2)>',
    "[click](javascript:alert(3))",
    "![pixel](http://evil.example/p.png)",
    "<script src=http://evil.example/x.js></script>",
]

# What the Live page keeps in a browser.
KEEP = """() => new Promise((done) => {
    localStorage.setItem("sotto-live-tail", "{}");
    const asked = indexedDB.open("sotto-live", 1);
    asked.onsuccess = () => (asked.result.close(), done());
})"""


def opened(server: Server, visit: Visit, *texts: str, **options: object) -> Page:
    """The page of a new visitor who has spoken these texts."""
    page = files.ready(visit(f"{server.url}/files", **options))
    for text in texts:
        files.speak(page, text)
    if texts:
        page.reload()
        expect(files.lines(page)).to_have_count(len(texts))
    return page


def test_item_is_found_heard_renamed_kept_and_made_again(server: Server, visit: Visit, watch: Watch) -> None:
    watch.forgiven.clear()  # opened by its own address, the page asks for nothing that is not there
    page = opened(server, visit, "The library closes at six.", "Good night.")
    steady.slowly(page)
    page.get_by_label("Search", exact=True).fill("LIBRARY")
    page.keyboard.press("Enter")
    expect(files.lines(page)).to_have_count(1)
    play = files.lines(page).get_by_role("button", name="Play The library closes at six.")
    play.click()
    expect(files.lines(page).get_by_role("button", name="Pause The library closes at six.")).to_be_visible()
    place = files.open_item(page, "The library closes at six.")
    expect(place).to_be_focused()
    expect(place.get_by_role("group", name="Player: The library closes at six.")).to_be_visible()
    place.get_by_role("button", name="Menu").click()
    page.get_by_role("menuitem", name="Rename").click()
    place.get_by_label("Title", exact=True).fill("Closing time")
    place.get_by_role("button", name="Done").click()
    expect(files.line(page, "Closing time")).to_be_visible()
    place.get_by_role("button", name="Menu").click()
    page.get_by_role("menuitem", name="Keep", exact=False).first.click()
    expect(files.line(page, "Closing time").get_by_text("kept")).to_be_visible()
    with page.expect_download() as download:
        place.get_by_role("button", name="MP3").click()
    assert download.value.suggested_filename == "Closing time.mp3"
    place.get_by_role("button", name="Again with changes").click()
    expect(page.get_by_role("heading", name="Speak", exact=True)).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_have_value("The library closes at six.")


def test_choice_survives_quick_clicks_and_becomes_a_zip(server: Server, visit: Visit) -> None:
    names = [f"Number {n}" for n in range(6)]
    page = opened(server, visit, *names)
    files.choose(page, *names[:5])
    expect(page.get_by_text("5 files chosen")).to_be_visible()
    for name in names[:5]:
        expect(page.get_by_role("checkbox", name=f"Choose {name}", exact=True)).to_be_checked()
    with page.expect_download() as download:
        page.get_by_role("button", name="ZIP", exact=True).click()
    archive = zipfile.ZipFile(download.value.path())
    assert archive.testzip() is None
    table = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert sorted(row["title"] for row in table) == names[:5]
    page.get_by_role("checkbox", name="Choose these 6").check()
    expect(page.get_by_text("6 files chosen")).to_be_visible()
    page.get_by_role("checkbox", name="Choose Number 0", exact=True).uncheck()
    page.get_by_role("checkbox", name="Choose Number 3", exact=True).click(modifiers=["Shift"])
    expect(page.get_by_text("2 files chosen")).to_be_visible()


def test_many_are_deleted_and_taken_back_and_two_tabs_agree(server: Server, visit: Visit) -> None:
    page = opened(server, visit, "One", "Two", "Three")
    other = files.ready(visit(f"{server.url}/files", page.context))
    files.open_item(other, "Two")
    files.choose(page, "One", "Two")
    expect(page.get_by_text("2 files chosen")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Deleted: 2 files.")).to_be_visible()
    expect(files.lines(page)).to_have_count(1)
    other.get_by_role("button", name="Close", exact=True).click()
    expect(files.lines(other)).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(files.lines(page)).to_have_count(3)
    files.choose(page, "Three")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()  # after ten seconds
    expect(files.lines(page)).to_have_count(2)


def test_batch_and_transcript_open_in_place_and_speech_is_transcribed(server: Server, visit: Visit) -> None:
    page = opened(server, visit)
    made = files.send(page, "/bulk", "greetings.csv", b"text,filename\nGood morning.,a\nGood night.,b\n")
    files.wait_for(page, made["job"]["id"])
    files.speak(page, "Transcribe me, please.")
    page.reload()
    place = files.open_item(page, "greetings")
    expect(place.get_by_role("list", name="Rows of greetings").get_by_role("listitem")).to_have_count(2)
    place = files.open_item(page, "Transcribe me, please.")
    place.get_by_role("button", name="Transcribe this").click()
    expect(files.line(page, "Transcribe me, please.").get_by_text("transcript")).to_be_visible()
    expect(place.get_by_role("button", name="TXT")).to_be_visible(timeout=60_000)
    place.get_by_role("button", name="Open in Transcribe").click()
    expect(page.get_by_role("heading", name="Transcribe", exact=True)).to_be_visible()


def test_clear_leaves_a_working_session(server: Server, visit: Visit) -> None:
    page = opened(server, visit, "One", "Two")
    long = "The quick brown fox jumps over the lazy dog. " * 2000
    files.ask(page, "POST", "/speech", {"text": long, "engine": "espeak", "title": "Long"})
    page.reload()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Clear my files").click()
    expect(page.get_by_text("Delete 3 files")).to_contain_text("1 piece of running work is cancelled first.")
    page.get_by_role("button", name="Delete all of them").click()
    expect(page.get_by_text("Everything you make appears here")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    files.speak(page, "Still here")
    page.reload()
    expect(files.lines(page)).to_have_count(1)


def test_session_goes_to_another_browser_by_a_code_and_is_forgotten(server: Server, visit: Visit, watch: Watch) -> None:
    here = opened(server, visit, "Mine")
    here.get_by_text("Privacy, another browser").click()
    here.get_by_role("button", name="Make a code").click()
    code = here.locator(".code").inner_text()
    there = files.ready(visit(f"{server.url}/files"))
    there.get_by_text("Privacy, another browser").click()
    there.get_by_label("Code from the other browser").fill("0000-0000-0000")
    watch.forgiven.append("/session/redeem")
    there.get_by_role("button", name="Open that session here").click()
    expect(there.get_by_text("This code opens nothing.")).to_be_visible()
    there.get_by_label("Code from the other browser").fill(code.lower())
    there.get_by_role("button", name="Open that session here").click()
    expect(files.line(there, "Mine")).to_be_visible()
    before = files.session_of(there)
    assert before == files.session_of(here) and code not in there.url
    there.get_by_text("Privacy, another browser").click()
    there.evaluate(KEEP)
    there.get_by_role("button", name="Delete everything and forget me").click()
    there.get_by_role("button", name="Delete and forget").click()
    expect(there.get_by_text("Everything you make appears here")).to_be_visible()
    assert files.session_of(there) != before
    left = there.evaluate("async () => [localStorage.getItem('sotto-live-tail'), (await indexedDB.databases()).length]")
    assert left == [None, 0]
    assert not (server.outputs / before).exists()
    here.get_by_role("button", name="Make a code").click()
    expect(here.get_by_text("This session has ended")).to_be_visible()


def tagged_mp3(text: str) -> bytes:
    """Two silent MPEG frames behind an ID3 tag whose title, artist and comment are this text."""
    frames = b""
    for name in (b"TIT2", b"TPE1", b"TALB"):
        body = b"\x03" + text.encode()
        frames += name + struct.pack(">I", len(body)) + b"\x00\x00" + body
    size = len(frames)
    spread = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    frame = b"\xff\xfb\x90\xc4" + bytes(413)
    return b"ID3\x03\x00\x00" + spread + frames + frame * 40


TOGETHER = [" ".join(CANARIES[:3]), " ".join(CANARIES[3:])]


@pytest.mark.parametrize("canary", [*TOGETHER, *(pytest.param(one, marks=pytest.mark.long) for one in CANARIES)])
def test_canaries_are_shown_as_text_wherever_they_come_in(server: Server, visit: Visit, canary: str) -> None:
    page = opened(server, visit)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    files.speak(page, f"Text {canary}", canary)
    upload = files.send(page, "/upload", f"{canary[:60]}.mp3".replace("/", "_"), tagged_mp3(canary), "audio/mpeg")
    cells = io.StringIO()
    csv.writer(cells).writerows([["text", "filename", "title"], [f"Row {canary}", canary, canary]])
    made = files.send(page, "/bulk", f"{canary[:60]}.csv".replace("/", "_"), cells.getvalue().encode())
    files.wait_for(page, made["job"]["id"])
    files.transcript(server, page, f"Heard {canary}"[:100], canary)
    assert upload["item"]["id"]
    page.reload()
    expect(files.lines(page)).to_have_count(4)
    page.get_by_label("Search", exact=True).fill(canary)
    page.keyboard.press("Enter")
    steady.rest(page)
    page.get_by_label("Search", exact=True).fill("")
    page.keyboard.press("Enter")
    expect(files.lines(page)).to_have_count(4)
    for place in range(4):
        files.lines(page).nth(place).locator("button.main").click()
        opened_place = page.locator(".st-key-files_opened")
        expect(opened_place.get_by_role("button", name="Close", exact=True)).to_be_visible()
        opened_place.get_by_text("Details", exact=True).click()
        steady.rest(page)
        opened_place.get_by_role("button", name="Close", exact=True).click()
        expect(opened_place).to_be_hidden()
    page.get_by_role("checkbox", name="Choose these 4").check()
    expect(page.get_by_text("4 files chosen")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Deleted: 4 files.")).to_be_visible()
    assert page.locator("img[src*='evil'], script[src*='evil'], a[href^='javascript']").count() == 0


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(390, "light"), *(pytest.param(*wide, marks=pytest.mark.long) for wide in [(390, "dark"), (1280, "light")])],
)
def test_every_state_has_names_contrast_and_no_sideways_scrolling(server: Server, visit: Visit, width: int, scheme: str) -> None:
    page = opened(server, visit, viewport={"width": width, "height": 844}, color_scheme=scheme)
    found = {"empty": audit(page)}
    for text in ("A file with averylongwordthatcannotbebroken" + "x" * 60, "Short"):
        files.speak(page, text)
    page.reload()
    expect(files.lines(page)).to_have_count(2)
    found["list"] = audit(page)
    place = files.open_item(page, "Short")
    place.get_by_text("Details", exact=True).click()
    expect(place.get_by_text("How it was made")).to_be_visible()
    found["open"] = audit(page)
    files.choose(page, "Short")
    expect(page.get_by_text("1 file chosen")).to_be_visible()
    found["chosen"] = audit(page)
    page.get_by_text("Privacy, another browser").click()
    expect(page.get_by_role("button", name="Make a code")).to_be_visible()
    page.get_by_role("button", name="Make a code").click()
    expect(page.locator(".code")).to_be_visible()
    page.get_by_role("button", name="Clear my files").click()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_visible()
    found["privacy"] = audit(page)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Deleted: 1 file.")).to_be_visible()
    found["undo"] = audit(page)
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_keyboard_alone_opens_chooses_and_closes(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = opened(server, visit, "One", "Two", "Three")
    files.line(page, "Three").locator("button.main").focus()
    page.keyboard.press("ArrowDown")
    expect(files.line(page, "Two").locator("button.main")).to_be_focused()
    page.keyboard.press("Enter")
    place = page.locator(".st-key-files_opened")
    expect(place).to_be_focused()
    place.get_by_role("button", name="Close", exact=True).press("Enter")
    expect(files.line(page, "Two").locator("button.main")).to_be_focused()
    page.get_by_role("checkbox", name="Choose Two", exact=True).focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("1 file chosen")).to_be_visible()
