"""Answers made of chunks: whole, or visibly broken; never silent about what went wrong, never with a path in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import anyio
import pytest

from utils.api.streamed import Streamed


def sent(chunks: Iterator[bytes], size_bytes: int) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        await anyio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        messages.append(dict(message))

    async def main() -> None:
        await Streamed(chunks, size_bytes, "application/zip", {"X-Own": "1"})({"type": "http"}, receive, send)  # type: ignore[arg-type]

    anyio.run(main)
    return messages


def test_streamed_sends_every_chunk_in_order_and_ends() -> None:
    messages = sent(iter([b"one", b"two", b"three"]), 11)
    assert dict(messages[0]["headers"])[b"content-length"] == b"11"  # type: ignore[call-overload]
    assert b"".join(message["body"] for message in messages[1:]) == b"onetwothree"  # type: ignore[misc]
    assert messages[-1]["more_body"] is False


def test_streamed_broken_source_breaks_the_answer_and_logs_no_path(caplog: pytest.LogCaptureFixture) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise FileNotFoundError(2, "No such file", "outputs/words-of-a-title.mp3")

    with caplog.at_level(logging.WARNING):
        messages = sent(chunks(), 100)
    assert messages[-1]["more_body"] is True
    assert "FileNotFoundError" in caplog.text
    assert "words-of-a-title" not in caplog.text
