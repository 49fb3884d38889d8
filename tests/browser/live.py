"""The Live page as a person uses it, with Chromium's fake microphone, which plays a WAV file."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import FLAGS, chromium
from tests.browser.servers import Server
from tests.browser.transcribe import recording

SAID = ("Turn on the light in the kitchen.", "Thank you very much.", "Close the window.")


@contextmanager
def microphone(browser: Browser, folder: Path, texts: Sequence[str]) -> Iterator[Browser]:
    """Another Chromium, whose microphone plays these sentences each time it is opened, and then silence."""
    file = folder / "spoken.wav"
    file.write_bytes(recording(*texts, seconds=1.0))
    fake = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}%noloop",
    ]
    launched = browser.browser_type.launch(executable_path=chromium(), args=[*FLAGS, *fake])
    yield launched
    launched.close()


def ready(page: Page) -> Page:
    """Wait until the recorder is there."""
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Reading mode")).to_be_visible()
    return page


def main(page: Page) -> Locator:
    """The one big control."""
    return page.locator(".live .main")


def state(page: Page) -> Locator:
    """How it stands, in words."""
    return page.locator(".live .state")


def captions(page: Page) -> Locator:
    """What was said."""
    return page.locator(".live .captions")


def record(page: Page) -> Page:
    """Press Record, and wait until it does."""
    page.get_by_role("button", name="Record", exact=True).click()
    expect(state(page)).to_have_text("Recording")
    return page


def stop(page: Page) -> None:
    """Press Stop, and wait until the recording has ended."""
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(state(page)).to_have_text("The recording has ended")


def card(page: Page) -> Locator:
    """The finished recording."""
    return page.locator(".st-key-live_result")


def homes(server: Server) -> list[tuple[Path, dict[str, Any]]]:
    """Folder and facts of every recording on the server's disk, oldest first."""
    found = [(path.parent, json.loads(path.read_text("utf-8"))) for path in server.outputs.glob("*/single/*/live.json")]
    return sorted(found, key=lambda one: float(one[1]["started_at"]))


# Keeps each chunk that a page sends by its number, over reloads, and the numbers that were sent twice with different sound.
# Playwright's own events miss what a page sends in the moment in which it is reloaded.
KEEPS = """() => {
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        if (this.url.endsWith("/api/v1/live") && data instanceof Uint8Array) {
            const key = `sent-${new DataView(data.buffer).getUint32(0, true)}`;
            const sound = btoa(String.fromCharCode(...data.subarray(4)));
            if ((sessionStorage.getItem(key) ?? sound) !== sound) sessionStorage.setItem("sent-changed", key);
            sessionStorage.setItem(key, sound);
        }
        return send.call(this, data);
    };
}"""


def sent(page: Page) -> bytes:
    """All sound that a page with KEEPS has sent, in its order and without gaps."""
    kept: dict[str, str] = page.evaluate("() => ({...sessionStorage})")
    assert "sent-changed" not in kept
    count = sum(key.startswith("sent-") for key in kept)
    return b"".join(base64.b64decode(kept[f"sent-{seq}"]) for seq in range(count))
