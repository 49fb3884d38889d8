"""Every hostile recording through both doors of the API: taken, or refused in one sentence; nothing left, nobody called."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.served import Served, served
from tests.audio import hostile_media, media
from tests.audio.hostile_media import Case

SENTENCE = re.compile(r"[A-Z][^\n]*[.]")
MOST_BYTES = 4_000_000  # larger ones are bombs by size, which cost the test more than they tell
LEAST_CASES = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("hostile"), TRANSCRIBE_WORKERS="0", SPEECH_WORKERS="0") as started:
        yield started


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Stands where playlists point to."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files lie that none of them may open."""
    folder = tmp_path_factory.mktemp("victim")
    for suffix in (".wav", ".ts"):
        (folder / f"secret{suffix}").write_bytes(media.make(suffix[1:], 1.0))
        os.utime(folder / f"secret{suffix}", (1.0, 1.0))
    return folder


@pytest.fixture(scope="module")
def hostile(listener: socket.socket, victim: Path) -> list[tuple[Case, bytes]]:
    made = [
        (case, case.make())
        for case in hostile_media.cases(f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts", str(victim / "secret"))
    ]
    found = [(case, data) for case, data in made if len(data) <= MOST_BYTES]
    assert len(found) >= LEAST_CASES
    return found


def program(server: Served) -> httpx.Client:
    with server.client() as client:
        token = client.post("/api/v1/sessions").json()["token"]
    return server.client(headers={"Authorization": f"Bearer {token}"})


def sent(client: httpx.Client, door: str, case: Case, data: bytes) -> httpx.Response:
    name = "talk.m3u8" if case.group == "playlist" else f"{case.name}.mp3"
    return client.post(f"/api/v1/{door}", files={"file": (name, data, "audio/mpeg")})


@pytest.mark.parametrize("door", ["upload", "transcriptions"])
def test_hostile_recordings_are_taken_or_refused_and_the_server_stays_well(
    server: Served, listener: socket.socket, victim: Path, hostile: list[tuple[Case, bytes]], door: str
) -> None:
    wrong: list[str] = []
    with program(server) as client:
        for case, data in hostile:
            answer = sent(client, door, case, data)
            told: dict[str, Any] = answer.json()
            if answer.status_code in (201, 202):
                items = [told["item"]] if door == "upload" else told["items"]
                for item in items:
                    if door == "transcriptions":
                        client.post(f"/api/v1/jobs/{item['id']}/cancel")
                    gone = client.delete(f"/api/v1/items/{item['id']}")
                    if gone.status_code != 204:
                        wrong.append(f"{case.name}: cannot be deleted, {gone.status_code}")
            elif answer.status_code not in (413, 415) or not SENTENCE.fullmatch(str(told.get("detail") or told.get("title"))):
                wrong.append(f"{case.name}: {answer.status_code} {told}")
            if client.get("/healthz").status_code != 200:
                wrong.append(f"{case.name}: the server is not well")
        assert wrong == []
        assert client.get("/api/v1/items").json()["total"] == 0
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert {path.stat().st_atime for path in victim.iterdir()} == {1.0}  # nobody has read them
    deadline = time.monotonic() + 60
    while (left := _left(server.outputs)) and time.monotonic() < deadline:
        time.sleep(0.2)  # what can still be taken back is in the trash for ten seconds
    assert left == []


def _left(outputs: Path) -> list[str]:
    """What lies in sessions beside their own records."""
    own = {"session.json", "presence"}
    return [str(path.relative_to(outputs)) for path in outputs.glob("[0-9a-f]*/**/*") if path.is_file() and path.name not in own]
