"""The Speak page in a real browser, from the first look to the file, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import speak
from tests.browser.conftest import Visit, Watch
from tests.browser.servers import Server
from tests.browser.speak import HELLO
from tests.browser.steady import at_once, slowly


def test_google_unreachable_eSpeak_speaks_and_the_card_says_why(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    player = speak.made(page, "Can you hear me?")
    expect(player).to_contain_text("Spoken by eSpeak NG because Google could not be reached.")
    expect(player.locator(".words")).to_have_text("Can you hear me? ")


def test_example_is_one_click(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    page.get_by_role("button", name="Try: Good morning").click()
    speak.wait_for_card(page, "Good morning.")
    expect(speak.field(page)).to_have_value(re.compile("^Good morning"))


def test_characters_are_counted_while_typing_and_the_limit_is_told(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    speak.field(page).press_sequentially("Hello 😀")
    expect(page.get_by_text("7 of 100,000 characters")).to_be_visible()
    speak.field(page).blur()
    expect(page.get_by_text("of sound")).to_be_visible()
    speak.field(page).fill("a" * 100_005)
    expect(page.get_by_text("100,005 of 100,000 characters: 5 too many")).to_be_visible()
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert")).to_contain_text("MAX_TEXT_CHARS")
    expect(speak.card(page)).to_have_count(0)


def test_nothing_to_say_is_one_sentence(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert")).to_have_count(1)
    speak.generate(page, "?!")
    expect(page.get_by_role("alert")).to_have_count(1)
    assert page.locator(".stException").count() == 0


def test_reload_in_mid_work_shows_the_same_work_and_cancel_stops_it(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    speak.generate(page, speak.LONG)
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.reload()
    speak.ready(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    other_tab = speak.ready(visit(server.url, page.context))
    expect(other_tab.get_by_role("progressbar")).to_be_visible()
    with at_once():  # before the work is over
        page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You cancelled this.")).to_be_visible()
    expect(other_tab.get_by_text("You cancelled this.")).to_be_visible()
    assert page.get_by_role("progressbar").count() == 0


def test_what_was_made_outlives_a_reload_and_belongs_to_one_browser(server: Server, visit: Visit, watch: Watch) -> None:
    page = speak.ready(visit(server.url))
    speak.made(page, "Only for me.")
    page.reload()
    speak.wait_for_card(page, "Only for me.")
    speak.wait_for_card(visit(server.url, page.context), "Only for me.")  # two tabs of one browser are one session
    folder, _ = speak.items(server)["Only for me."]
    address = f"/api/v1/items/{folder.name}/files/speech.mp3"
    ask = "address => fetch(address).then(answer => answer.status)"
    assert page.evaluate(ask, address) == 200
    stranger = speak.ready(visit(server.url))
    expect(stranger.get_by_text("Only for me.")).to_have_count(0)
    watch.forgiven.append(folder.name)
    assert stranger.evaluate(ask, address) == 404


def test_delete_can_be_undone_in_the_same_place(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    speak.made(page, "Here and gone.")
    speak.choose(page, "Delete")
    expect(page.get_by_text("Deleted: Here and gone.")).to_be_visible()
    assert "Here and gone." not in speak.items(server)
    page.get_by_role("button", name="Undo").click()
    speak.wait_for_card(page, "Here and gone.")
    assert "Here and gone." in speak.items(server)


def test_rename_and_keep_by_the_menu(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    speak.made(page, "An old name.")
    speak.choose(page, "Rename")
    title = page.get_by_label("Title", exact=True)
    title.fill('A "new" <name>')
    title.press("Enter")
    player = speak.wait_for_card(page, 'A "new" <name>')
    speak.choose(page, "Keep")
    expect(player).to_contain_text("kept")
    _, item = speak.items(server)['A "new" <name>']
    assert item["permanent"]


def test_again_with_changes_refills_the_form_and_the_shelf_opens_items(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    language = page.get_by_label("Language")
    language.fill("german")
    page.get_by_role("option", name="German", exact=True).click()
    expect(language).to_have_value("German")
    speak.made(page, "Guten Tag.")
    language.fill("french")
    page.get_by_role("option", name="French", exact=True).click()
    speak.made(page, "Bonjour.")
    shelf = page.get_by_role("list").filter(has_text="Guten Tag.")
    shelf.get_by_role("button", name="Play Guten Tag.").click()
    sound = page.locator(".stBidiComponent audio").last
    page.wait_for_function("sound => sound.currentTime > 0.1", arg=sound.element_handle())
    shelf.get_by_role("button", name="Guten Tag.").last.click()
    speak.wait_for_card(page, "Guten Tag.")
    page.get_by_role("button", name="Again with changes").click()
    expect(speak.field(page)).to_have_value("Guten Tag.")
    expect(language).to_have_value("German")


def test_sample_of_a_voice_plays_by_itself(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    page.get_by_role("button", name="Hear this voice").click()
    player = page.get_by_role("group", name="Player: Sample")
    expect(player).to_be_visible()
    sound = player.locator("audio").element_handle()
    page.wait_for_function("sound => sound.currentTime > 0.2", arg=sound)
    expect(speak.card(page)).to_have_count(0)


def test_text_file_becomes_the_text(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = speak.ready(visit(server.url))
    file = tmp_path / "notes.md"
    file.write_bytes("Grüße aus dem Süden".encode("utf-16"))
    page.get_by_role("button", name="From a file").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(speak.field(page)).to_have_value("Grüße aus dem Süden")


def test_large_file_comes_by_our_own_route(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = speak.ready(visit(server.url))
    page.get_by_label("Format").fill("wav")
    page.get_by_role("option", name="WAV").click()
    speak.made(page, "[pause:10s] Long [pause:10s] pauses [pause:10s] here.")
    link = speak.card(page).get_by_role("link", name=re.compile("^WAV"))
    with page.expect_download() as download:
        link.click()
    taken = tmp_path / "taken.wav"
    download.value.save_as(taken)
    assert taken.stat().st_size > 2**20
    folder = next(path for title, (path, _) in speak.items(server).items() if "pauses" in title)
    assert taken.read_bytes() == (folder / "speech.wav").read_bytes()


def focused(page: Page) -> str:
    """What has the focus, also inside a component: its label, name or text."""
    return str(
        page.evaluate("""() => {
            let at = document.activeElement;
            while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
            const label = at.labels?.[0]?.innerText;
            return [at.tagName, at.ariaLabel || label || at.innerText || ''].join(' ').trim();
        }""")
    )


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until something of that name has the focus."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if wanted in seen[-1]:
            return
    raise AssertionError(f"{wanted} cannot be reached by Tab: {seen}")


def test_keyboard_alone_is_enough(server: Server, visit: Visit) -> None:
    page = slowly(speak.ready(visit(server.url)))
    tab_to(page, "TEXTAREA Text")
    page.keyboard.type(HELLO)
    page.keyboard.press("Control+Enter")
    title = "Good morning. The meeting is on Friday at"
    player = speak.wait_for_card(page, title)
    expect(speak.field(page)).to_have_value(HELLO)
    tab_to(page, f"Play {title}")
    page.keyboard.press("Space")
    sound = player.locator("audio").element_handle()
    page.wait_for_function("sound => sound.currentTime > 0.1", arg=sound)
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    tab_to(page, f"Place in {title}")
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert player.locator("audio").evaluate("sound => sound.currentTime") == 2
    expect(player.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile("^2 seconds of"))
    page.keyboard.press("Space")
    page.wait_for_function("sound => sound.currentTime > 2.1 && !sound.paused", arg=sound)
    tab_to(page, "BUTTON")
    tab_to(page, "Menu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()
    page.keyboard.press("Escape")


def test_session_that_ended_says_so_and_reload_begins_a_new_one(server: Server, visit: Visit, watch: Watch) -> None:
    page = speak.ready(visit(server.url))
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "sotto_session")
    session_id = cookie["value"].partition(".")[0]
    gone = f"fetch('/api/v1/session/{session_id}', {{method: 'DELETE'}}).then(answer => answer.status)"
    assert page.evaluate(gone) == 204
    speak.field(page).fill("Hello")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("This session has ended")).to_be_visible()
    page.get_by_role("link", name="Reload").click()
    speak.ready(page)
    speak.made(page, "Hello again.")
