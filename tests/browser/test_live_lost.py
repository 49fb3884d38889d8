"""What a page records over killed servers, cut networks, reloads and tabs that take over: nothing lost, nothing there twice."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import live
from tests.browser.conftest import new_context
from tests.live.cutting import Network, network
from tests.live.killing import Mortal, mortal

EVENTS = ("kill", "break", "silence", "reload", "take over")


@pytest.fixture(scope="module")
def speaking(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a microphone."""
    with live.microphone(browser, tmp_path_factory.mktemp("spoken"), live.SAID) as launched:
        yield launched


def opened(context: Any, url: str) -> Page:
    """The Live page in a tab. What its console says of a server that is away is no fault."""
    page: Page = context.new_page()
    page.goto(f"{url}/live")
    return live.ready(page)


def stored(server: Mortal) -> bytes:
    """All sound of the one recording that there is."""
    found = [path.read_bytes() for path in sorted(server.outputs.glob("*/single/*/sound.pcm"))]
    assert len(found) == 1
    return found[0]


def test_page_loses_nothing_when_its_server_is_killed(speaking: Browser, tmp_path: Path) -> None:
    context = new_context(speaking)
    context.add_init_script(f"({live.KEEPS})(); ({live.HEARS})()")
    with mortal(tmp_path) as server:
        page = live.record(opened(context, server.url.replace("127.0.0.1", "localhost")))
        live.spoken(page, 1)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        server.kill()
        while not any("Is Streamlit still running" in words for words in said):  # it asks the visitor, too, but not here
            page.wait_for_timeout(100)
        live.waits(page, "Reconnecting,", 1)
        expect(page.get_by_role("dialog")).to_have_count(0)
        server.start()
        expect(live.state(page)).to_have_text("Recording")
        live.stop(page)
        sound, shown = stored(server), page.locator(".live .elapsed").inner_text()
        assert sound == live.sent(page)
        assert live.heard(page).endswith(sound)
        assert shown == f"0:{-(-len(sound) // 3200) // 10:02}"  # in frames of 0.1 s, the last of which may be shorter
        assert live.kept(page) == 0
    context.close()


class Rehearsal:
    """One recording that everything happens to."""

    def __init__(self, browser: Browser, server: Mortal, between: Network, dice: random.Random) -> None:
        self.server, self.between, self.dice = server, between, dice
        self.url = between.url.replace("127.0.0.1", "localhost")
        self.context = new_context(browser)
        self.context.add_init_script(f"({live.KEEPS})()")
        self.pages = [live.record(opened(self.context, self.url))]

    @property
    def page(self) -> Page:
        """The one that records."""
        return self.pages[-1]

    def suffer(self, event: str) -> None:
        """Let something happen, and wait until it records again."""
        self.page.wait_for_timeout(1000 + 2000 * self.dice.random())
        if event == "kill":
            self.server.kill()
            self.page.wait_for_timeout(5000 * self.dice.random())
            self.server.start()
        elif event in ("break", "silence"):
            self.between.cut(breaking=event == "break")
            self.page.wait_for_timeout(1000 + 59_000 * self.dice.random() ** 3)
            self.between.mend()
        elif event == "reload":
            self.page.reload()
        else:
            self.pages.append(opened(self.context, self.url))
            self.page.get_by_role("button", name="Go on here").click()
            expect(live.state(self.pages[-2])).to_have_text("You are recording in another tab")
        expect(live.state(self.page)).to_have_text("Recording")


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_page_loses_nothing_whatever_happens(speaking: Browser, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    with mortal(tmp_path) as server, network(server.port) as between:
        rehearsal = Rehearsal(speaking, server, between, dice)
        began = time.monotonic()
        for event in dice.sample(EVENTS * 2, len(EVENTS) * 2):
            rehearsal.suffer(event)
        live.stop(rehearsal.page)
        sound = stored(server)
        assert sound == live.sent(*rehearsal.pages)
        assert len(sound) / 32_000 <= time.monotonic() - began
        assert live.kept(rehearsal.page) == 0
        rehearsal.context.close()
