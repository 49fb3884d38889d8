"""The Transcribe page in a real browser, from the file to the corrected text, with a real model and real speech."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser import transcribe
from tests.browser.conftest import Visit, Watch
from tests.browser.servers import Server, running
from tests.browser.steady import at_once, slowly
from tests.browser.test_look import audit
from tests.browser.transcribe import KITCHEN, recording


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a real, small Whisper model and a low limit for uploads."""
    folder = tmp_path_factory.mktemp("hearing")
    with running("streamlit", folder, WHISPER_MODEL=str(transcribe.MODEL), MAX_UPLOAD_MB="60") as started:
        yield started


@pytest.fixture
def page(hearing: Server, visit: Visit) -> Page:
    """A new visitor on the Transcribe page."""
    return transcribe.ready(visit(f"{hearing.url}/transcribe"))


# ---- sending


def test_several_files_are_sent_and_one_bad_file_fails_alone(page: Page, hearing: Server, watch: Watch) -> None:
    watch.forgiven.append("/api/v1/upload")
    kitchen, door = recording(*KITCHEN), recording("Open the window.", "Good morning.")
    transcribe.bring(page, [("kitchen.wav", kitchen), ("notes.mp3", b"These are words, no sound. " * 400), ("door.wav", door)])
    expect(page.get_by_text("2 recordings ready")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="not a recording")).to_be_visible()
    transcribe.start_button(page).click()
    expect(page.get_by_role("button", name="Menu")).to_be_visible(timeout=60_000)
    expect(page.locator(".job")).to_have_count(0, timeout=60_000)
    expect(transcribe.look(page, "kitchen").locator(".text")).to_have_text(list(KITCHEN))
    expect(transcribe.look(page, "door").locator(".text")).to_have_text(["Open the window.", "Good morning."])
    page.reload()
    transcribe.look(transcribe.ready(page), "kitchen")


def test_past_the_limit_is_told_and_nothing_is_sent(page: Page, hearing: Server) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/upload" in request.url else None)
    page.get_by_label("Recordings or videos").evaluate("""picker => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(63 * 1024 * 1024)], "much.wav"));
        files.items.add(new File([], "nothing.wav"));
        picker.files = files.files;
        picker.dispatchEvent(new Event("change"));
    }""")
    expect(page.get_by_role("alert").filter(has_text="60 MB (MAX_UPLOAD_MB)")).to_contain_text("Nothing was sent.")
    expect(page.get_by_role("alert").filter(has_text="This file is empty")).to_be_visible()
    page.get_by_role("button", name="Remove much.wav").click()
    expect(page.get_by_text("much.wav")).to_have_count(0)
    assert sent == []


def test_dropped_files_are_sent_and_names_are_no_markup(page: Page, hearing: Server) -> None:
    name = transcribe.CANARY.replace("/", "") + ".wav"
    data = list(recording("Good morning."))
    page.evaluate(
        """([name, data]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(data)], name));
        for (const type of ["dragover", "drop"])
            document.querySelector("h1").dispatchEvent(new DragEvent(type, {dataTransfer: files, bubbles: true, cancelable: true}));
    }""",
        [name, data],
    )
    expect(page.get_by_text("1 recording ready")).to_be_visible()
    transcribe.start_button(page).click()
    transcribe.wait_for_card(page, name.removesuffix(".wav"))
    assert page.locator("img[src=x]").count() == 0
    expect(page.get_by_text(name.removesuffix(".wav")).first).to_be_visible()


def test_name_that_turns_text_around_is_shown_plainly(page: Page, watch: Watch) -> None:
    watch.forgiven.append("/api/v1/upload")
    page.get_by_label("Recordings or videos").evaluate("""picker => {
        const files = new DataTransfer();
        files.items.add(new File(["no sound"], "holiday\u202egpj.mp3"));
        picker.files = files.files;
        picker.dispatchEvent(new Event("change"));
    }""")
    expect(page.get_by_text("holidaygpj.mp3", exact=True)).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="not a recording")).to_be_visible()


