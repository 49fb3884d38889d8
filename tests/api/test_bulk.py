"""Batches over the API: the dry run makes nothing, bad rows are named, rows and ZIP come from the files of the batch."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.api.served import Served, served

TABLE = "text,filename\nGood morning.,greeting\n,empty\nGood night.,=night\nGood morning.,again\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("bulk")) as running:
        yield running


@pytest.fixture
def http(server: Served) -> Iterator[httpx.Client]:
    with server.client() as client:
        client.headers["Authorization"] = "Bearer " + client.post("/api/v1/sessions").json()["token"]
        yield client


def send(
    http: httpx.Client, table: str | bytes = TABLE, name: str = "t.csv", dry_run: bool = False, **options: object
) -> httpx.Response:
    data = table.encode() if isinstance(table, str) else table
    form = {"options": json.dumps(options)} if options else {}
    return http.post("/api/v1/bulk", params={"dry_run": dry_run}, files={"file": (name, data)}, data=form)


def ended(http: httpx.Client, job_id: str) -> dict[str, object]:
    import time

    for _ in range(600):
        job: dict[str, object] = http.get(f"/api/v1/jobs/{job_id}").json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.05)
    raise AssertionError("the batch did not end")


def test_bulk_dry_run_tells_all_and_makes_nothing(http: httpx.Client) -> None:
    answer = send(http, dry_run=True)
    assert answer.status_code == 200
    found = answer.json()
    assert {key: found[key] for key in ("rows", "good", "bad", "same", "mapping")} == {
        "rows": 4,
        "good": 3,
        "bad": 1,
        "same": 1,
        "mapping": {"text": "text", "filename": "filename"},
    }
    assert [(problem["row"], problem["line"], problem["code"]) for problem in found["problems"]] == [(2, 3, "empty")]
    assert http.get("/api/v1/items").json()["total"] == 0


def test_bulk_start_with_bad_rows_is_refused_with_their_numbers(http: httpx.Client) -> None:
    answer = send(http)
    assert (answer.status_code, answer.json()["code"], answer.json()["rows"]) == (422, "bad_table", [2])
    assert http.get("/api/v1/items").json()["total"] == 0


def test_bulk_start_speaks_the_good_rows_and_streams_one_zip(http: httpx.Client, tmp_path: Path) -> None:
    answer = send(http, skip_bad=True, title="Greetings", defaults={"engine": "espeak", "format": "wav"})
    assert answer.status_code == 202
    item = answer.json()["item"]["id"]
    job = ended(http, item)
    assert (job["state"], job["done"], job["total"]) == ("done", 3, 3)
    page = http.get(f"/api/v1/items/{item}/rows").json()
    assert page["counts"] == {"waiting": 0, "done": 3, "failed": 0, "skipped": 1, "again": 0}
    assert [row["state"] for row in page["rows"]] == ["done", "skipped", "done", "done"]
    assert [row["number"] for row in http.get(f"/api/v1/items/{item}/rows?only=skipped").json()["rows"]] == [2]
    sounds = [http.get(page["rows"][n]["url"]).content for n in (0, 2, 3)]
    assert all(sound[:4] == b"RIFF" for sound in sounds)
    assert sounds[0] == sounds[2] != sounds[1]

    whole = http.get(f"/api/v1/items/{item}.zip")
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert "Greetings.zip" in whole.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["0001-greeting.wav", "0003-=night.wav", "0004-again.wav", "manifest.csv"]
        assert archive.read("0001-greeting.wav") == sounds[0]
        rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert [(row["number"], row["state"], row["engine"]) for row in rows] == [
        ("1", "done", "espeak"),
        ("2", "skipped", ""),
        ("3", "done", "espeak"),
        ("4", "done", "espeak"),
    ]
    head = http.head(f"/api/v1/items/{item}.zip")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", whole.headers["content-length"])


def test_bulk_row_gets_another_text_and_only_that_row_is_spoken(http: httpx.Client) -> None:
    item = send(http, "text\nOne.\nTwo.\n", defaults={"engine": "espeak"}).json()["item"]["id"]
    ended(http, item)
    before = {row["number"]: row for row in http.get(f"/api/v1/items/{item}/rows").json()["rows"]}
    assert http.post(f"/api/v1/items/{item}/rows/2", json={"text": "A much longer second row."}).status_code == 202
    ended(http, item)
    after = {row["number"]: row for row in http.get(f"/api/v1/items/{item}/rows").json()["rows"]}
    assert after[1] == before[1]
    assert after[2]["text"] == "A much longer second row."
    assert after[2]["result"]["seconds"] > before[2]["result"]["seconds"]
    assert http.post(f"/api/v1/items/{item}/rows/2", json={"text": "..."}).json()["code"] == "nothing_to_say"
    assert http.post(f"/api/v1/items/{item}/rows/9", json={"text": "x"}).status_code == 404
    assert http.post(f"/api/v1/items/{item}/rows/retry").status_code == 409


def test_bulk_rows_edited_at_the_same_time_change_only_where_that_was_accepted(http: httpx.Client) -> None:
    table = "text\n" + "".join(f"Old {number}.\n" for number in range(1, 9))
    batch = send(http, table, defaults={"engine": "espeak"}).json()["item"]["id"]
    ended(http, batch)

    def edit(number: int) -> int:
        return http.post(f"/api/v1/items/{batch}/rows/{number}", json={"text": f"New {number}."}).status_code

    with ThreadPoolExecutor(8) as together:
        answers = list(together.map(edit, range(1, 9)))
    ended(http, batch)
    assert 202 in answers
    texts = [row["text"] for row in http.get(f"/api/v1/items/{batch}/rows").json()["rows"]]
    assert texts == [f"{'New' if answer == 202 else 'Old'} {number}." for number, answer in enumerate(answers, 1)]


def test_bulk_mapping_by_names_and_templates(http: httpx.Client) -> None:
    table = "who;what\nAna;coffee\n"
    found = send(http, table, dry_run=True, mapping={"filename": "WHO"}, text_template="{who} likes {what}.").json()
    assert (found["good"], found["mapping"]) == (1, {"filename": "who"})
    wrong = send(http, table, dry_run=True, mapping={"filename": "nobody"}, text_template="x")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_input")
    assert "nobody" in wrong.json()["detail"]


@pytest.mark.parametrize(
    ("table", "name", "status", "code"),
    [
        (b"", "t.csv", 422, "bad_table"),
        (b'text\n"open', "t.csv", 422, "bad_table"),
        (b"ID3\x04" + bytes(50), "t.mp3", 415, "unsupported_media"),
        (b"x" * (21 * 2**20), "t.csv", 413, "too_large"),
        (b"text\n...\n", "t.csv", 422, "bad_table"),
    ],
)
def test_bulk_ill_tables_are_one_problem(http: httpx.Client, table: bytes, name: str, status: int, code: str) -> None:
    answer = send(http, table, name, skip_bad=True)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]


def test_bulk_ill_forms_are_one_problem(http: httpx.Client) -> None:
    assert send(http, volume=11).json()["code"] == "bad_input"
    assert http.post("/api/v1/bulk", json={"file": "x"}).json()["code"] == "unsupported_media"
    assert http.post("/api/v1/bulk", files={"other": ("t.csv", b"x")}).json()["code"] == "bad_input"
    broken = http.post("/api/v1/bulk", content=b"--x\r\nnonsense", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (broken.status_code, broken.json()["code"]) in ((400, "bad_request"), (422, "bad_input"))
    assert http.post("/api/v1/bulk", content=b"x", headers={"Content-Type": "multipart/form-data"}).status_code == 400


def test_bulk_templates_need_no_session(server: Served) -> None:
    with server.client() as stranger:
        assert stranger.get("/api/v1/bulk/template.csv").content.startswith(b"\xef\xbb\xbftext,")
        assert stranger.get("/api/v1/bulk/template.xlsx").content.startswith(b"PK")
        assert stranger.get("/api/v1/bulk/template.exe").status_code == 422


def test_zip_of_a_single_item_holds_its_files(http: httpx.Client) -> None:
    item = http.post("/api/v1/speech?wait=60", json={"text": "Good morning.", "engine": "espeak", "title": "Morning"}).json()[
        "item"
    ]["id"]
    with zipfile.ZipFile(io.BytesIO(http.get(f"/api/v1/items/{item}.zip").content)) as archive:
        assert archive.namelist() == ["Morning.mp3", "Morning.srt", "Morning.vtt"]
