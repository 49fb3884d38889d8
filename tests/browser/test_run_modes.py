"""Both ways of starting the server: the first request of the process, and the way from a text to a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from playwright.sync_api import expect

from tests.browser import speak
from tests.browser.conftest import Visit
from tests.browser.servers import COMMANDS, Server, running
from tests.browser.steady import slowly


@pytest.fixture(scope="module", params=list(COMMANDS))
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that no browser has asked yet."""
    with running(request.param, tmp_path_factory.mktemp(request.param), TTS_ENGINE="espeak") as started:
        yield started


def test_deep_link_as_first_request_of_the_process_runs_the_frame(fresh: Server, visit: Visit) -> None:
    page = visit(f"{fresh.url}/speak")
    speak.ready(page)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["sotto_session"]["httpOnly"]
    assert cookies["sotto_session"]["sameSite"] == "Lax"
    assert "sotto_session" not in page.evaluate("document.cookie")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_text_becomes_sound_that_plays_and_a_file_that_is_the_one_on_disk(fresh: Server, visit: Visit, tmp_path: Path) -> None:
    page = slowly(speak.ready(visit(fresh.url)))
    player = speak.made(page, "One two three four five six.")
    audio = player.locator("audio")
    assert audio.evaluate("sound => sound.networkState") == 0  # NETWORK_EMPTY: nothing is fetched before somebody plays
    player.get_by_role("button", name="Play").click()
    page.wait_for_function("sound => sound.currentTime > 0.3", arg=audio.element_handle())
    expect(player.locator(".here, .said").first).to_be_visible()
    player.get_by_role("button", name="Pause").click()
    assert audio.evaluate("sound => sound.paused")
    with page.expect_download() as download:
        speak.card(page).get_by_role("button", name="MP3").click()
    taken = tmp_path / "taken.mp3"
    download.value.save_as(taken)
    assert download.value.suggested_filename == "One two three four five six.mp3"
    folder, item = speak.items(fresh)["One two three four five six."]
    assert taken.read_bytes() == (folder / "speech.mp3").read_bytes()
    with av.open(str(taken)) as sound:
        frames = [frame for frame in sound.decode(audio=0)]
        length_s = sum(frame.samples for frame in frames) / frames[0].sample_rate
    assert length_s == pytest.approx(item["result"]["seconds"], rel=0.1, abs=0.1)
    assert 1.0 < length_s < 6.0
