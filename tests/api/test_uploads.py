"""Uploads: streamed, counted, opened to see whether they are recordings; nothing stays of what is not taken."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import anyio
import httpx
import psutil
import pytest
from starlette.requests import Request

from tests.api.served import ROOT, Served, served
from tests.api.surface import Client, Surface, surface
from tests.audio.hostile_flac import flac
from tests.jobs.recordings import wav
from tests.storage.support import Clock, manager
from utils.api.bodies import Pace, gathered
from utils.api.problems import RequestTooSlow

TONE = wav([int(9000 * (index % 40 < 20)) for index in range(16_000)])
BOUNDARY = "----sotto"


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    shown = "" if filename is None else f'; filename="{filename}"'
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'.encode() + data + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def send(client: Client, body: bytes, **headers: str) -> httpx.Response:
    return client.post("/api/v1/upload", content=body, headers={**FORM, **headers})


def files_of(sotto: Surface, client: Client) -> list[str]:
    """Every file of a session but its own records."""
    home = sotto.services.sessions.outputs / sotto.session_of(client)
    found = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    return sorted(name for name in found if name not in ("session.json", "presence") and not name.endswith("item.json"))


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    """Uploads of at most 1 MB, sessions of at most 2 MB."""
    with surface(tmp_path_factory.mktemp("tight") / "outputs", max_upload_mb=1, session_quota_mb=2) as built:
        yield built


def test_upload_form_keeps_the_file_as_an_item(shared: Surface) -> None:
    client = shared.program()
    answer = client.post("/api/v1/upload", files={"file": ("Meeting Monday.wav", TONE)})
    item = answer.json()["item"]
    assert (answer.status_code, item["kind"], item["title"]) == (201, "upload", "Meeting Monday")
    assert answer.headers["location"] == f"/api/v1/items/{item['id']}"
    assert answer.json()["session"] == shared.session_of(client)
    assert [(file["name"], file["media_type"], file["size_bytes"]) for file in item["files"]] == [
        ("source.wav", "audio/wav", len(TONE))
    ]
    assert client.get(item["files"][0]["url"]).content == TONE
    assert item["result"]["seconds"] == pytest.approx(1.0, abs=0.01)


def test_upload_raw_body_takes_its_name_from_the_header(shared: Surface) -> None:
    client = shared.program()
    name = quote("Gespräch 会议.mp3")
    answer = client.post("/api/v1/upload", content=TONE, headers={"X-File-Name": name, "Content-Type": "audio/mpeg"})
    item = answer.json()["item"]
    assert (answer.status_code, item["title"]) == (201, "Gespräch 会议")
    assert item["files"][0]["media_type"] == "audio/wav"  # what it is, not what it is called


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("../../etc/passwd.wav", "passwd"),
        ("C:\\\\music\\\\song.wav", "song"),
        ("a\u202egnp.wav", "agnp"),
        ("x" * 400 + ".wav", "x" * 120),
        (".wav", "wav"),
        ("", "recording"),
    ],
)
def test_upload_hostile_names_become_titles_and_nothing_else(shared: Surface, name: str, title: str) -> None:
    client = shared.program()
    answer = send(client, whole(part("file", TONE, name)))
    item = answer.json()["item"]
    assert (answer.status_code, item["title"]) == (201, title)
    assert files_of(shared, client) == [f"single/{item['id']}/source.wav"]


@pytest.mark.parametrize(
    "data", [b"", b"<html>not sound</html>" * 50, b"RIFF\x00\x00\x00\x00WAVE", b"#EXTM3U\nhttp://127.0.0.1/x\n", os.urandom(5000)]
)
def test_upload_of_what_is_no_recording_is_415_and_leaves_nothing(shared: Surface, data: bytes) -> None:
    client = shared.program()
    answer = client.post("/api/v1/upload", files={"file": ("song.mp3", data)})
    assert (answer.status_code, answer.json()["code"]) == (415, "unreadable_sound")
    assert answer.json()["detail"].count(".") >= 1
    assert files_of(shared, client) == [] and client.get("/api/v1/items").json()["total"] == 0


@pytest.mark.parametrize("announced", [True, False])
def test_upload_over_its_limit_is_413_with_the_setting_and_leaves_nothing(tight: Surface, announced: bool) -> None:
    client = tight.program()
    body = whole(part("file", TONE + bytes(1_200_000), "long.wav"))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    answer = client.post("/api/v1/upload", content=body if announced else chunks(), headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "MAX_UPLOAD_MB" in answer.json()["detail"]
    assert files_of(tight, client) == []


def test_upload_over_the_quota_is_507_and_leaves_nothing(tight: Surface) -> None:
    client = tight.program()
    for _ in range(2):
        assert send(client, whole(part("file", TONE + bytes(900_000), "a.wav"))).status_code == 201
    before = files_of(tight, client)
    answer = send(client, whole(part("file", TONE + bytes(900_000), "b.wav")))
    assert (answer.status_code, answer.json()["code"]) == (507, "quota_exceeded")
    assert files_of(tight, client) == before


@pytest.mark.parametrize(
    "body",
    [
        part("file", TONE, "cut.wav"),  # no closing boundary
        whole(part("file", TONE, "cut.wav"))[:20_000],
        b"nothing of a form",
        b"--" + BOUNDARY.encode() + b"\r\n" + b"X: " + b"y" * 20_000,
        b"",
    ],
)
def test_upload_that_ends_half_way_is_400_and_leaves_nothing(shared: Surface, body: bytes) -> None:
    client = shared.program()
    answer = send(client, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert files_of(shared, client) == []


@pytest.mark.parametrize("told", [len(TONE) - 7, len(TONE) + 7])
def test_upload_raw_body_of_another_length_than_announced_is_400(shared: Surface, told: int) -> None:
    client = shared.program()
    answer = client.post("/api/v1/upload", content=TONE, headers={"Content-Length": str(told), "Content-Type": "audio/wav"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert files_of(shared, client) == []


def test_recording_that_says_it_is_too_long_is_413_and_fails_alone(shared: Surface) -> None:
    client, long = shared.program(), flac(24)
    for answer in (send(client, whole(part("file", long, "day.flac"))), client.post("/api/v1/upload", content=long)):
        assert (answer.status_code, answer.json()["code"]) == (413, "recording_too_long")
    body = whole(part("file", long, "day.flac"), part("file", TONE, "a.wav"))
    answer = client.post("/api/v1/transcriptions", content=body, headers=FORM)
    assert answer.status_code == 202, answer.text
    assert [(one["name"], one["problem"]["code"]) for one in answer.json()["refused"]] == [("day.flac", "recording_too_long")]
    assert [item["title"] for item in answer.json()["items"]] == ["a"]


def test_upload_form_without_a_file_is_422(shared: Surface) -> None:
    client = shared.program()
    answer = send(client, whole(part("title", b"Hello")))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


@pytest.mark.parametrize("path", ["/api/v1/upload", "/api/v1/transcriptions", "/v1/audio/transcriptions"])
def test_upload_of_a_file_in_another_part_is_refused_by_its_name_and_leaves_nothing(shared: Surface, path: str) -> None:
    client = shared.program()
    body = whole(part("model", b"whisper-1"), part("recording", TONE, "a.wav"))
    answer = client.post(path, content=body, headers=FORM)
    told = answer.json()
    if path.startswith("/v1"):
        assert (answer.status_code, told["error"]["code"], told["error"]["param"]) == (400, "unknown_parameter", "recording")
        told = {"detail": told["error"]["message"]}
    else:
        assert (answer.status_code, told["code"]) == (422, "bad_input")
    assert "'recording'" in told["detail"] and "'file'" in told["detail"]
    assert files_of(shared, client) == []


def test_upload_more_at_once_than_allowed_is_429(shared: Surface) -> None:
    client = shared.program()
    session = shared.session_of(client)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(shared.services.door.entering(session))
        answer = send(client, whole(part("file", TONE, "a.wav")))
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many") and answer.headers["retry-after"]
    assert send(client, whole(part("file", TONE, "a.wav"))).status_code == 201


def test_body_that_falls_silent_is_given_up() -> None:
    async def receive() -> dict[str, Any]:
        await anyio.sleep(60)
        return {"type": "http.disconnect"}

    async def read() -> None:
        async for _ in gathered(Request({"type": "http", "method": "POST", "headers": []}, receive), Pace(1, 0.05)):
            pass

    with pytest.raises(RequestTooSlow):
        anyio.run(read)


# ---- over a real connection


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "temporary").mkdir()
    settings = {"SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0", "STT_ENGINE": "draft", "TMPDIR": str(folder / "temporary")}
    with served(folder, **settings) as found:
        yield found


def zeros(size_bytes: int) -> Iterator[bytes]:
    """A form with a WAV of silence, made while it is sent."""
    head = bytearray(wav([0] * 8)[:44])
    struct.pack_into("<I", head, 4, 36 + size_bytes)
    struct.pack_into("<I", head, 40, size_bytes)
    yield part("file", bytes(head), "long.wav")[:-2]
    block = bytes(256 * 1024)
    for _ in range(size_bytes // len(block)):
        yield block
    yield b"\r\n" + whole()


def stream_through(server: Served, size_bytes: int) -> tuple[httpx.Response, float]:
    """Upload that much and watch the server's memory: the answer, and by how many MB it grew at most."""
    process, most = psutil.Process(server.pid), [0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss)

    with server.client() as client:
        token = client.post("/api/v1/sessions").json()["token"]
        client.cookies.clear()
        headers = {"Authorization": f"Bearer {token}", **FORM}
        client.post("/api/v1/upload", content=whole(part("file", TONE, "first.wav")), headers=headers)  # libraries are loaded then
        before = process.memory_info().rss
        watching = threading.Thread(target=watch)
        watching.start()
        answer = client.post("/api/v1/upload", content=zeros(size_bytes), headers=headers, timeout=120)
        stop.set()
        watching.join()
    return answer, (most[0] - before) / 2**20


