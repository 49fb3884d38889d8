"""The text in which an item is found: what was to be spoken, what was heard, the texts of all rows, the names of what was sent."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from utils.storage.atomic import Folder
from utils.storage.batch_log import ROWS, WISHES
from utils.storage.item import Item
from utils.storage.items import RECORD

NAMES = ("original_name", "source", "text")  # of a request
MOST_CHARS = 4_000_000  # of one item; 12 hours of quick speech are about 700,000


def fold(text: str) -> str:
    """As texts are compared: one space between words, no letter case, no accents, no wide or joined forms."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(mark for mark in plain if not unicodedata.combining(mark)).split())


def sources(kind: str, transcript: str) -> tuple[str, ...]:
    """Files that an item's text is made from; of a transcript the text that counts and its corrections."""
    if kind == "batch":
        return (ROWS, WISHES)
    return (transcript, transcript.replace("transcript", "edits", 1)) if transcript else (RECORD,)


def text_of(folder: Folder, item: Item) -> str:
    """Everything in which an item of an open folder is found, its title aside."""
    parts = [value for name in NAMES if isinstance(value := item.request.get(name), str)]
    if item.kind == "batch":
        parts += _rows(folder)
    elif item.kind == "transcript":
        text = item.role("transcript")
        parts += _heard(folder, text.name if text else "")
    return "\n".join(parts)[:MOST_CHARS]


def _rows(folder: Folder) -> Iterator[str]:
    """Texts of a batch's rows, and those they were given later."""
    for name in (ROWS, WISHES):
        with suppress(FileNotFoundError):
            for line in folder.read(name).splitlines():
                with suppress(ValueError, AttributeError):  # a torn last line
                    row = json.loads(line)
                    text = row.get("text") or row.get("request", {}).get("text")
                    if isinstance(text, str):
                        yield text


def _heard(folder: Folder, transcript: str) -> Iterator[str]:
    """Texts of a transcript's segments, and those they were given by hand."""
    for name in sources("transcript", transcript) if transcript else ():
        with suppress(FileNotFoundError, ValueError, RecursionError):
            yield from _texts(json.loads(folder.read(name)))


def _texts(data: Any) -> Iterator[str]:
    """Every `text` in plain data, but not those of single words."""
    if isinstance(data, list):
        for part in data:
            yield from _texts(part)
    elif isinstance(data, dict):
        text = data.get("text")
        if isinstance(text, str):
            yield text
        for name, part in data.items():
            if name != "words" and isinstance(part, (list, dict)):
                yield from _texts(part)
