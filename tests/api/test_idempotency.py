"""Idempotency-Key: the same request makes nothing twice, whatever came between it and its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.api.surface import Client, Surface, surface
from tests.jobs.recordings import wav
from utils.api.idempotency import KEYED, ROUTES, Idempotency
from utils.storage.replies import FOLDER, LIVES_S, MOST, Replies

TONE = wav([int(9000 * (index % 40 < 20)) for index in range(8_000)])
SPEECH = {"text": "Good morning.", "engine": "espeak"}
DRAFT = {"stt_engine": "draft"}


def fresh() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def count(client: Client) -> int:
    return int(client.get("/api/v1/items").json()["total"])


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """The recorded answer: status, body and what belongs to it."""
    shown = ("content-type", "location")
    return (
        (first.status_code, first.content) == (second.status_code, second.content)
        and [first.headers.get(name) for name in shown] == [second.headers.get(name) for name in shown]
        and "idempotent-replayed" not in first.headers
        and second.headers["idempotent-replayed"] == "true"
    )


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with surface(tmp_path_factory.mktemp("draft") / "outputs", **DRAFT) as built:
        yield built


def test_speech_same_key_is_answered_the_same_and_made_once(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    first = client.post("/api/v1/speech", json=SPEECH, headers=key)
    shared.run(client, first.json()["job"]["id"])  # how things stand now is not what was answered
    assert first.status_code == 202 and same(first, client.post("/api/v1/speech", json=SPEECH, headers=key))
    assert count(client) == 1
    assert client.post("/api/v1/speech", json=SPEECH, headers=fresh()).json()["job"]["id"] != first.json()["job"]["id"]
    assert client.post("/api/v1/speech", json=SPEECH).status_code == 202
    assert count(client) == 3


def test_browser_by_cookie_may_use_keys_too(shared: Surface) -> None:
    browser, key = shared.browser(), fresh()
    answers = [browser.post("/api/v1/speech", json=SPEECH, headers=key) for _ in range(2)]
    assert same(*answers) and count(browser) == 1


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/api/v1/speech", {"json": {**SPEECH, "text": "Good night."}}),
        ("/api/v1/speech?wait=0", {"json": SPEECH}),
        ("/api/v1/transcriptions", {"json": {"item_id": "20200101-000000-nothing-0000"}}),
        ("/api/v1/upload", {"files": {"file": ("a.wav", TONE)}}),
    ],
)
def test_key_of_another_request_is_refused_and_makes_nothing(shared: Surface, path: str, options: dict[str, Any]) -> None:
    client, key = shared.program(), fresh()
    first = client.post("/api/v1/speech", json=SPEECH, headers=key)
    answer = client.post(path, headers=key, **options)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert count(client) == 1
    assert same(first, client.post("/api/v1/speech", json=SPEECH, headers=key))


def test_key_belongs_to_its_session(shared: Surface) -> None:
    one, other, key = shared.program(), shared.program(), fresh()
    answers = [client.post("/api/v1/speech", json=SPEECH, headers=key) for client in (one, other)]
    assert not any("idempotent-replayed" in answer.headers for answer in answers)
    assert (count(one), count(other)) == (1, 1)


@pytest.mark.parametrize("key", ["", " ", "a b", "é".encode(), "x" * 256])
def test_key_that_is_none_is_refused(shared: Surface, key: str | bytes) -> None:
    client = shared.program()
    answer = client.request("POST", "/api/v1/speech", json=SPEECH, headers=[("Idempotency-Key", key)])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.Idempotency-Key")
    assert count(client) == 0


@pytest.mark.parametrize("path", ["/api/v1/speech", "/api/v1/upload"])
def test_two_keys_are_refused_and_make_nothing(shared: Surface, path: str) -> None:
    client = shared.program()
    answer = client.post(path, json=SPEECH, headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "other")])
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input") and "Idempotency-Key" in answer.json()["detail"]
    assert count(client) == 0


def test_key_of_a_stranger_opens_nothing(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    client.post("/api/v1/speech", json=SPEECH, headers=key)
    assert shared.stranger().post("/api/v1/speech", json=SPEECH, headers=key).status_code == 401
    wrong = shared.stranger(headers={"Authorization": "Bearer " + "0" * 101})
    assert wrong.post("/api/v1/speech", json=SPEECH, headers=key).status_code == 401


def test_error_is_not_kept_and_leaves_the_key_free(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    assert client.post("/api/v1/speech", json={"text": "..."}, headers=key).status_code == 422
    assert client.post("/api/v1/speech", json=SPEECH, headers=key).status_code == 202
    assert count(client) == 1


def test_two_at_once_one_makes_and_all_get_its_answer(sotto: Surface) -> None:
    client, key = sotto.program(), fresh()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/api/v1/speech", json=SPEECH, headers=key), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1 and count(client) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7


def test_two_servers_on_one_folder_make_it_once(tmp_path: Path) -> None:
    key = fresh()
    with surface(tmp_path / "outputs") as one, surface(tmp_path / "outputs") as other:
        client = one.program()
        second = other.stranger(headers={"Authorization": client.http.headers["Authorization"]})
        assert count(client) == count(second) == 0  # the routes are built, which two cannot do at once in one process
        with ThreadPoolExecutor(8) as pool:
            turns = [client, second] * 4
            answers = list(pool.map(lambda turn: turn.post("/api/v1/speech", json=SPEECH, headers=key), turns))
        assert {answer.status_code for answer in answers} == {202} and len({answer.content for answer in answers}) == 1
        assert count(client) == 1


def test_second_does_not_wait_for_ever(sotto: Surface) -> None:
    client, key, replies = sotto.program(), str(uuid.uuid4()), Replies(sotto.services.sessions.outputs, sotto.clock)
    app = Idempotency(FastAPI(), sotto.services, wait_s=0.05)
    asked = Client(sotto.portal, app, headers={"Authorization": client.http.headers["Authorization"], "Idempotency-Key": key})
    with replies.held(sotto.session_of(client), key):
        answer = asked.post("/api/v1/speech", json=SPEECH)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (409, "key_in_use", "5")


def test_second_waits_for_the_end_that_the_first_waits_for(sotto: Surface) -> None:
    client, key = sotto.program(), fresh()
    session = sotto.session_of(client)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client.post, "/api/v1/speech?wait=30", json=SPEECH, headers=key) for _ in range(2)]
        sotto.work_when_submitted(session).join()
        answers = [one.result() for one in asked]
    assert [answer.status_code for answer in answers] == [200, 200] and answers[0].content == answers[1].content
    assert answers[0].json()["job"]["state"] == "done" and count(client) == 1


def test_restart_the_answer_is_there(tmp_path: Path) -> None:
    key = fresh()
    with surface(tmp_path / "outputs") as sotto:
        client = sotto.program()
        token, first = client.http.headers["Authorization"], client.post("/api/v1/speech", json=SPEECH, headers=key)
    with surface(tmp_path / "outputs") as sotto:
        again = sotto.stranger(headers={"Authorization": token})
        assert same(first, again.post("/api/v1/speech", json=SPEECH, headers=key)) and count(again) == 1


def test_upload_form_with_another_boundary_is_the_same_request(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    answers = [client.post("/api/v1/upload", files={"file": ("a.wav", TONE)}, headers=key) for _ in range(2)]
    assert answers[0].request.headers["content-type"] != answers[1].request.headers["content-type"]
    assert answers[0].status_code == 201 and same(*answers) and count(client) == 1


@pytest.mark.parametrize("file", [("b.wav", TONE), ("a.wav", TONE + b"\0")])
def test_upload_of_another_file_or_name_is_another_request(shared: Surface, file: tuple[str, bytes]) -> None:
    client, key = shared.program(), fresh()
    client.post("/api/v1/upload", files={"file": ("a.wav", TONE)}, headers=key)
    answer = client.post("/api/v1/upload", files={"file": file}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused") and count(client) == 1


def test_upload_raw_counts_its_bytes_and_its_name(shared: Surface) -> None:
    client, key = shared.program(), fresh()

    def send(name: str, data: bytes) -> httpx.Response:
        kind = {"Content-Type": "application/octet-stream", "X-File-Name": name}
        return client.post("/api/v1/upload", content=data, headers=key | kind)

    first = send("a.wav", TONE)
    assert first.status_code == 201 and same(first, send("a.wav", TONE))
    assert [send("b.wav", TONE).status_code, send("a.wav", TONE[:-2]).status_code] == [422, 422]
    assert count(client) == 1


def test_upload_that_is_no_recording_leaves_the_key_free(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    assert client.post("/api/v1/upload", files={"file": ("a.wav", b"none")}, headers=key).status_code == 415
    assert client.post("/api/v1/upload", files={"file": ("a.wav", TONE)}, headers=key).status_code == 201


def test_bulk_same_table_is_one_batch(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    answers = [client.post("/api/v1/bulk", files={"file": ("t.csv", b"text\nGood morning.\n")}, headers=key) for _ in range(2)]
    assert answers[0].status_code == 202 and same(*answers) and count(client) == 1


def test_transcriptions_of_files_and_of_items_are_made_once(draft: Surface) -> None:
    client, key, other = draft.program(), fresh(), fresh()
    parts = [("file", ("one.wav", TONE)), ("file", ("none.mp3", b"none")), ("file", ("two.wav", TONE))]
    answers = [client.post("/api/v1/transcriptions", files=parts, headers=key) for _ in range(2)]
    assert len(answers[0].json()["jobs"]) == 2 and same(*answers) and count(client) == 2
    upload = client.post("/api/v1/upload", files={"file": ("three.wav", TONE)}).json()["item"]["id"]
    answers = [client.post("/api/v1/transcriptions", json={"item_id": upload}, headers=other) for _ in range(2)]
    assert answers[0].status_code == 202 and same(*answers) and count(client) == 3


def test_work_on_an_item_that_is_there_begins_once(shared: Surface) -> None:
    client, key = shared.program(), fresh()
    job = client.post("/api/v1/speech", json={**SPEECH, "title": "Fail"}).json()["job"]["id"]
    shared.run(client, job)
    answers = [client.post(f"/api/v1/jobs/{job}/retry", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200] and same(*answers)
    assert client.post(f"/api/v1/jobs/{job}/retry", headers=fresh()).status_code == 409


def test_answers_go_after_a_day_and_the_oldest_when_there_are_many(sotto: Surface) -> None:
    client, key = sotto.program(), fresh()
    home = sotto.services.sessions.outputs / sotto.session_of(client) / FOLDER
    first = client.post("/api/v1/speech", json=SPEECH, headers=key)
    assert same(first, client.post("/api/v1/speech", json=SPEECH, headers=key))
    sotto.clock.now += LIVES_S + 1
    sotto.services.sessions.get_session(sotto.session_of(client))
    sotto.services.sessions.cleanup_old_sessions()
    assert list(home.iterdir()) == []
    assert "idempotent-replayed" not in client.post("/api/v1/speech", json=SPEECH, headers=key).headers
    for number in range(MOST + 10):
        (home / f"{number:032x}").mkdir()
        os.utime(home / f"{number:032x}", (sotto.clock.now - number, sotto.clock.now - number))
    client.post("/api/v1/speech", json=SPEECH, headers=fresh())
    assert len(list(home.iterdir())) == MOST


def test_replies_are_no_items_and_go_with_the_session(sotto: Surface) -> None:
    client = sotto.program()
    session = sotto.session_of(client)
    client.post("/api/v1/speech", json=SPEECH, headers=fresh())
    assert client.get("/api/v1/session/info").json()["item_count"] == 1 == count(client)
    assert client.delete(f"/api/v1/session/{session}?force=true").status_code == 204
    assert not (sotto.services.sessions.outputs / session).exists()


def test_every_route_that_makes_something_takes_a_key_and_no_other(shared: Surface) -> None:
    """What the document says and what is done before the routes must be the same list."""
    found = set()
    for path, methods in shared.stranger().get("/api/openapi.json").json()["paths"].items():
        for method, about in methods.items():
            names = {one.get("name", "").lower() for one in about.get("parameters", ())}
            if "idempotency-key" in names:
                found.add(path)
                assert method == "post"
            filled = path.replace("{number}", "1").replace("{item_id}", "a").replace("{job_id}", "a")
            assert (method == "post" and ROUTES.fullmatch(filled) is not None) == ("idempotency-key" in names), path
    assert len(found) == 10 and KEYED


def killed(cases: int, *options: str) -> None:
    """A process of its own, because it forks."""
    done = subprocess.run([sys.executable, "-m", "tests.api.killed", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    print(done.stdout)
    assert len(reports) == cases
    for report in reports:
        assert report["problems"] == [] and report["points"] > 0


def test_killed_between_making_and_answering_the_same_request_makes_it_once() -> None:
    killed(1, "--first", "20", "--stride", "100", "--cases", "of_item")  # the transcript is there, its upload still is, too


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_at_every_write_the_same_request_makes_it_once() -> None:
    killed(6)
