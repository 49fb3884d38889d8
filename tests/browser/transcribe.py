"""The Transcribe page as a person uses it: by what is written on it."""

from __future__ import annotations

import json
import re
import wave
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.browser.servers import Server
from tests.transcription import clips
from utils.transcription.contract import RATE_HZ

MODEL = Path(__file__).resolve().parents[1] / "assets" / "micro-whisper"
KITCHEN = ("Turn on the light in the kitchen.", "Thank you very much.", "Close the window.")
CANARY = "<img src=x onerror=alert(1)>\"'**b** $x$"


def recording(*texts: str, seconds: float = 0.0) -> bytes:
    """A WAV file in which eSpeak NG says some sentences, and then nothing for some seconds."""
    samples = clips.joined(texts).samples if texts else np.zeros(0, np.float32)
    samples = np.concatenate([samples, np.zeros(int(seconds * RATE_HZ), np.float32)])
    return wav(samples)


def wav(samples: Any) -> bytes:
    """16 bit, one channel."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


def interview(minutes: int) -> bytes:
    """A long recording of known sentences."""
    part = clips.joined(clips.drawn(30)).samples
    return wav(np.tile(part, -(-minutes * 60 * RATE_HZ // len(part))))


def ready(page: Page) -> Page:
    """Wait until the page is there."""
    expect(page.get_by_role("heading", name="Transcribe", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    return page


def bring(page: Page, files: Sequence[tuple[str, bytes]]) -> None:
    """Choose files."""
    payload: Any = [{"name": name, "mimeType": "audio/wav", "buffer": data} for name, data in files]
    page.get_by_label("Recordings or videos").set_input_files(payload)


def start_button(page: Page) -> Locator:
    """The primary button."""
    return page.get_by_role("button", name="Transcribe").filter(has_text="Ctrl")


def start(page: Page, *files: tuple[str, bytes], count: int | None = None) -> None:
    """Choose files, wait until they have arrived, and start."""
    bring(page, files)
    arrived = len(files) if count is None else count
    expect(page.get_by_text(f"{arrived} recording{'s' if arrived > 1 else ''} ready")).to_be_visible()
    start_button(page).click()


def card(page: Page) -> Locator:
    """The card of the transcript."""
    return page.locator(".st-key-transcribe_result")


def line(page: Page, title: str) -> Locator:
    """The line of a transcript that is not the card."""
    return page.get_by_role("button", name=re.compile(f"^{re.escape(title)}"))


def look(page: Page, title: str) -> Locator:
    """Open a transcript, unless it is open already."""
    player = card(page).get_by_role("group", name=f"Player: {title}")
    expect(player.or_(line(page, title)).first).to_be_visible(timeout=60_000)
    if not player.is_visible():
        line(page, title).click()
    return wait_for_card(page, title)


def wait_for_card(page: Page, title: str) -> Locator:
    """The card of a transcript that is done."""
    expect(card(page).get_by_role("group", name=f"Player: {title}")).to_be_visible(timeout=60_000)
    expect(card(page).get_by_role("button", name="Menu")).to_be_visible(timeout=60_000)
    return card(page)


def made(page: Page, name: str = "kitchen.wav", texts: Sequence[str] = KITCHEN) -> Locator:
    """A transcript, from the file to its card."""
    start(page, (name, recording(*texts)))
    shown = wait_for_card(page, name.removesuffix(".wav"))
    expect(shown.locator(".text").first).to_be_visible()
    return shown


def segments(page: Page) -> list[str]:
    """The texts on the page of the transcript."""
    return [text.strip() for text in card(page).locator(".rows .text").all_inner_texts()]


def items(server: Server, kind: str = "transcript") -> list[tuple[Path, dict[str, Any]]]:
    """Folder and record of every item of a kind on the server's disk."""
    found = [(record.parent, json.loads(record.read_text("utf-8"))) for record in server.outputs.glob("*/single/*/item.json")]
    return [(folder, item) for folder, item in found if item["kind"] == kind]
