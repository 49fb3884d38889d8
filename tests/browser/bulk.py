"""The Bulk page as a person uses it: by what is written on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.servers import Server

TABLE = """text,filename,language,speed
"Good morning, and welcome.",welcome,en-US,
The library closes at six.,library,en-US,1.1
,empty,en-US,
Guten Abend.,abend,de,
The library closes at six.,again,en-US,1.1
Good night.,night,en-US,
"""
LONG = "text\n" + "".join(f"This is row number {n} of a table that takes some time to be spoken aloud.\n" for n in range(1, 401))
CUES = "1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n\n2\n00:00:04,000 --> 00:00:05,000\nGood night.\n"


def ready(page: Page) -> Page:
    """Wait until the page is there."""
    expect(page.get_by_role("heading", name="Bulk", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_visible()
    return page


def bring(page: Page, table: str = TABLE, name: str = "announcements.csv") -> None:
    """Choose a file and wait for the dry run."""
    file: Any = {"name": name, "mimeType": "text/plain", "buffer": table.encode()}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()


def start(page: Page, table: str = TABLE, name: str = "announcements.csv") -> None:
    """Choose a file and start it, without the rows that cannot be spoken."""
    bring(page, table, name)
    page.get_by_role("button", name="Start", exact=True).click()
    question = page.get_by_role("button", name="Start without")
    expect(question.or_(page.get_by_role("button", name="Cancel")).or_(menu(page)).first).to_be_visible()
    if question.is_visible():
        question.click()


def card(page: Page) -> Locator:
    """The card of the batch."""
    return page.locator(".st-key-bulk_result")


def menu(page: Page) -> Locator:
    """The menu of a batch that is over."""
    return card(page).get_by_role("button", name="Menu")


def made(page: Page, table: str = TABLE, name: str = "announcements.csv") -> Locator:
    """Start a batch and wait for its end. Answers its rows."""
    start(page, table, name)
    expect(page.get_by_role("list", name=f"Rows of {Path(name).stem}")).to_be_visible()
    expect(menu(page)).to_be_visible(timeout=40_000)
    return rows(page)


def rows(page: Page) -> Locator:
    """The lines of the batch's rows."""
    return card(page).get_by_role("list").last.get_by_role("listitem")


def items(server: Server) -> dict[str, tuple[Path, dict[str, Any]]]:
    """By title: folder and record of every batch on the server's disk."""
    found = {}
    for record in server.outputs.glob("*/bulk/*/item.json"):
        item = json.loads(record.read_text("utf-8"))
        found[item["title"]] = (record.parent, item)
    return found