def test_sending_can_be_cancelled_and_a_broken_connection_is_tried_again(page: Page, watch: Watch) -> None:
    watch.forgiven.append("/api/v1/upload")
    page.route("**/api/v1/upload", lambda route: route.abort())
    transcribe.bring(page, [("kitchen.wav", recording("Good morning."))])
    expect(page.get_by_role("alert").filter(has_text="connection broke off")).to_be_visible()
    page.unroute("**/api/v1/upload")
    page.get_by_role("button", name="Send kitchen.wav again").click()
    expect(page.get_by_text("1 recording ready")).to_be_visible()
    page.route("**/api/v1/upload", lambda route: None)  # never answered
    transcribe.bring(page, [("stuck.wav", recording("Good night."))])
    page.get_by_role("button", name="Cancel stuck.wav").click()
    expect(page.get_by_text("stuck.wav")).to_have_count(0)
    page.get_by_role("button", name="Remove kitchen").click()
    expect(page.get_by_text("1 recording ready")).to_have_count(0)


def test_start_before_all_is_sent_lets_the_rest_follow_once_each(page: Page, hearing: Server) -> None:
    before = len(transcribe.items(hearing))
    files = [(f"take {number}.wav", recording("Good morning.")) for number in range(5)]
    transcribe.bring(page, files)
    expect(transcribe.start_button(page)).to_be_enabled()
    with at_once():  # while the rest arrives
        transcribe.start_button(page).click()
    expect(page.locator(".file")).to_have_count(0)
    expect(page.locator(".job")).to_have_count(0, timeout=90_000)
    assert len(transcribe.items(hearing)) == before + 5


# ---- in work


def test_work_shows_text_and_footage_survives_a_reload_and_cancel_keeps_the_text(page: Page) -> None:
    transcribe.start(page, ("interview.wav", transcribe.interview(10)))
    row = page.locator(".job").filter(has_text="interview")
    expect(row.locator(".text")).to_be_visible(timeout=60_000)
    expect(row.locator(".count")).to_have_text(re.compile(r"^\d+:\d\d / 1\d:\d\d$"))
    page.reload()
    transcribe.ready(page)
    row = page.locator(".job").filter(has_text="interview")
    with at_once():  # before the work is over
        row.get_by_role("button", name="Read what is there").click()
    expect(transcribe.card(page).locator(".rows .text").first).to_be_visible()
    with at_once():  # before the work is over
        row.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("What was heard until then is kept.")).to_be_visible()
    assert len(transcribe.segments(page)) > 3


# ---- the result


def test_word_click_plays_there_and_the_spoken_word_is_followed(page: Page) -> None:
    shown = transcribe.made(slowly(page))
    word = shown.locator(".text").nth(1).locator("span").nth(1)
    at = shown.locator("audio")
    word.click()
    expect(shown.get_by_role("button", name="Pause")).to_be_visible()
    # Where it began to play, not where it is: on a busy machine the place is only taken once the sound's length is known.
    start_s = at.evaluate("""async audio => {
        for (let tries = 0; tries < 200 && !audio.played.length; tries++) await new Promise(go => setTimeout(go, 50));
        return audio.played.length ? audio.played.start(0) : -1;
    }""")
    assert start_s > 1.5
    expect(shown.locator(".text .here")).to_have_count(1)
    shown.get_by_role("button", name="Pause").click()
    shown.get_by_role("button", name="Play from 0 seconds").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(shown.get_by_role("button", name="Pause")).to_be_visible()
    before = "([audio, start_s]) => audio.played.length && audio.played.start(0) < start_s"
    page.wait_for_function(before, arg=[at.element_handle(), start_s])


def test_search_finds_and_shows_where(page: Page) -> None:
    shown = transcribe.made(page)
    shown.get_by_role("searchbox").fill("window")
    expect(shown.locator(".text")).to_have_count(1)
    expect(shown.locator(".found")).to_have_text("window.")
    shown.get_by_role("searchbox").fill("nowhere at all")
    expect(shown.get_by_text("Nothing in the text matches.")).to_be_visible()
    shown.get_by_role("searchbox").fill("")
    expect(shown.locator(".text")).to_have_count(len(KITCHEN))


