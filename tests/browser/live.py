"""The Live page as a person uses it, with Chromium's fake microphone, which plays a WAV file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

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
    return [(path.parent, json.loads(path.read_text("utf-8"))) for path in sorted(server.outputs.glob("*/single/*/live.json"))]


class Sent:
    """What a page sends on its live sockets: each chunk by its number, also over reloads."""

    def __init__(self, page: Page) -> None:
        self.chunks: dict[int, bytes] = {}
        self.changed: list[int] = []
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        if socket.url.endswith("/api/v1/live"):
            socket.on("framesent", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            seq, data = int.from_bytes(payload[:4], "little"), payload[4:]
            if self.chunks.setdefault(seq, data) != data:
                self.changed.append(seq)

    @property
    def sound(self) -> bytes:
        """All chunks in their order; without gaps."""
        return b"".join(self.chunks[seq] for seq in range(len(self.chunks)))
