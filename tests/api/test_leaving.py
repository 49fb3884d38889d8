"""A client that asks for a large file and reads nothing of it, with the real server on a real connection."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.ports import Port
from utils.api import leaving
from utils.api.held import HeldFile, open_held
from utils.api.leaving import Patient
from utils.api.streamed import Streamed

MUCH = 64 * 2**20  # more than any socket's buffers take


def chunks() -> Iterator[bytes]:
    for _ in range(64):
        yield bytes(2**20)


async def unread(answer: Response) -> bool:
    """Whether its connection ends although the client never reads and never leaves."""
    over = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)
        over.set()

    with Port() as port:
        server = uvicorn.Server(uvicorn.Config(app, port=port.number, lifespan="off", log_config=None))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        with socket.create_connection(("127.0.0.1", port.number)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            await asyncio.wait_for(over.wait(), 60)
            while server.server_state.connections:
                await asyncio.sleep(0.01)
        server.should_exit = True
        await running
    return over.is_set()


def test_reader_that_takes_nothing_is_let_go_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leaving, "STALLED_S", 0.2)
    path = tmp_path / "large"
    with path.open("wb") as file:
        os.truncate(file.fileno(), MUCH)
    answer = HeldFile(open_held(path), "audio/wav", {})
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(unread(answer))
        assert asyncio.run(unread(Streamed(chunks(), MUCH, "application/zip", {})))
    assert answer.file.closed
    assert caplog.messages == []


def test_reader_behind_a_server_of_another_kind_breaks_the_answer_off() -> None:
    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        await anyio.sleep_forever()

    with pytest.raises(OSError, match="takes nothing"):
        asyncio.run(Patient(receive, send, 0.05).send({"type": "http.response.start"}))