def test_correct_split_join_remove_undo_and_compare_with_what_was_heard(page: Page) -> None:
    shown = transcribe.made(page)

    def edit(number: int) -> None:
        shown.get_by_role("button", name="Correct the text").nth(number).click()

    edit(1)
    field = shown.get_by_role("textbox", name="Text", exact=True)
    field.fill(f"Thank you {transcribe.CANARY}")
    field.press("Control+Enter")
    expect(shown.locator(".text").nth(1)).to_have_text(f"Thank you {transcribe.CANARY}")
    expect(shown.get_by_text("Changes", exact=True)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    edit(0)
    field.evaluate("box => box.setSelectionRange(17, 17)")
    shown.get_by_role("button", name="Split at the cursor").click()
    expect(shown.locator(".text")).to_have_count(4)
    assert transcribe.segments(page)[:2] == ["Turn on the light", "in the kitchen."]
    edit(0)
    shown.get_by_role("button", name="Join with the next").click()
    expect(shown.locator(".text")).to_have_count(3)
    edit(2)
    shown.get_by_role("button", name="Remove", exact=True).click()
    expect(shown.locator(".text")).to_have_count(2)
    shown.get_by_role("button", name="Undo", exact=True).click()
    expect(shown.locator(".text")).to_have_count(3)
    shown.get_by_role("button", name="Redo", exact=True).click()
    expect(shown.locator(".text")).to_have_count(2)
    shown.get_by_role("button", name="Original").click()
    expect(shown.locator(".text")).to_have_text(list(KITCHEN))
    page.reload()
    transcribe.ready(page)
    expect(shown.locator(".text")).to_have_count(2)
    shown.get_by_text("Changes", exact=True).click()
    expect(shown.get_by_text("Thank you very much.")).to_be_visible()


def test_wrong_times_are_told_in_the_editor_and_what_was_typed_stays(page: Page) -> None:
    shown = transcribe.made(page)
    shown.get_by_role("button", name="Correct the text").nth(1).click()
    shown.get_by_label("From", exact=True).fill("0:99.9")
    shown.get_by_label("To", exact=True).fill("soon")
    shown.get_by_role("button", name="Save").click()
    expect(shown.get_by_role("alert")).to_contain_text("Write times as")
    assert shown.get_by_label("To", exact=True).input_value() == "soon"
    page.keyboard.press("Escape")
    expect(shown.get_by_label("To", exact=True)).to_have_count(0)


def test_two_tabs_do_not_overwrite_each_other(page: Page, hearing: Server, visit: Visit) -> None:
    first = transcribe.made(page)
    other = transcribe.ready(visit(f"{hearing.url}/transcribe", page.context))
    second = transcribe.wait_for_card(other, "kitchen")
    for shown, text in ((first, "From the first tab."), (second, "From the second tab.")):
        shown.get_by_role("button", name="Correct the text").first.click()
        shown.get_by_role("textbox", name="Text", exact=True).fill(text)
        shown.get_by_role("button", name="Save").click()
        if shown is first:
            expect(first.locator(".text").first).to_have_text(text)
    expect(second.get_by_role("alert")).to_contain_text("changed in the meantime")
    assert second.get_by_role("textbox", name="Text", exact=True).input_value() == "From the second tab."


def taken(page: Page, shown: Locator, form: str) -> bytes:
    """What a button for a form gives. Streamlit forgets a file that a run has replaced, so a click beside a run is done again."""
    for tries_left in (2, 1, 0):
        try:
            with page.expect_download(timeout=20_000) as waiting:
                shown.get_by_role("button", name=form, exact=True).click()
            return Path(waiting.value.path()).read_bytes()
        except PlaywrightTimeout:
            if not tries_left:
                raise
    raise AssertionError


def test_subtitles_preview_follows_the_preset_and_every_form_can_be_taken(page: Page) -> None:
    shown = transcribe.made(page)
    for form, begins in (
        ("TXT", b""),
        ("SRT", b"1"),
        ("VTT", b"WEBVTT"),
        ("TSV", b""),
        ("JSON", b"{"),
        ("LRC", b"["),
        ("DOCX", b"PK"),
    ):
        with page.expect_download() as waiting:
            shown.get_by_role("button", name=form, exact=True).click()
        data = Path(waiting.value.path()).read_bytes()
        assert data.removeprefix(b"\xef\xbb\xbf").startswith(begins), form
        assert waiting.value.suggested_filename == f"kitchen.{form.lower()}"
        if form == "TXT":
            assert b"Turn on the light" in data
    shown.get_by_text("Subtitles", exact=True).click()
    expect(shown.get_by_text("break a rule")).to_be_visible()
    cues = shown.locator(".row").count()
    shown.get_by_role("combobox", name="Preset").click()
    page.get_by_role("option", name="Reels").click()
    expect(shown.locator(".row")).not_to_have_count(cues)
    shown.get_by_role("button", name="Times").click()
    page.get_by_text("Times in TXT and DOCX").click()
    expect(
        page.get_by_role("switch", name="Times in TXT and DOCX").or_(page.get_by_label("Times in TXT and DOCX")).first
    ).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Times in TXT and DOCX")).to_be_hidden()
    assert re.search(rb"\d:\d\d", taken(page, shown, "TXT"))
    lines = taken(page, shown, "SRT").decode("utf-8-sig").splitlines()
    assert all(len(line) <= 22 for line in lines if "-->" not in line)  # the preset that is looked at


def test_several_transcripts_are_one_zip(page: Page) -> None:
    transcribe.start(page, ("one.wav", recording("Good morning.")), ("two.wav", recording("Good night.")))
    expect(page.locator(".job")).to_have_count(0, timeout=60_000)
    page.get_by_text("Take several as a ZIP").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="ZIP of 2 transcripts").click()
    with zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes())) as found:
        assert sorted(found.namelist()) == ["manifest.csv", "one.srt", "one.txt", "two.srt", "two.txt"]


