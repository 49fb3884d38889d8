"""Events of a job: over a real server and a real connection, and the watch behind them on a loop of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.api.served import Served, served
from utils.api import events
from utils.api.events import Watches, event, mark_of
from utils.errors import NotFound, TooMany

LONG = " ".join(["It was the best of times, it was the worst of times."] * 400)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("events")) as started:
        yield started


@contextmanager
def program(server: Served) -> Iterator[httpx.Client]:
    """A program with a session of its own."""
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {client.post('/api/v1/sessions').json()['token']}"
        client.cookies.clear()
        yield client


def told(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, id and data of each event."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}


def test_events_tell_a_job_until_it_is_done_and_then_nothing_more(server: Served) -> None:
    with program(server) as client:
        job = client.post("/api/v1/speech", json={"text": LONG, "format": "mp3"}).json()["job"]
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            found = list(told(answer.iter_lines()))
        assert {name for name, _, _ in found} == {"status"}
        assert found[-1][2]["state"] == "done"
        assert found[-1][2] == client.get(f"/api/v1/jobs/{job['id']}").json()
        assert len({mark for _, mark, _ in found}) == len(found) >= 2
        progress = [data["progress"] for _, _, data in found]
        assert progress == sorted(progress)
        again = client.get(f"/api/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": found[-1][1]})
        assert (again.status_code, again.content) == (204, b"")
        late = client.get(f"/api/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": found[0][1]})
        assert [mark for _, mark, _ in told(iter(late.text.splitlines()))] == [found[-1][1]]


def test_events_of_others_and_of_nothing_are_not_found(server: Served) -> None:
    with program(server) as owner, program(server) as other, server.client() as stranger:
        job = owner.post("/api/v1/speech", json={"text": "Hello."}).json()["job"]
        foreign = other.get(f"/api/v1/jobs/{job['id']}/events")
        unknown = other.get("/api/v1/jobs/20260101-000000-nothing-0000/events")
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert foreign.json() == unknown.json()
        assert stranger.get(f"/api/v1/jobs/{job['id']}/events").status_code == 401


def test_events_end_when_the_item_is_deleted(server: Served) -> None:
    with program(server) as client:
        job = client.post("/api/v1/speech", json={"text": LONG * 3}).json()["job"]
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
            lines = answer.iter_lines()
            seen = told(lines)
            next(seen)
            with server.client(headers=dict(client.headers)) as second:
                second.post(f"/api/v1/jobs/{job['id']}/cancel")
                until_over = time.monotonic() + 60
                while second.delete(f"/api/v1/items/{job['id']}").status_code == 409 and time.monotonic() < until_over:
                    time.sleep(0.05)
            assert list(seen)[-1][0] in ("gone", "status")  # over by the cancel, or gone if that was quicker


def test_events_readers_that_leave_cost_nothing(server: Served) -> None:
    process = psutil.Process(server.pid)
    with program(server) as client:
        job = client.post("/api/v1/speech", json={"text": LONG * 4}).json()["job"]
        before = process.num_fds()
        for _ in range(30):
            with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
                next(answer.iter_lines())
        client.post(f"/api/v1/jobs/{job['id']}/cancel")
        deadline = time.monotonic() + 60
        while process.num_fds() > before + 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert process.num_fds() <= before + 3
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:  # none of them counts any more
            assert answer.status_code == 200


def test_events_asked_for_all_at_once_are_as_many_as_allowed(server: Served) -> None:
    async def burst(token: str, path: str) -> list[int]:
        over = asyncio.Event()
        found: list[int] = []

        async def ask(client: httpx.AsyncClient) -> None:
            async with client.stream("GET", path) as answer:
                found.append(answer.status_code)
                if len(found) == events.MOST_A_SESSION + 10:
                    over.set()
                await over.wait()

        limits = httpx.Limits(max_connections=None)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, limits=limits, timeout=60, trust_env=False) as client:
            await asyncio.gather(*(ask(client) for _ in range(events.MOST_A_SESSION + 10)))
        return found

    with program(server) as client:
        job = client.post("/api/v1/speech", json={"text": LONG * 4}).json()["job"]
        token = client.headers["Authorization"].removeprefix("Bearer ")
        statuses = asyncio.run(burst(token, f"/api/v1/jobs/{job['id']}/events"))
        client.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert sorted(statuses) == [200] * events.MOST_A_SESSION + [429] * 10


def test_server_that_is_told_to_end_does_not_wait_for_open_streams(tmp_path: Path) -> None:
    with served(tmp_path, SPEECH_WORKERS="0") as server, program(server) as client:
        job = client.post("/api/v1/speech", json={"text": "Nobody speaks this."}).json()["job"]
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
            seen = told(answer.iter_lines())
            assert next(seen)[2]["state"] == "queued"
            os.kill(server.pid, signal.SIGTERM)
            assert list(seen) == []  # the stream ends by itself, and so does the server: the fixture waits for it


def test_watch_serves_many_readers_by_one_look_and_slow_ones_get_the_newest() -> None:
    looks = 0

    def look() -> tuple[str, bool]:
        nonlocal looks
        looks += 1
        return json.dumps({"step": looks}), looks < 8

    async def all_of_it() -> list[list[bytes]]:
        watches = Watches()

        async def read(pause_s: float) -> list[bytes]:
            found = []
            async for chunk in watches.follow("session", "job", look, ""):
                found.append(chunk)
                await asyncio.sleep(pause_s)
            return found

        return await asyncio.gather(*(read(0.0) for _ in range(20)), read(0.5))

    quick, *_, slow = asyncio.run(all_of_it())
    assert looks == 8  # however many read
    assert quick[-1] == slow[-1] == event("status", '{"step": 8}', mark_of('{"step": 8}'))
    assert len(slow) < len(quick)


def test_watch_says_gone_and_counts_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> tuple[str, bool]:
        raise NotFound("There is no such work.")

    async def read() -> list[bytes]:
        watches = Watches()
        leaving = [watches.admit("busy") for _ in range(events.MOST_A_SESSION)]  # none of them has begun
        with pytest.raises(TooMany) as refused:
            watches.admit("busy")
        assert refused.value.retry_after_s
        watches.admit("somebody else")()
        leaving[0]()
        leaving[0]()
        watches.admit("busy")
        with pytest.raises(TooMany):
            watches.admit("busy")
        found = [chunk async for chunk in watches.follow("session", "job", gone, "")]
        assert not watches._watches
        return found

    assert asyncio.run(read())[-1] == event("gone", "{}")


def test_watch_sends_heart_beats_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEART_BEAT_S", 0.02)

    async def read() -> list[bytes]:
        found: list[bytes] = []
        async for chunk in Watches().follow("session", "job", lambda: ("{}", True), ""):
            found.append(chunk)
            if found.count(b": still here\n\n") >= 3 and event("status", "{}", mark_of("{}")) in found:
                break
        return found

    found = asyncio.run(read())  # the first look may take longer than a beat
    assert set(found[1:]) == {b": still here\n\n", event("status", "{}", mark_of("{}"))}


def test_watch_that_meets_a_defect_ends_its_streams_and_the_next_one_looks_anew(caplog: pytest.LogCaptureFixture) -> None:
    looks = iter([("{}", True), RuntimeError("defect"), ('{"state": "done"}', False)])

    def look() -> tuple[str, bool]:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    async def follow() -> list[bytes]:
        return [event async for event in watches.follow("s", "j", look, "")]

    async def both() -> tuple[list[bytes], list[bytes]]:
        return await follow(), await follow()

    watches = Watches()
    first, second = asyncio.run(both())
    assert b"data: {}" in first[-1]
    assert b"done" in second[-1]
    assert "watch_broken" in caplog.text
