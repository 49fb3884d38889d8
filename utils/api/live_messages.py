"""What clients of the live socket send, read strictly: audio chunks and commands."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from utils.errors import BadInput, TooLarge
from utils.workflows.live import Begin

MOST_MESSAGE_BYTES = 256 * 1024
SEQ = struct.Struct("<I")
MOST_TITLE_CHARS = 200


class BadMessage(BadInput):
    """A message is not one that this socket knows."""

    code = "bad_message"


@dataclass(frozen=True)
class Chunk:
    """An audio chunk; `seq` None = the next one."""

    seq: int | None
    data: bytes


@dataclass(frozen=True)
class Command:
    """Everything else; `action` is a word, `fields` are as they came."""

    action: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field that is a text; missing and null are ""."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadMessage(f"The field {name!r} of “{self.action}” is a text.")
        return value.encode("utf-8", "replace").decode()  # JSON can hold halves of characters, which no file can

    def flag(self, name: str, default: bool) -> bool:
        """A field that is true or false."""
        value = self.fields.get(name, default)
        if not isinstance(value, bool):
            raise BadMessage(f"The field {name!r} of “{self.action}” is true or false.")
        return value

    def number(self, name: str, default: int | None = None) -> int | None:
        """A field that is a whole number."""
        value = self.fields.get(name, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32):
            raise BadMessage(f"The field {name!r} of “{self.action}” is a whole number.")
        return value


def size_of(message: Mapping[str, Any]) -> int:
    """Length of a message, in bytes or characters."""
    return len(message.get("bytes") or message.get("text") or "")


def parse(message: Mapping[str, Any]) -> Chunk | Command:
    """One message as the server hands it over.

    Raises:
        TooLarge: Longer than MOST_MESSAGE_BYTES.
        BadMessage: Not one of ours.
    """
    data, text = message.get("bytes"), message.get("text")
    if size_of(message) > MOST_MESSAGE_BYTES:
        raise TooLarge(f"A message has at most {MOST_MESSAGE_BYTES // 1024} kB.", "Send the sound in smaller chunks.")
    if data is not None:
        if len(data) <= SEQ.size:
            raise BadMessage("A chunk is its number in four bytes, and sound.")
        return Chunk(SEQ.unpack_from(data)[0], data[SEQ.size :])
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError) as exc:
        raise BadMessage("A text message is a JSON object.", "Send sound as binary messages.") from exc
    if not isinstance(found, dict) or not isinstance(found.get("action"), str):
        raise BadMessage("A message has an action.", "See the description of the live socket.")
    command = Command(found["action"], found)
    return _chunk(command) if command.action == "audio_chunk" else command


def begin_of(command: Command) -> Begin:
    """What a "start" asks for. Raises BadMessage."""
    rate = command.number("sample_rate")
    if rate is None:
        raise BadMessage("The field 'sample_rate' of “start” is missing.", "It is that of the sound, in Hz.")
    return Begin(
        sample_rate=rate,
        format=command.text("format") or "pcm_s16le",
        language=command.text("language"),
        captions=command.flag("captions", True),
        transcript=command.flag("transcript", True),
        title=command.text("title")[:MOST_TITLE_CHARS],
    )


def _chunk(command: Command) -> Chunk:
    try:
        data = base64.b64decode(command.text("data"), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadMessage("The sound of “audio_chunk” is no base64.") from exc
    return Chunk(command.number("seq"), data)
