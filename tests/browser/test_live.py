"""The Live page in a real browser with a real microphone that is a file: captions, lost networks, reloads, other tabs."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import files, live, transcribe
from tests.browser.conftest import Visit, Watch, new_context
from tests.browser.servers import Server, running
from tests.browser.test_look import audit

# Every microphone that a page opens, so that a test can see whether it was let go.
OPENED = """() => {
    window.__microphones = [];
    const ask = MediaDevices.prototype.getUserMedia;
    MediaDevices.prototype.getUserMedia = async function (...given) {
        const stream = await ask.apply(this, given);
        window.__microphones.push(stream);
        return stream;
    };
}"""
OPEN_TRACKS = "() => window.__microphones.flatMap(s => s.getTracks()).filter(t => t.readyState === 'live').length"
FOCUSED = """() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at?.ariaLabel || at?.textContent.trim();
}"""
Tab = Callable[..., Page]


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a real, small Whisper model that follows two speakers."""
    with running(
        "streamlit", tmp_path_factory.mktemp("live"), WHISPER_MODEL=str(transcribe.MODEL), LIVE_WORKERS="2", SPEECH_WORKERS="1"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def speaking(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone says live.SAID."""
    with live.microphone(browser, tmp_path_factory.mktemp("spoken"), live.SAID) as launched:
        yield launched


@pytest.fixture(scope="module")
def person(speaking: Browser) -> Iterator[BrowserContext]:
    """One person's browser; Streamlit's scripts are in its cache after the first test."""
    context = new_context(speaking)
    context.add_init_script(f"({OPENED})()")
    yield context
    context.close()


@pytest.fixture
def tab(hearing: Server, person: BrowserContext, watch: Watch) -> Iterator[Tab]:
    """Opens the Live page in a tab; the first one of a test is that of a new visitor."""

    def open_tab(before: Callable[[Page], object] = lambda page: None) -> Page:
        page = watch.page(person.new_page())
        before(page)
        page.goto(f"{hearing.url}/live")
        return live.ready(page)

    yield open_tab
    for page in person.pages:
        page.evaluate("localStorage.clear()")
        page.close()
    person.clear_cookies()


def test_what_is_said_is_read_here_and_in_another_tab_and_kept(tab: Tab, hearing: Server) -> None:
    page = live.record(tab())
    other = tab()
    expect(live.state(other)).to_have_text("You are recording in another tab")
    for one in (page, other):
        for sentence in live.SAID:
            expect(live.captions(one)).to_contain_text(sentence)
        expect(one.locator(".live .spoken")).to_contain_text(live.SAID[-1])
    page.get_by_role("button", name="Mark this moment").click()
    for one in (page, other):
        expect(live.captions(one)).to_contain_text("Marked 0:")
    read = live.captions(page).inner_text()
    assert live.captions(other).inner_text() == read
    page.reload()
    expect(live.state(page)).to_have_text("Recording")
    expect(live.captions(page)).to_contain_text("Marked 0:")
    expect(live.captions(page)).to_contain_text(read)  # and then what the microphone says again
    live.stop(page)
    expect(live.state(other)).to_have_text("The recording has ended")
    assert page.evaluate(OPEN_TRACKS) == 0
    for sentence in live.SAID:
        expect(live.card(page).locator(".compared")).to_contain_text(sentence)
    for name in ("recording.wav", "captions.srt"):
        link = live.card(page).locator(f'a[href$="{name}"]')
        assert page.request.get(f"{hearing.url}{link.get_attribute('href')}").ok
    _, facts = live.homes(hearing)[-1]
    assert (facts["why"], len(facts["marks"])) == ("stop", 1)
    page.get_by_role("link", name="Files").click()
    expect(files.lines(files.ready(page))).to_have_count(1)
    files.lines(page).locator("button.main").click()
    page.get_by_role("button", name="Open in Live").click()
    expect(live.card(live.ready(page)).locator(".compared")).to_contain_text(live.SAID[0])


def test_sound_survives_a_lost_network_and_a_reload(tab: Tab, hearing: Server, person: BrowserContext, watch: Watch) -> None:
    page = live.record(tab(lambda page: page.add_init_script(f"({live.KEEPS})()")))
    person.set_offline(True)
    live.waits(page, "Reconnecting,", 1)
    person.set_offline(False)
    expect(live.state(page)).to_have_text("Recording")
    page.reload()
    expect(live.state(page)).to_have_text("Recording")
    live.spoken(page, 5)
    live.stop(page)
    home, facts = live.homes(hearing)[-1]
    sent = live.sent(page)
    assert facts["why"] == "stop"
    assert (home / "sound.pcm").read_bytes() == sent
    assert len(sent) >= 5 * 2 * facts["sample_rate"]
    watch.problems = [problem for problem in watch.problems if "ERR_INTERNET_DISCONNECTED" not in problem]  # as wanted


def test_leaving_frees_the_microphone_and_the_recording_waits(tab: Tab, hearing: Server) -> None:
    page = live.record(tab())
    live.spoken(page, 2)
    page.get_by_role("link", name="Files").click()
    expect(page.get_by_role("heading", name="Files", exact=True)).to_be_visible()
    assert page.evaluate(OPEN_TRACKS) == 0
    page.get_by_role("link", name="Live").click()
    expect(live.state(page)).to_have_text("Your recording is still open")
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(live.state(page)).to_have_text("Recording")
    other = tab()
    other.get_by_role("button", name="Go on here").click()
    expect(live.state(other)).to_have_text("Recording")
    expect(live.state(page)).to_have_text("You are recording in another tab")
    assert page.evaluate(OPEN_TRACKS) == 0
    page.get_by_role("button", name="Stop", exact=True).click()  # who only reads along can end it
    for one in (page, other):
        expect(live.state(one)).to_have_text("The recording has ended")
    assert live.homes(hearing)[-1][1]["why"] == "stop"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_state_has_names_contrast_and_no_sideways_scrolling(tab: Tab, width: int, scheme: Literal["dark", "light"]) -> None:
    def small(page: Page) -> None:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)

    page = tab(small)
    found = {"ready": audit(page)}
    live.record(page)
    found["recording"] = audit(page)
    page.get_by_role("button", name="Pause").click()
    expect(live.state(page)).to_have_text("Paused")
    shown = page.locator(".live .elapsed").inner_text()
    page.get_by_role("button", name="Reading mode").click()
    found["reading"] = audit(page)
    page.get_by_role("button", name="Close the reading mode").click()
    page.get_by_role("button", name="Larger text").click()
    other = tab(small)
    expect(live.state(other)).to_have_text("You are recording in another tab")
    found["reading along"] = audit(other)
    assert page.locator(".live .elapsed").inner_text() == shown
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Reading mode").click()
    page.locator(".live .bar").get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator(".live .brief")).to_have_text("The recording has ended")
    page.get_by_role("button", name="Close the reading mode").click()
    found["ended"] = audit(page)
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_why_there_is_no_recording_is_told(visit: Visit, hearing: Server) -> None:
    page = live.ready(visit(f"{hearing.url}/live"))
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }; }")
    live.main(page).click()
    expect(page.get_by_role("alert")).to_contain_text("does not let this page use the microphone")
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("only to pages over HTTPS")
    expect(live.main(page)).to_be_disabled()


# ---- what a server may say


@pytest.fixture
def made_up(tab: Tab) -> tuple[Page, live.StandIn]:
    """The page, before a server that says what the test wants."""
    servers: list[live.StandIn] = []
    page = tab(lambda page: servers.append(live.StandIn(page)))
    return page, servers[0]


def test_captions_are_followed_until_somebody_scrolls_back(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    box, newest = live.captions(page), page.get_by_role("button", name="To the newest words")
    live.record(page)
    server.tell("words", committed=" One sentence of many." * 60, tentative=" and mo", end=1.0, all=True)
    expect(box).to_contain_text("and mo")
    below = "box => box.scrollHeight - box.scrollTop - box.clientHeight"
    assert box.evaluate(below) < 2
    box.evaluate("box => { box.scrollTop = 0; }")
    expect(newest).to_be_visible()
    server.tell("words", committed=" And more.", tentative=" perh", end=2.0)
    expect(box).to_contain_text("And more. perh")
    assert box.evaluate("box => box.scrollTop") == 0
    newest.click()
    assert box.evaluate(below) < 2
    expect(page.locator(".live .spoken")).to_have_text("And more.")  # the committed words that came while one was here
    live.stop(page)


def test_full_server_offers_to_record_without_captions(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    server.refuses["start"] = {"code": "too_many", "detail": "So many people are recording.", "hint": "Wait."}
    page.get_by_role("button", name="Record", exact=True).click()
    server_closes = page.get_by_role("alert").or_(page.locator(".live .advice", has_text="So many people"))
    expect(server_closes.first).to_be_visible()
    server.hang_up(1013)
    expect(page.get_by_role("alert")).to_contain_text("So many people are recording. Wait.")
    page.get_by_role("button", name="Record without captions").click()
    expect(live.state(page)).to_have_text("Recording")
    assert [command["captions"] for command in server.asked] == [True, False]
    live.stop(page)


def test_recording_that_ended_meanwhile_goes_on_as_a_second_one(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    live.record(page)
    live.spoken(page, 1)
    server.takes = False
    expect(live.state(page)).to_contain_text("kept in this browser")
    server.refuses["resume"] = {"code": "conflict", "detail": "It has ended.", "item_id": "20260101-000000-a-0000"}
    server.takes = True
    server.hang_up()
    expect(page.locator(".live .advice")).to_contain_text("a second recording")
    expect(live.state(page)).to_have_text("Recording")
    live.stop(page)
    assert [command["action"] for command in server.asked] == ["start", "resume", "start", "stop"]
    assert sorted(server.chunks) == list(range(server.asked[-1]["next_seq"]))
    assert len(server.chunks) > 30  # with the seconds that had not arrived


def test_what_cannot_be_sent_any_more_can_be_saved(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    live.record(page)
    server.takes = False
    live.spoken(page, 2)
    server.tell("error", code="no_session", detail="The session has ended.", hint="Reload the page.")
    server.hang_up(1008)
    expect(page.get_by_role("alert")).to_contain_text("The session has ended.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    with wave.open(str(download.value.path())) as file:
        assert file.getparams()[:3] == (1, 2, 16_000)
        assert file.getnframes() + 1600 * len(server.chunks) >= 20 * 1600  # the rest had arrived
    assert page.evaluate(OPEN_TRACKS) == 0


def test_sound_that_another_browser_took_over_from_can_be_saved(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    live.record(page)
    live.spoken(page, 1)
    server.takes = False
    live.spoken(page, 3)
    server.tell("error", code="taken_over", detail="Another page goes on with this recording.", hint="This one may close.")
    server.hang_up(4001)
    link = page.get_by_role("link", name="Save as a file")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    with wave.open(str(download.value.path())) as file:
        assert file.getparams()[:3] == (1, 2, 16_000)
        assert file.getnframes() + 1600 * len(server.chunks) >= 30 * 1600  # the rest had arrived
        assert file.getnframes() >= 1600
    assert page.evaluate(OPEN_TRACKS) == 0
    assert [command["action"] for command in server.asked][:1] == ["start"]
    assert "resume" not in [command["action"] for command in server.asked]  # it does not take it back by itself


def test_moment_can_be_marked_only_while_the_server_hears_of_it(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    live.record(page)
    mark = page.locator(".live .mark")
    expect(mark).to_be_enabled()
    server.answers = False
    server.hang_up()
    expect(mark).to_be_disabled()
    server.wait_for(lambda: server.asked[-1]["action"] == "resume")
    expect(mark).to_be_disabled()  # connected, but not told yet how the recording stands
    server.answers = True
    server.hang_up()
    expect(mark).to_be_enabled()
    mark.click()
    server.wait_for(lambda: server.asked[-1]["action"] == "mark")
    assert [command["action"] for command in server.asked].count("mark") == 1
    live.stop(page)


def test_full_disk_is_told_until_it_is_over(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    live.record(page)
    live.spoken(page, 1)
    server.takes = False
    server.refuses["resume"] = {"code": "store_unavailable", "detail": "The server's disk is full.", "hint": "It is tried again."}
    server.tell("error", code="store_unavailable", detail="The server's disk is full.", hint="It is tried again.")
    server.hang_up(1013)
    live.waits(page, "Reconnecting,", 2)
    expect(page.locator(".live .advice")).to_have_text("The server's disk is full. It is tried again.")
    server.takes = True
    server.hang_up(1013)
    expect(live.state(page)).to_have_text("Recording")
    expect(page.locator(".live .advice")).not_to_contain_text("disk")
    live.stop(page)
    assert sorted(server.chunks) == list(range(server.asked[-1]["next_seq"]))
    assert live.kept(page) == 0


def test_lost_microphone_is_told_and_the_screen_stays_on_while_recording(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up
    page.evaluate("""() => {
        window.__locks = [];
        navigator.wakeLock.request = async () => {
            const lock = { released: false, release: async () => { lock.released = true; } };
            window.__locks.push(lock);
            return lock;
        };
        window.__look = (state) => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            if (state === "hidden") window.__locks.forEach((lock) => { lock.released = true; }); // as browsers do
            document.dispatchEvent(new Event("visibilitychange"));
        };
    }""")
    held = "() => window.__locks.map((lock) => !lock.released)"
    live.record(page)
    assert page.evaluate(held) == [True]
    page.evaluate("() => { window.__look('hidden'); window.__look('visible'); }")
    page.wait_for_function(f"JSON.stringify(({held})()) === '[false,true]'")
    page.evaluate(
        "() => { const [track] = window.__microphones[0].getTracks(); track.stop(); track.dispatchEvent(new Event('ended')); }"
    )
    expect(live.state(page)).to_have_text("Paused")
    expect(page.locator(".live .advice")).to_contain_text("The microphone was disconnected.")
    before = len(server.chunks)
    page.get_by_role("button", name="Continue").click()
    expect(live.state(page)).to_have_text("Recording")
    server.wait_for(lambda: len(server.chunks) > before)
    live.stop(page)
    assert page.evaluate(held) == [False, False]


def test_recorder_is_used_by_keyboard_alone(made_up: tuple[Page, live.StandIn]) -> None:
    page, server = made_up

    def turn_to(name: str, key: str = "Tab") -> None:
        """As a person does: press the key until it is there."""
        for _ in range(40):
            if page.evaluate(FOCUSED) == name:
                return
            page.keyboard.press(key)
        pytest.fail(f"no way to {name}")

    turn_to("Record")
    page.keyboard.press("Space")
    expect(live.state(page)).to_have_text("Recording")
    turn_to("Pause")
    page.keyboard.press("Enter")
    expect(live.state(page)).to_have_text("Paused")
    turn_to("Reading mode")
    page.keyboard.press("Enter")
    expect(page.locator(".live .reader.wide")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".live .reader.wide")).to_have_count(0)
    turn_to("Stop", "Shift+Tab")  # from the button that opened it
    page.keyboard.press("Space")
    expect(live.state(page)).to_have_text("The recording has ended")
    assert [command["action"] for command in server.asked] == ["start", "pause", "stop"]


def test_sound_that_has_not_arrived_outlives_its_tab(tab: Tab) -> None:
    servers: list[live.StandIn] = []

    def before(page: Page) -> None:
        server = live.StandIn(page)
        server.chunks = dict(servers[0].chunks) if servers else {}
        servers.append(server)

    page = live.record(tab(before))
    servers[0].takes = False
    live.waits(page, "sending", 4)
    assert live.kept(page) > 20
    other = tab(before)
    expect(live.main(other)).to_be_enabled()  # it has seen that another tab holds what waits
    page.close()
    later = tab(before)
    expect(live.state(later)).to_have_text("The recording has ended")
    assert [command["action"] for command in servers[2].asked] == ["resume", "stop"]
    assert sorted(servers[2].chunks) == list(range(servers[2].asked[-1]["next_seq"]))
    assert len(servers[2].chunks) > len(servers[0].chunks) + 40
    assert live.kept(later) == 0


@pytest.mark.long
def test_two_people_at_once_read_their_own_words_only(
    browser: Browser, tab: Tab, hearing: Server, watch: Watch, tmp_path: Path
) -> None:
    with live.microphone(browser, tmp_path, ("Good morning.", "Call my mother.", "Open the window.")) as second:
        page, other = tab(), watch.page(new_context(second).new_page())
        other.goto(f"{hearing.url}/live")
        for one in (page, live.ready(other)):
            live.record(one)
        expect(live.captions(page)).to_contain_text(live.SAID[-1])
        expect(live.captions(other)).to_contain_text("Open the window.")
        assert "mother" not in live.captions(page).inner_text()
        assert "kitchen" not in live.captions(other).inner_text()
        for one in (page, other):
            live.stop(one)
