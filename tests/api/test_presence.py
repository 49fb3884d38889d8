"""A connected page's socket protects its session from sweeps, and only as long as it is connected."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.surface import HOST, ORIGIN, PAGE
from tests.storage.support import Clock
from utils.api import cookies
from utils.api.guards import Edge
from utils.api.presence import while_present
from utils.services import Services
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.storage.sessions import PRESENCE, PRESENT_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(tmp_path: Path, clock: Clock) -> Services:
    none: Any = None
    return Services(Settings(), SessionManager(tmp_path / "outputs", clock=clock), none, {}, none)


def socket(token: str | None, path: str = "/_stcore/stream") -> dict[str, Any]:
    headers = [(b"host", HOST.encode()), (b"origin", ORIGIN.encode())]
    if token:
        headers.append((b"cookie", f"{cookies.NAME}={token}".encode()))
    return {"type": "websocket", "path": path, "headers": headers, "scheme": "ws"}


async def until(happened: Any) -> None:
    for _ in range(2000):
        if happened():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")


def test_socket_of_a_page_is_noted_and_protects_while_it_is_connected(services: Services, clock: Clock) -> None:
    sessions = services.sessions
    session = sessions.create_session()
    clock.forward(99 * 3600)
    file = sessions.outputs / session / PRESENCE

    async def run() -> None:
        over = asyncio.Event()

        async def page(scope: Any, receive: Any, send: Any) -> None:
            await over.wait()

        async def nothing(*args: Any) -> Any:
            return {"type": "websocket.connect"}

        served = asyncio.create_task(Edge(page, services=services, page=PAGE)(socket(sessions.token(session)), nothing, nothing))
        await until(file.exists)
        over.set()
        await served

    asyncio.run(run())
    assert file.stat().st_mtime == clock.now
    assert sessions.cleanup_old_sessions(max_sessions=1).removed == ()
    clock.forward(99 * 3600)
    assert [gone.id for gone in sessions.cleanup_old_sessions().removed] == [session]


def test_presence_is_noted_again_and_ends_with_the_session(services: Services, clock: Clock) -> None:
    sessions = services.sessions
    session = sessions.create_session()
    file = sessions.outputs / session / PRESENCE

    async def run() -> None:
        over = asyncio.Event()
        served = asyncio.create_task(while_present(services, sessions.token(session), over.wait, every_s=0.01))
        await until(file.exists)
        clock.forward(PRESENT_S * 10)
        await until(lambda: file.stat().st_mtime == clock.now)
        await asyncio.to_thread(sessions.delete_session, session)
        await asyncio.sleep(0.1)
        assert not served.done(), "the socket itself lives on: the page tells that the session has ended"
        over.set()
        await served

    asyncio.run(run())
    assert sessions.get_all_session_ids() == []


@pytest.mark.parametrize("token", [None, "", "forged", "00000000-0000-4000-8000-000000000000." + "0" * 64])
def test_socket_without_a_genuine_cookie_notes_nothing(services: Services, token: str | None) -> None:
    session = services.sessions.create_session()

    async def run() -> None:
        async def serve() -> None:
            await asyncio.sleep(0.02)

        await while_present(services, token, serve)

    asyncio.run(run())
    assert not (services.sessions.outputs / session / PRESENCE).exists()


def test_error_of_the_socket_passes_as_it_is(services: Services) -> None:
    token = services.sessions.token(services.sessions.create_session())

    async def broken() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(while_present(services, token, broken))
