"""The Files page as a person uses it: by what is written on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.servers import Server
from tests.browser.steady import at_once
from utils.session_manager import SessionManager
from utils.storage.item import ItemFile

REQUEST = """async ([method, path, body]) => {
    const options = {method, headers: body ? {'Content-Type': 'application/json'} : {}, body: body && JSON.stringify(body)};
    const answer = await fetch('/api/v1' + path, options);
    return [answer.status, await answer.text()];
}"""
SEND = """async ([path, name, type, bytes]) => {
    const form = new FormData();
    form.append('file', new File([new Uint8Array(bytes)], name, {type}));
    const answer = await fetch('/api/v1' + path, {method: 'POST', body: form});
    return [answer.status, await answer.text()];
}"""


def ready(page: Page) -> Page:
    """Wait until the page is there."""
    expect(page.get_by_role("heading", name="Files", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Storage", exact=True)).to_be_visible()
    return page


def ask(page: Page, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """A request by the page's own cookie."""
    status, text = page.evaluate(REQUEST, [method, path, body])
    assert status < 300, text
    return json.loads(text) if text else None


def send(page: Page, path: str, name: str, data: bytes, media_type: str = "text/csv") -> Any:
    """A file, as the upload pages send it."""
    status, text = page.evaluate(SEND, [path, name, media_type, list(data)])
    assert status < 300, text
    return json.loads(text)


def speak(page: Page, text: str, title: str = "") -> str:
    """The id of a finished speech item."""
    made = ask(page, "POST", "/speech?wait=30", {"text": text, "engine": "espeak", "title": title})
    assert made["job"]["state"] == "done"
    return str(made["item"]["id"])


def wait_for(page: Page, job_id: str) -> None:
    """Until a job is over."""
    for _ in range(200):
        if ask(page, "GET", f"/jobs/{job_id}")["state"] not in ("queued", "running"):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the job did not end")


def lines(page: Page) -> Locator:
    """The items that are listed."""
    return page.get_by_role("list", name="Your files").get_by_role("listitem")


def line(page: Page, title: str) -> Locator:
    """One of them."""
    return lines(page).filter(has=page.get_by_text(title, exact=True))


def open_item(page: Page, title: str) -> Locator:
    """Click on a title; the place where the item is drawn."""
    line(page, title).locator("button.main").click()
    place = page.locator(".st-key-files_opened")
    expect(place.get_by_role("button", name="Close", exact=True)).to_be_visible()
    return place


def choose(page: Page, *titles: str) -> None:
    """Tick the boxes, as quickly as one can."""
    with at_once():
        for title in titles:
            page.get_by_role("checkbox", name=f"Choose {title}", exact=True).check()


def session_of(page: Page) -> str:
    """The id in the page's cookie."""
    found = next(cookie for cookie in page.context.cookies() if cookie.get("name") == "sotto_session")
    return str(found.get("value")).partition(".")[0]


def transcript(server: Server, page: Page, title: str, text: str) -> str:
    """The id of a transcript that is put on the server's disk as a worker would."""
    store, session = SessionManager(Path(server.outputs)), session_of(page)
    said = {
        "schema": 1,
        "language": "en",
        "segments": [{"start": 0.0, "end": 2.0, "text": text, "words": []}],
    }
    data = json.dumps(said).encode()
    item = store.create_item(
        session, folder="single", kind="transcript", title=title, request={"original_name": title}, files={"transcript.json": data}
    )
    file = ItemFile("transcript.json", "application/json", len(data), "transcript")
    store.update_item(session, item.id, result={"engine_label": text, "seconds": 2.0, "language": "en"}, files=(file,))
    return item.id
