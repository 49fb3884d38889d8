"""Deletion is real: once it was said, no new answer holds anything of it, and a ZIP under way ends broken.

One file that is already being sent may be sent to its end: its length was promised, and the person who asked for it was the owner
at that moment. Everything that is asked afterwards, ranges of the same player included, is 404.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.served import Served, served
from tests.api.surface import SOUND, Surface
from utils.session_manager import SessionManager
from utils.storage.item import ItemFile

FILE_BYTES = 16 * 2**20  # more than what sockets hold
FILES = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("deletion"), SPEECH_WORKERS="0", TRANSCRIBE_WORKERS="0") as running:
        yield running


@pytest.fixture
def store(server: Served) -> SessionManager:
    return SessionManager(server.outputs)


def big_item(store: SessionManager, session_id: str) -> str:
    item = store.create_item(session_id, folder="single", kind="speech", title="Big", request={})
    listed = []
    for number in range(FILES):
        store.write_file(session_id, item.id, f"{number}.mp3", bytes([number + 1]) * FILE_BYTES, durable=False)
        listed.append(ItemFile(f"{number}.mp3", "audio/mpeg", FILE_BYTES, "audio"))
    store.update_item(session_id, item.id, files=tuple(listed))
    return item.id


def begun(server: Served, path: str, token: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A download whose client has read only a little of it."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read(1000)
    return connection, answer


def rest(answer: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """What still comes, and whether the download came to its end."""
    try:
        return answer.read(), True
    except (http.client.IncompleteRead, ConnectionError) as broken:
        return getattr(broken, "partial", b""), False


@pytest.mark.parametrize("how", ["item", "session", "forget"])
def test_zip_under_way_ends_broken_and_serves_no_more_files(server: Served, store: SessionManager, how: str) -> None:
    session_id = store.create_session()
    item_id, token = big_item(store, session_id), store.token(session_id)
    connection, answer = begun(server, f"/api/v1/items/{item_id}.zip", token)
    with server.client(headers={"Authorization": f"Bearer {token}"}) as client:
        if how == "item":
            assert client.delete(f"/api/v1/items/{item_id}").status_code == 204
        elif how == "session":
            assert client.delete(f"/api/v1/session/{session_id}").status_code == 204
        else:
            store.forget(session_id)
        body, whole = rest(answer)
        connection.close()
        assert not whole
        assert bytes([FILES]) * 1000 not in body, "the last file was served after the deletion"
        for path in (f"{item_id}.zip", f"{item_id}/files/0.mp3", item_id):
            assert client.get(f"/api/v1/items/{path}").status_code == 404
    if how != "item":
        left = [path.name for path in (server.outputs / ".trash").iterdir()]
        assert not [name for name in left if session_id in name or name.startswith("dead-")]


def test_file_under_way_is_finished_and_then_gone(server: Served, store: SessionManager) -> None:
    session_id = store.create_session()
    item_id, token = big_item(store, session_id), store.token(session_id)
    connection, answer = begun(server, f"/api/v1/items/{item_id}/files/0.mp3", token)
    store.delete_session(session_id)
    body, whole = rest(answer)
    connection.close()
    assert whole and len(body) == FILE_BYTES - 1000
    with server.client(headers={"Authorization": f"Bearer {token}", "Range": "bytes=0-99"}) as client:
        assert client.get(f"/api/v1/items/{item_id}/files/0.mp3").status_code == 404


def made(sotto: Surface) -> tuple[SessionManager, str, str]:
    store = sotto.services.sessions
    session_id = store.create_session()
    item = store.create_item(session_id, folder="single", kind="speech", title="Hello", request={})
    store.write_file(session_id, item.id, "a.mp3", SOUND)
    store.update_item(session_id, item.id, files=(ItemFile("a.mp3", "audio/mpeg", len(SOUND), "audio"),))
    return store, session_id, item.id


def test_player_and_zip_links_die_with_the_item_and_live_again_with_undo(sotto: Surface) -> None:
    store, session_id, item_id = made(sotto)
    client = sotto.stranger(headers={"Authorization": f"Bearer {store.token(session_id)}"})
    links = [f"/api/v1/items/{item_id}/files/a.mp3?inline=1", f"/api/v1/items/{item_id}.zip"]
    first = client.get(links[0])
    assert [client.get(link).status_code for link in links] == [200, 200]
    assert client.delete(f"/api/v1/items/{item_id}").status_code == 204
    again = client.get(links[0], headers={"If-None-Match": first.headers["etag"]})
    assert [again.status_code, *(client.get(link).status_code for link in links)] == [404, 404, 404]
    assert client.post(f"/api/v1/items/{item_id}/restore").status_code == 200
    assert [client.get(link).status_code for link in links] == [200, 200]


def test_links_die_with_a_sweep_of_session_or_item(sotto: Surface) -> None:
    store, session_id, item_id = made(sotto)
    token = store.token(session_id)
    client = sotto.stranger(headers={"Authorization": f"Bearer {token}"})
    sotto.clock.now += 100 * 3600
    assert client.get("/api/v1/session/info").status_code == 200  # the session is used, its item is old
    store.cleanup_old_sessions(item_age_hours=50)
    assert client.get(f"/api/v1/items/{item_id}/files/a.mp3").status_code == 404
    assert client.post(f"/api/v1/items/{item_id}/restore").status_code == 404, "its time was up: nobody takes it back"
    sotto.clock.now += 100 * 3600
    store.cleanup_old_sessions()
    assert client.get("/api/v1/session/info").status_code == 404


def test_cache_of_the_session_goes_with_it(sotto: Surface) -> None:
    store, session_id, _ = made(sotto)
    cache = store.cache(session_id)
    cache.put("ab" * 16, b"piece")
    store.delete_session(session_id)
    assert cache.get("ab" * 16) is None
    cache.put("ab" * 16, b"piece")
    assert not Path(store.outputs, session_id).exists(), "a cache brought the session back"
