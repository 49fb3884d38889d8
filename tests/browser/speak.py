"""The Speak page as a person uses it: by what is written on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.servers import Server

HELLO = "Good morning. The meeting is on Friday at three o'clock."
LONG = "The quick brown fox jumps over the lazy dog near the bank of the river. " * 1300  # some seconds of work for eSpeak


def ready(page: Page) -> Page:
    """Wait until the page is there."""
    expect(page.get_by_role("heading", name="Speak", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    expect(page.get_by_text("of 100,000 characters")).to_be_visible()
    return page


def field(page: Page) -> Locator:
    """The text field."""
    return page.get_by_label("Text", exact=True)


def generate(page: Page, text: str) -> None:
    """Type, and click without leaving the field first."""
    field(page).fill(text)
    page.get_by_role("button", name="Generate").click()


def card(page: Page) -> Locator:
    """The card of the result."""
    return page.locator(".st-key-speak_result")


def wait_for_card(page: Page, title: str) -> Locator:
    """The card of a finished item with that title."""
    shown = card(page).get_by_role("group", name=f"Player: {title}")
    expect(shown).to_be_visible()
    return shown


def made(page: Page, text: str) -> Locator:
    """Generate and wait for the card. The title is the text, so at most eight words."""
    generate(page, text)
    return wait_for_card(page, text)


def choose(page: Page, option: str) -> None:
    """Choose from the menu of the card."""
    card(page).get_by_role("button", name="Menu").click()
    page.get_by_role("menuitem", name=option).click()


def items(server: Server) -> dict[str, tuple[Path, dict[str, Any]]]:
    """By title: folder and record of every item on the server's disk."""
    found = {}
    for record in server.outputs.glob("*/single/*/item.json"):
        item = json.loads(record.read_text("utf-8"))
        found[item["title"]] = (record.parent, item)
    return found