def test_upload_of_40_mb_leaves_the_memory_flat_and_the_temporary_folder_alone(server: Served) -> None:
    answer, grown_mb = stream_through(server, 40 * 2**20)
    assert answer.status_code == 201 and answer.json()["item"]["size_bytes"] > 40 * 2**20
    assert grown_mb < 25
    assert not list((server.outputs.parent / "temporary").iterdir())


@pytest.mark.long
def test_upload_of_200_mb_leaves_the_memory_flat(server: Served) -> None:
    answer, grown_mb = stream_through(server, 200 * 2**20)
    assert answer.status_code == 201
    assert grown_mb < 25


def test_upload_connection_that_breaks_leaves_nothing(server: Served) -> None:
    with server.client() as client:
        made: dict[str, Any] = client.post("/api/v1/sessions").json()
    home = server.outputs / made["session_id"]
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)) as connection:
        head = f"POST /api/v1/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {made['token']}\r\nContent-Length: 5000000\r\n"
        connection.sendall(head.encode() + f"Content-Type: {FORM['Content-Type']}\r\n\r\n".encode())
        connection.sendall(part("file", bytes(2_000_000), "half.wav"))
        wait_for(lambda: bool(list(home.glob(".work-*/*"))))
    wait_for(lambda: not list(home.glob(".work-*")))
    assert list((home / "single").iterdir()) == []


