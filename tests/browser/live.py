"""The Live page as a person uses it, with Chromium's fake microphone, which plays a WAV file."""

from __future__ import annotations

import base64
import json
import re
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import FLAGS, PATIENCE_MS, chromium
from tests.browser.servers import Server
from tests.browser.transcribe import recording

SAID = ("Turn on the light in the kitchen.", "Close the window.")


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


def spoken(page: Page, seconds: int) -> None:
    """Wait until at least so much was recorded; a busy machine looks seldom, so no second is waited for by itself."""
    expect(page.locator(".live .elapsed")).to_have_text(
        re.compile(f"^0:({'|'.join(f'{second:02}' for second in range(seconds, 60))})$")
    )


def waits(page: Page, before: str, seconds: int) -> None:
    """Wait until it is said that at least so much waits in this browser."""
    expect(state(page)).to_have_text(re.compile(f"{before} ({'|'.join(map(str, range(seconds, 60)))}) s kept in this browser"))


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


def sent(*pages: Page) -> bytes:
    """All sound that pages with KEEPS have sent, in its order and without gaps."""
    kept: dict[str, str] = {}
    for page in pages:
        for key, sound in page.evaluate("() => ({...sessionStorage})").items():
            if key.startswith("sent-"):
                assert kept.setdefault(key, sound) == sound, key
    assert "sent-changed" not in kept
    return b"".join(base64.b64decode(kept[f"sent-{seq}"]) for seq in range(len(kept)))


# Everything that the microphone gives to the page, as it gives it.
HEARS = """() => {
    window.__heard = [];
    const { set, get } = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage");
    Object.defineProperty(MessagePort.prototype, "onmessage", { get, set(act) {
        set.call(this, act && function (event) {
            if (event.data instanceof Int16Array) window.__heard.push(...event.data);
            return act.call(this, event);
        });
    } });
}"""


def heard(page: Page) -> bytes:
    """What the microphone of a page with HEARS has given since the page was loaded."""
    samples: list[int] = page.evaluate("() => window.__heard")
    return struct.pack(f"<{len(samples)}h", *samples)


def kept(page: Page) -> int:
    """Chunks that this browser keeps beyond the page."""
    count: int = page.evaluate("""() => new Promise((done) => {
        const asked = indexedDB.open("sotto-live", 1);
        asked.onupgradeneeded = () => asked.transaction.abort();
        asked.onerror = (event) => (event.preventDefault(), done(0));
        asked.onsuccess = () => {
            const counted = asked.result.transaction("sound").objectStore("sound").count();
            counted.onsuccess = () => (asked.result.close(), done(counted.result));
        };
    })""")
    return count


class StandIn:
    """Stands where the live socket stands, and says what the test wants said.

    Attributes:
        asked: Commands that came.
        chunks: Sound by its number, of the recording that was begun last.
        refuses: What is answered to a command instead, by its action; once.
        takes: Chunks are acknowledged.
        answers: Who begins or comes back is answered.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.asked: list[dict[str, Any]] = []
        self.chunks: dict[int, bytes] = {}
        self.refuses: dict[str, dict[str, Any]] = {}
        self.takes = self.answers = True
        self._socket: WebSocketRoute | None = None
        page.route_web_socket(re.compile("/api/v1/live$"), self._opened)

    def tell(self, event: str, **fields: Any) -> None:
        """Send an event."""
        assert self._socket is not None
        self._socket.send(json.dumps({"event": event, **fields}))

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Let the page go on until it is so."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not is_so():
            assert time.monotonic() < deadline
            self._page.wait_for_timeout(50)

    def hang_up(self, code: int = 1011) -> None:
        """Close the connection."""
        assert self._socket is not None
        self._socket.close(code=code)

    def _opened(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(self._heard)

    def _heard(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            if self.takes:
                seq = int.from_bytes(message[:4], "little")
                self.chunks[seq] = message[4:]
                self.tell("ack", seq=seq)
            return
        command = json.loads(message)
        self.asked.append(command)
        action = command["action"]
        if action in self.refuses:
            self.tell("error", **self.refuses.pop(action))
        elif action in ("start", "resume") and self.answers:
            if action == "start":
                self.chunks.clear()
            self.tell("status", status="recording", item_id="20260101-000000-a-0000", next_seq=len(self.chunks), limit_s=14_400)
        elif action == "stop":
            self.tell("status", status="processing", item_id="20260101-000000-a-0000", why="stop")
