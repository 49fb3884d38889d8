"""Every state of the Speak page, light and dark, wide and narrow: names, contrast, width, focus, and calm where it is wished."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import speak
from tests.browser.conftest import Visit, Watch
from tests.browser.servers import Server
from tests.browser.steady import at_once

AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")
AUDIT = AUDIT[AUDIT.index("() =>") :]


REST_S = 30.0


def audit(page: Page) -> list[str]:
    """What is wrong with the page once it has come to rest: colours fade over, and a rerun draws pale what is old."""
    deadline = time.monotonic() + REST_S
    while True:
        found: list[str] = page.evaluate(AUDIT)
        if not found or time.monotonic() > deadline:
            return found
        page.wait_for_timeout(100)


def test_audit_finds_what_is_planted(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url))
    page.evaluate("""() => {
        const box = document.createElement('div');
        box.style.width = '3000px';
        const pale = Object.assign(document.createElement('p'), {textContent: 'pale words'});
        pale.style.color = '#aaa';
        box.append(pale, document.createElement('input'));
        document.querySelector('.stMainBlockContainer').append(box);
    }""")
    found = "\n".join(page.evaluate(AUDIT))
    assert "pale words" in found and "no name: <input" in found and "too wide" in found


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_state_has_names_contrast_and_no_sideways_scrolling(
    server: Server, visit: Visit, watch: Watch, width: int, scheme: str
) -> None:
    watch.forgiven.append("/files/player.json")  # a card that is still being drawn while its item is deleted
    page = speak.ready(visit(server.url, viewport={"width": width, "height": 844}, color_scheme=scheme))
    found = {"empty": audit(page)}
    speak.generate(page, "?!")
    expect(page.get_by_role("alert")).to_be_visible()
    found["refused"] = audit(page)
    speak.generate(page, speak.LONG)
    expect(page.get_by_role("progressbar")).to_be_visible()
    found["running"] = audit(page)
    with at_once():  # before the work is over
        page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You cancelled this.")).to_be_visible()
    found["cancelled"] = audit(page)
    speak.made(page, "A result with averylongwordthatcannotbebroken" + "x" * 60)
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_role("textbox", name="Dictionary")).to_be_visible()
    found["result, more"] = audit(page)
    page.get_by_text("More", exact=True).click()
    speak.card(page).scroll_into_view_if_needed()
    expect(speak.card(page).locator(".words")).to_be_visible()  # its facts are fetched when it is seen
    speak.choose(page, "Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    found["undo"] = audit(page)
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_components_show_the_focus_and_keep_calm_where_it_is_wished(server: Server, visit: Visit) -> None:
    page = speak.ready(visit(server.url, reduced_motion="reduce"))
    player = speak.made(page, "No motion here.")
    button = player.get_by_role("button", name="Play")
    assert button.evaluate("button => getComputedStyle(button).transitionProperty") == "none"
    button.focus()
    page.keyboard.press("Tab")
    assert player.get_by_role("slider").evaluate("wave => getComputedStyle(wave).outlineStyle") == "solid"