def test_upload_refused_half_way_closes_the_connection(server: Served) -> None:
    with server.client() as client:
        token = client.post("/api/v1/sessions").json()["token"]
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=60) as connection:
        head = f"POST /api/v1/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 900000000\r\n"
        connection.sendall(head.encode() + f"Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + part("file", b"x", "a.wav"))
        answer = b""
        while data := connection.recv(65_536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 413") and b"MAX_UPLOAD_MB" in answer


@pytest.mark.parametrize(("token", "status"), [("of nobody", b"401"), ("", b"413")])
def test_upload_that_is_refused_while_its_sender_sends_tells_it_why(server: Served, token: str, status: bytes) -> None:
    with server.client() as client:
        token = token or client.post("/api/v1/sessions").json()["token"]
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=60) as connection:
        head = f"POST /api/v1/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 900000000\r\n"
        connection.sendall(head.encode() + f"Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + part("file", b"x", "a.wav"))
        for _ in range(80):
            connection.sendall(bytes(100_000))  # a connection that was closed would be reset by this, and its answer lost
        assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)


def wait_for(condition: Any) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


KILLED = """
import os, sys
from pathlib import Path
from utils.session_manager import SessionManager
store = SessionManager(Path(sys.argv[1]))
with store.incoming(sys.argv[2], most_bytes=10_000, limit="Too long.") as incoming:
    incoming.write(b"half of a recording")
    os.kill(os.getpid(), 9)
"""


def test_upload_of_a_killed_server_is_tidied_by_the_next_sweep(tmp_path: Path) -> None:
    clock = Clock()
    store = manager(tmp_path, clock)
    session = store.create_session()
    subprocess.run([sys.executable, "-c", KILLED, str(store.outputs), session], cwd=ROOT, check=False)
    assert list((store.outputs / session).glob(".work-*/incoming"))
    clock.forward(3600)
    store.cleanup_old_sessions()
    assert not list((store.outputs / session).glob(".work-*"))
