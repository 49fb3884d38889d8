"""A client of the live socket, as strict as a page: numbered chunks, kept until they are acknowledged."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PATH = "/api/v1/live"


def sound(seconds: float, rate_hz: int = 16_000, seed: int = 1) -> bytes:
    """Quiet noise that is different everywhere, so that a lost, doubled or moved chunk shows."""
    return np.random.default_rng(seed).integers(-3000, 3000, round(seconds * rate_hz), dtype="<i2").tobytes()


def chunks_of(data: bytes, size: int = 3200) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def numbered(seq: int, data: bytes) -> bytes:
    return struct.pack("<I", seq) + data


class Speaker:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    def say(self, action: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"action": action, **fields}))

    def send(self, seq: int, data: bytes) -> None:
        self.socket.send(numbered(seq, data))

    def next(self, timeout_s: float = 60.0) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.socket.recv(timeout_s))
        self.events.append(event)
        return event

    def there(self) -> list[dict[str, Any]]:
        """The events that have come already."""
        found = []
        with suppress(TimeoutError):
            while True:
                found.append(self.next(0))
        return found

    def until(self, kind: str, timeout_s: float = 60.0, **fields: Any) -> dict[str, Any]:
        """The next event of that kind with these fields."""
        while True:
            event = self.next(timeout_s)
            if event["event"] == kind and all(event.get(key) == value for key, value in fields.items()):
                return event

    def acked(self, seq: int) -> None:
        """Wait until everything up to that chunk is acknowledged."""
        while self.until("ack")["seq"] < seq:
            continue

    def closed(self, timeout_s: float = 60.0) -> tuple[int, str]:
        """Wait for the end; code and reason."""
        try:
            while True:
                self.next(timeout_s)
        except ConnectionClosed as exc:
            return (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd else (1006, "")


def token_of(client: httpx.Client) -> str:
    """A new session; the client keeps no cookie of it."""
    token = str(client.post("/api/v1/sessions").json()["token"])
    client.cookies.clear()
    return token


@contextmanager
def speaking(url: str, **options: Any) -> Iterator[Speaker]:
    """Connect to the live socket of a server."""
    with connect(url.replace("http", "ws", 1) + PATH, proxy=None, max_size=None, max_queue=None, **options) as socket:
        yield Speaker(socket)
