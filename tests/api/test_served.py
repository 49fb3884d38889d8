"""The real app over real sockets: what only shows with Streamlit around the routes and workers beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.served import Served, served
from tests.jobs.rig import until
from utils.api import cookies, policy

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
TEXT = {"text": "Good morning. This is a test of the whole way.", "language": "en-US", "engine": "espeak", "format": "mp3"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def program(server: Served) -> Iterator[httpx.Client]:
    """A program with a session of its own."""
    with server.client() as client:
        token = client.post("/api/v1/sessions").json()["token"]
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_served_first_page_brings_the_cookie_and_no_other_answer_does(server: Served) -> None:
    with server.client() as client:
        for path in ("/healthz", "/readyz", "/_stcore/health", "/favicon.png", "/api/v1/voices", "/nothing"):
            assert cookies.NAME not in client.get(path).cookies, path
        before = len(server.sessions)
        answer = client.get("/", headers=HTML)
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
        assert len(server.sessions) == before + 1
        assert client.get("/api/v1/session/info").json()["current_session_id"] in server.sessions
        client.get("/some/deep/link", headers=HTML)
        assert len(server.sessions) == before + 1


def test_served_every_kind_of_answer_has_the_headers(server: Served) -> None:
    with server.client() as client:
        page = client.get("/", headers=HTML)
        script = page.text.partition('crossorigin src=".')[2].partition('"')[0]
        upload = client.put("/_stcore/upload_file/a/b")
        kinds = [script, "/healthz", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics", "/media/nothing.wav"]
        answers = [client.get(path) for path in [*kinds, "/api/v1/items", "/api/nothing", "/v1/models", "/api/docs"]]
        assert answers[0].headers["content-type"].startswith(("text/javascript", "application/javascript"))
        for answer in [page, upload, *answers]:
            for name, value in policy.ALWAYS.items():
                assert answer.headers[name] == value, answer.url
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "'unsafe-eval'" not in page.headers["content-security-policy"]
        assert page.headers["content-security-policy"].count("'sha256-") == len(policy.script_hashes(page.text))


def test_served_metrics_are_hidden_and_unknown_addresses_are_problems(server: Served) -> None:
    with server.client() as client:
        assert client.get("/_stcore/metrics", headers=HTML).status_code == 404
        for path in (
            "/api",
            "/api/",
            "/api/x",
            "/v1",
            "/v1/x",
            "/api/v1/items/..%2f..%2fx",
            "/api/v1/items/C:%5Cx",
            "/api/v1/items/a%00",
        ):
            answer = client.get(path, headers=HTML)
            form = "application/json" if path.startswith("/v1") else "application/problem+json"
            assert (answer.status_code, answer.headers["content-type"]) == (404, form), path


def test_served_speech_from_text_to_file(server: Served, program: httpx.Client) -> None:
    answer = program.post("/api/v1/speech", params={"wait": 60}, json=TEXT)
    assert answer.status_code == 200, answer.text
    job, item = answer.json()["job"], answer.json()["item"]
    assert (job["state"], job["error"], job["progress"]) == ("done", None, 1)
    files = {file["role"]: file for file in item["files"]}
    assert {"audio", "subtitles", "peaks"} <= set(files)
    sound = program.get(files["audio"]["url"], params={"inline": 1})
    assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/mpeg")
    assert len(sound.content) == files["audio"]["size_bytes"] > 5_000
    part = program.get(files["audio"]["url"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, sound.content[100:200])
    peaks = program.get(files["peaks"]["url"]).json()
    assert peaks["seconds"] == pytest.approx(item["result"]["seconds"], abs=0.1)
    info = program.get("/api/v1/session/info").json()
    assert info["item_count"] == 1
    assert list((server.outputs / info["current_session_id"] / "single" / item["id"]).glob("*.mp3"))
    with server.client() as stranger:
        assert stranger.get(files["audio"]["url"]).status_code == 401
        stranger.get("/", headers=HTML)
        assert stranger.get(files["audio"]["url"]).status_code == 404


def test_served_long_speech_can_be_cancelled(server: Served, program: httpx.Client) -> None:
    text = "This sentence is said again and again. " * 2500
    job = program.post("/api/v1/speech", json=TEXT | {"text": text}).json()["job"]
    assert program.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 200
    state = ""
    while state not in ("cancelled", "failed", "done"):
        state = program.get(f"/api/v1/jobs/{job['id']}").json()["state"]
    assert state == "cancelled"


def test_served_readyz_tells_the_worker(server: Served, program: httpx.Client) -> None:
    program.post("/api/v1/speech", params={"wait": 60}, json=TEXT)
    answer = program.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert answer.json()["checks"]["jobs"]["workers"]["speech"] == 1


def test_served_socket_takes_our_own_pages_only(server: Served) -> None:
    with server.client() as browser:
        browser.get("/", headers=HTML)
        cookie = {"Cookie": f"{cookies.NAME}={browser.cookies[cookies.NAME]}"}
    address = server.url.replace("http", "ws") + "/_stcore/stream"
    with connect(address, origin=server.url, additional_headers=cookie, subprotocols=["streamlit"], proxy=None):  # type: ignore[arg-type,list-item]
        pass
    for origin in ("https://evil.example", server.url + "0", None):
        with pytest.raises(InvalidStatus) as caught, connect(address, origin=origin, additional_headers=cookie, proxy=None):  # type: ignore[arg-type]
            pass
        assert caught.value.response.status_code == 403


def test_served_log_holds_no_text_no_token_and_no_search(server: Served, program: httpx.Client) -> None:
    program.post("/api/v1/speech", params={"wait": 60}, json=TEXT | {"text": "Zebra crossing ahead.", "title": "Okapi"})
    program.get("/api/v1/items", params={"q": "Quagga"})
    program.post("/api/v1/speech", json={"text": "Gnu", "colour": "Gnu"})
    log = server.log
    assert "/api/v1/items" in log
    token = program.headers["Authorization"].removeprefix("Bearer ")
    for secret in ("Zebra", "Okapi", "Quagga", "Gnu", token.partition(".")[2]):
        assert secret not in log
    assert "Traceback" not in log


def test_served_log_has_one_line_for_a_request(server: Served) -> None:
    with server.client() as client:
        client.get("/api/v1/nobody-asks-this")
        until(lambda: "nobody-asks-this" in server.log, 30)
        client.get("/api/v1/nor-this")
        until(lambda: "nor-this" in server.log, 30)
    assert server.log.count("nobody-asks-this") == 1


def test_served_stops_cleanly_and_a_restart_knows_the_session(tmp_path: Path) -> None:
    with served(tmp_path) as first, first.client() as client:
        token = client.post("/api/v1/sessions").json()["token"]
    assert "Traceback" not in first.log
    assert "never awaited" not in first.log
    (tmp_path / "again").mkdir()
    with served(tmp_path / "again", OUTPUTS_DIR=str(first.outputs)) as second, second.client() as client:
        info = client.get("/api/v1/session/info", headers={"Authorization": f"Bearer {token}"})
        assert info.status_code == 200
        assert json.loads((first.outputs / info.json()["current_session_id"] / "session.json").read_text())