def test_silence_is_no_speech_and_no_words(page: Page) -> None:
    transcribe.start(page, ("silence.wav", recording(seconds=8)))
    shown = transcribe.wait_for_card(page, "silence")
    expect(shown).to_contain_text("No speech was found in this recording.")
    expect(shown.locator(".text")).to_have_count(0)


def test_another_language_without_a_new_upload(page: Page) -> None:
    shown = transcribe.made(page)
    shown.get_by_role("button", name="Transcribe again").click()
    page.get_by_role("combobox", name="As", exact=True).fill("German")
    page.get_by_role("option", name="German", exact=True).click()
    page.get_by_role("button", name="Transcribe again as German").click()
    expect(shown.get_by_text("German").first).to_be_visible(timeout=60_000)
    expect(shown.get_by_text("German, ")).to_have_count(0)  # it was given, not found


def test_speech_is_checked_by_transcribing_it(hearing: Server, visit: Visit) -> None:
    from tests.browser import speak

    page = speak.ready(visit(hearing.url))
    speak.made(page, "Turn on the light in the kitchen.")
    speak.choose(page, "Check by transcribing")
    transcribe.ready(page)
    expect(page.get_by_text("word error rate")).to_be_visible(timeout=60_000)


# ---- how it looks and feels


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(1280, "light", marks=pytest.mark.long)])
def test_every_state_has_names_contrast_and_no_sideways_scrolling(hearing: Server, visit: Visit, width: int, scheme: str) -> None:
    page = transcribe.ready(visit(f"{hearing.url}/transcribe", viewport={"width": width, "height": 844}, color_scheme=scheme))
    found = {"empty": audit(page)}
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_role("textbox", name="Names and terms")).to_be_visible()
    found["more"] = audit(page)
    page.get_by_text("More", exact=True).click()
    long_name = "averylongnamethatcannotbebroken" * 3 + ".wav"
    transcribe.bring(page, [(long_name, recording(*KITCHEN)), ("nothing.wav", b"")])
    expect(page.get_by_text("1 recording ready")).to_be_visible()
    found["arrived"] = audit(page)
    transcribe.start_button(page).click()
    expect(page.locator(".job")).to_be_visible()
    found["running"] = audit(page)
    shown = transcribe.wait_for_card(page, long_name.removesuffix(".wav"))
    expect(shown.locator(".text").first).to_be_visible()
    found["done"] = audit(page)
    shown.get_by_role("button", name="Correct the text").first.click()
    found["editing"] = audit(page)
    page.keyboard.press("Escape")
    shown.get_by_text("Subtitles", exact=True).click()
    expect(shown.get_by_text("break a rule")).to_be_visible()
    found["subtitles"] = audit(page)
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_draft_server_says_so_and_works(visit: Visit, tmp_path: Path) -> None:
    settings = {"WHISPER_MODEL": str(tmp_path / "none"), "HF_HUB_CACHE": str(tmp_path / "cache"), "STT_ENGINE": "auto"}
    with running("streamlit", tmp_path, **settings) as server:
        page = transcribe.ready(visit(f"{server.url}/transcribe"))
        expect(page.get_by_role("note")).to_contain_text("Draft quality")
        transcribe.start(page, ("kitchen.wav", recording("Good morning.")))
        shown = transcribe.wait_for_card(page, "kitchen")
        expect(shown).to_contain_text("Draft quality")
