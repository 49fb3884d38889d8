"""Recordings to text over HTTP: files and items, waiting, forms, corrections, and what is refused."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from tests.api.surface import Client, Surface, surface
from tests.jobs.listening import kinds
from tests.jobs.recordings import lengths, sentences, spoken
from utils.jobs.journal import Journal
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName
from utils.jobs.runner import Runner, Timing
from utils.storage.door import LONG_CHARS, MAKES

TEXTS = sentences(6, seed=5)
FORMS = {
    "txt": "text/plain; charset=utf-8", "srt": "application/x-subrip; charset=utf-8", "vtt": "text/vtt; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8", "json": "application/json", "lrc": "text/plain; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip


@dataclass
class Studio:
    """The routes, and somebody who transcribes."""

    sotto: Surface
    runner: Runner

    def work(self, client: Client, *job_ids: str) -> None:
        """Do queued jobs, as a worker would."""
        for job_id in job_ids:
            self.runner(str(JobName(self.sotto.session_of(client), job_id)))

    @contextmanager
    def working(self, client: Client) -> Iterator[None]:
        """A worker that does whatever this session brings."""
        session, stop = self.sotto.session_of(client), threading.Event()

        def work() -> None:
            while not stop.wait(0.01):
                for job in self.sotto.services.jobs.of_session(session, open_only=True):
                    self.runner(str(JobName(session, job.id)))

        thread = threading.Thread(target=work)
        thread.start()
        yield
        stop.set()
        thread.join()

    def upload(self, client: Client, data: bytes, name: str = "interview.wav") -> str:
        answer = client.post("/api/v1/upload", files={"file": (name, data)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["item"]["id"])

    def transcript(self, client: Client, data: bytes, **body: Any) -> str:
        """The id of a finished transcript."""
        answer = client.post("/api/v1/transcriptions", json={"item_id": self.upload(client, data), **body})
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["jobs"][0]["id"])
        self.work(client, job_id)
        assert client.get(f"/api/v1/jobs/{job_id}").json()["state"] == "done"
        return job_id


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with surface(tmp_path_factory.mktemp("studio") / "outputs") as sotto:
        settings = sotto.services.settings
        journal = Journal(sotto.services.sessions, clock=sotto.clock)
        queue = Queue("", settings.queue_dir, ["transcribe"])
        yield Studio(sotto, Runner(journal, queue, kinds(lengths()), Rates(settings.queue_dir / "rates.json"), settings, Timing()))


@pytest.fixture(scope="module")
def told(studio: Studio) -> tuple[Client, str]:
    """A finished transcript of TEXTS, for tests that only read."""
    client = studio.sotto.program()
    return client, studio.transcript(client, spoken(TEXTS))


def test_item_is_transcribed_and_waited_for(studio: Studio) -> None:
    client = studio.sotto.program()
    upload = studio.upload(client, spoken(TEXTS))
    with studio.working(client):
        answer = client.post("/api/v1/transcriptions?wait=30", json={"item_id": upload, "language": "en", "preset": "bbc"})
    made = answer.json()
    assert answer.status_code == 200
    assert [job["state"] for job in made["jobs"]] == ["done"] and made["items"][0]["result"]["segments"] == len(TEXTS)
    assert made["items"][0]["request"]["preset"] == "bbc"
    assert client.get(f"/api/v1/items/{upload}").status_code == 404  # it became part of the transcript


def test_form_with_many_files_makes_one_job_each_and_tells_those_that_are_none(studio: Studio) -> None:
    client = studio.sotto.program()
    parts = [("file", ("one.wav", spoken(TEXTS[:1]))), ("file", ("bad.mp3", b"none")), ("file", ("two.wav", spoken(TEXTS[:2])))]
    answer = client.post("/api/v1/transcriptions", files=parts, data={"language": "en", "beam_size": "3", "keep_source": "false"})
    made = answer.json()
    assert answer.status_code == 202
    assert [item["title"] for item in made["items"]] == ["one", "two"]
    assert [(one["name"], one["problem"]["code"]) for one in made["refused"]] == [("bad.mp3", "unreadable_sound")]
    assert made["items"][0]["request"]["beam_size"] == 3 and made["items"][0]["request"]["keep_source"] is False
    studio.work(client, *(job["id"] for job in made["jobs"]))
    assert client.get("/api/v1/items?kind=upload").json()["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"item_ids": []},
        {"language": "xx"},
        {"language": "klingon"},
        {"preset": "cinema"},
        {"task": "sing"},
        {"beam_size": 11},
        {"model": "../../../etc"},
        {"track": 3},
        {"surprise": 1},
        {"prompt": "word " * 700},
    ],
)
def test_request_that_does_not_fit_is_422_and_makes_nothing(studio: Studio, body: dict[str, Any]) -> None:
    client = studio.sotto.program()
    upload = studio.upload(client, spoken(TEXTS[:1]))
    given = body if not body or "item_ids" in body else {"item_id": upload, **body}
    answer = client.post("/api/v1/transcriptions", json=given)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
    assert [item["id"] for item in client.get("/api/v1/items").json()["items"]] == [upload]


def test_form_that_does_not_fit_leaves_none_of_its_files(studio: Studio) -> None:
    client = studio.sotto.program()
    answer = client.post("/api/v1/transcriptions", files={"file": ("a.wav", spoken(TEXTS[:1]))}, data={"language": "xx"})
    assert (answer.status_code, client.get("/api/v1/items").json()["total"]) == (422, 0)


def test_form_of_nothing_but_what_is_no_recording_is_415(studio: Studio) -> None:
    client = studio.sotto.program()
    answer = client.post("/api/v1/transcriptions", files={"file": ("a.wav", b"no sound")})
    assert (answer.status_code, answer.json()["code"]) == (415, "unreadable_sound")


def test_one_item_of_several_that_is_missing_starts_none(studio: Studio) -> None:
    client = studio.sotto.program()
    upload = studio.upload(client, spoken(TEXTS[:1]))
    answer = client.post("/api/v1/transcriptions", json={"item_ids": [upload, "20260101-000000-never-made-0000"]})
    assert answer.status_code == 404
    assert [item["kind"] for item in client.get("/api/v1/items").json()["items"]] == ["upload"]


def test_transcript_is_read_in_pages_and_searched(told: tuple[Client, str]) -> None:
    client, item = told
    whole = client.get(f"/api/v1/items/{item}/transcript").json()
    assert [segment["text"] for segment in whole["segments"]] == TEXTS and whole["total"] == len(TEXTS)
    assert (whole["state"], whole["engine"], whole["language"], whole["draft"]) == ("done", "whisper", "en", False)
    part = client.get(f"/api/v1/items/{item}/transcript?offset=2&limit=2").json()
    assert [segment["index"] for segment in part["segments"]] == [2, 3]
    word = TEXTS[1].split()[0].lower()
    found = client.get(f"/api/v1/items/{item}/transcript", params={"q": word}).json()
    assert found["total"] == sum(word in text.lower() for text in TEXTS)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_an_attachment_of_its_type(told: tuple[Client, str], form: str) -> None:
    client, item = told
    answer = client.get(f"/api/v1/items/{item}/transcript.{form}?preset=plain&times=true&word_times=true")
    assert (answer.status_code, answer.headers["content-type"]) == (200, FORMS[form])
    assert answer.headers["content-disposition"] == f'attachment; filename="interview.{form}"'
    assert answer.content and answer.headers["x-content-type-options"] == "nosniff"
    head = client.request("HEAD", f"/api/v1/items/{item}/transcript.{form}")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("query", ["preset=cinema", "max_chars=1", "max_lines=0", "max_cps=-3", "max_chars=nan"])
def test_form_with_limits_out_of_range_is_422(told: tuple[Client, str], query: str) -> None:
    client, item = told
    assert client.get(f"/api/v1/items/{item}/transcript.srt?{query}").status_code == 422


def test_form_that_is_unknown_is_422(told: tuple[Client, str]) -> None:
    client, item = told
    assert client.get(f"/api/v1/items/{item}/transcript.exe").status_code == 422


def test_transcript_of_an_item_that_is_none_is_422(studio: Studio) -> None:
    client = studio.sotto.program()
    upload = studio.upload(client, spoken(TEXTS[:1]))
    assert client.get(f"/api/v1/items/{upload}/transcript").status_code == 422


def test_text_corrected_with_the_right_version_is_kept_beside_what_was_heard(studio: Studio) -> None:
    client = studio.sotto.program()
    item = studio.transcript(client, spoken(TEXTS))
    read = client.get(f"/api/v1/items/{item}/transcript")
    segments = read.json()["segments"]
    segments[0]["text"] = "Something else."
    url = f"/api/v1/items/{item}/transcript"
    assert client.request("PUT", url, json={"segments": segments}).status_code == 428
    stale = client.request("PUT", url, json={"segments": segments}, headers={"If-Match": '"old"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    answer = client.request("PUT", url, json={"segments": segments}, headers={"If-Match": read.headers["etag"]})
    assert answer.status_code == 200 and answer.headers["etag"] != read.headers["etag"]
    again = client.request("PUT", url, json={"segments": segments}, headers={"If-Match": read.headers["etag"]})
    assert again.status_code == 412
    edited = client.get(url)
    assert edited.json()["segments"][0]["text"] == "Something else." and edited.json()["edited"] is True
    assert edited.headers["etag"] == answer.headers["etag"]
    assert client.get(f"{url}?original=true").json()["segments"][0]["text"] == TEXTS[0]
    assert "Something else." in client.get(f"/api/v1/items/{item}/transcript.txt").text
    assert client.post(f"{url}/undo").status_code == 200
    assert client.get(url).json()["segments"][0]["text"] == TEXTS[0]
    assert client.post(f"{url}/redo").status_code == 200
    assert client.get(url).json()["segments"][0]["text"] == "Something else."


def test_undo_without_a_correction_is_a_conflict(told: tuple[Client, str]) -> None:
    client, item = told
    assert client.post(f"/api/v1/items/{item}/transcript/undo").status_code == 409


def test_recording_heard_again_keeps_the_old_text_until_then_and_its_corrections_for_ever(studio: Studio) -> None:
    client = studio.sotto.program()
    item = studio.transcript(client, spoken(TEXTS))
    url = f"/api/v1/items/{item}/transcript"
    read = client.get(url)
    changed = [{"start": 0.5, "end": 1.0, "text": "Corrected by hand."}]
    client.request("PUT", url, json={"segments": changed}, headers={"If-Match": read.headers["etag"]})
    answer = client.post(f"/api/v1/items/{item}/transcribe", json={"language": "de"})
    assert answer.status_code == 202 and answer.json()["id"] == item
    assert client.get(url).json()["segments"][0]["text"] == "Corrected by hand."
    assert client.post(f"/api/v1/items/{item}/transcribe", json={}).status_code == 409
    studio.work(client, item)
    now = client.get(url).json()
    assert [segment["text"] for segment in now["segments"]] == TEXTS and now["language"] == "de"
    assert any("older text" in note for note in now["notes"])
    home = studio.sotto.services.sessions.item_path(studio.sotto.session_of(client), item)
    assert {"transcript.json", "edits.json", "transcript-2.json"} <= {path.name for path in home.iterdir()}


def test_options_tell_models_languages_and_limits(studio: Studio) -> None:
    told = studio.sotto.stranger().get("/api/v1/transcriptions/options").json()
    assert told["models"][0]["name"] == "base" and told["languages"]["de"] == "German"
    assert told["max_upload_bytes"] == 500 * 2**20 and told["engine"] in ("whisper", "draft")


def test_browser_without_our_origin_is_refused(studio: Studio) -> None:
    browser = studio.sotto.browser()
    for path in ("/api/v1/upload", "/api/v1/transcriptions"):
        answer = browser.post(path, files={"file": ("a.wav", spoken(TEXTS[:1]))}, headers={"Origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert browser.post("/api/v1/upload", files={"file": ("a.wav", spoken(TEXTS[:1]))}).status_code == 201


def test_source_is_served_in_place_for_the_player(told: tuple[Client, str]) -> None:
    client, item = told
    answer = client.get(f"/api/v1/items/{item}/files/source.wav?inline=1", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, b"RIFF")
    assert client.get(f"/api/v1/items/{item}/files/player.json?inline=1").json()["words"]


def test_recordings_more_than_may_be_open_are_429_and_make_nothing(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs") as sotto:
        client = sotto.program()
        session = sotto.session_of(client)
        data = spoken(TEXTS[:1])
        first = client.post("/api/v1/upload", files={"file": ("a.wav", data)}).json()["item"]["id"]
        for _ in range(31):
            sotto.clock.now += 1
            item = sotto.services.sessions.get_item(session, first)
            made = sotto.services.sessions.create_item(
                session, folder="single", kind="upload", title="More", request={}, listed=item.files,
                built={"source.wav": sotto.services.sessions.file_path(session, first, "source.wav")},
            )  # fmt: skip
            assert client.post("/api/v1/transcriptions", json={"item_id": made.id}).status_code == 202
        ids = [client.post("/api/v1/upload", files={"file": ("a.wav", data)}).json()["item"]["id"] for _ in range(2)]
        before = client.get("/api/v1/items").json()["total"]
        answer = client.post("/api/v1/transcriptions", json={"item_ids": ids})
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many")
        assert client.get("/api/v1/items").json()["total"] == before


def put(client: Client, item: str, texts: list[str]) -> httpx.Response:
    segments = [{"start": number, "end": number + 1, "text": text} for number, text in enumerate(texts)]
    return client.request("PUT", f"/api/v1/items/{item}/transcript", json={"segments": segments}, headers={"If-Match": "*"})


def test_long_texts_that_are_worked_on_at_one_time_are_bounded(studio: Studio) -> None:
    client = studio.sotto.program()
    item, short = studio.transcript(client, spoken(TEXTS[:1])), studio.transcript(client, spoken(TEXTS[:1]))
    long = ["w" * 5_000] * (LONG_CHARS // 5_000 + 1)
    assert put(client, item, long).status_code == 200
    with ExitStack() as stack:
        for _ in range(MAKES):
            stack.enter_context(studio.sotto.services.door.making(LONG_CHARS + 1))
        answers = [client.get(f"/api/v1/items/{item}/transcript.tsv"), client.get(f"/api/v1/transcripts.zip?ids={item}")]
        answers.append(put(client, short, long))
        assert client.get(f"/api/v1/items/{short}/transcript.tsv").status_code == 200
    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [(429, "too_many")] * 3
    assert client.get(f"/api/v1/items/{item}/transcript.tsv").status_code == 200


def test_text_far_longer_than_what_was_said_is_not_compared_at_each_look(studio: Studio) -> None:
    client = studio.sotto.program()
    item = studio.transcript(client, spoken(TEXTS[:1]), reference="word " * 40_000)
    assert client.get(f"/api/v1/items/{item}/transcript").json()["comparison"]["deletions"] > 30_000
    assert put(client, item, ["w" * 5_000] * 11).status_code == 200
    assert client.get(f"/api/v1/items/{item}/transcript").json()["comparison"] is None


def test_zip_holds_a_form_once_however_often_it_was_asked_for(told: tuple[Client, str]) -> None:
    client, item = told
    data = client.get(f"/api/v1/transcripts.zip?ids={item}&formats=txt,txt,srt,txt").content
    assert sorted(PurePath(name).suffix for name in ZipFile(io.BytesIO(data)).namelist()) == [".csv", ".srt", ".txt"]
