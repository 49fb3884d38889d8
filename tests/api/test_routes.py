from __future__ import annotations

import json
import logging
from email.message import Message
from pathlib import Path

import httpx
import pytest

from tests.api.surface import SOUND, Client, Surface, surface
from utils.api import cookies, policy
from utils.api.application import build

TEXT = {"text": "Good morning to you all.", "language": "en-US", "engine": "espeak"}


def made(sotto: Surface, client: Client, **changes: object) -> str:
    """The id of a finished item."""
    answer = client.post("/api/v1/speech", json=TEXT | changes)
    assert answer.status_code == 202, answer.text
    job_id = str(answer.json()["job"]["id"])
    sotto.run(client, job_id)
    return job_id


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert set(document) >= {"type", "title", "status", "code", "detail", "hint"}
    assert (document["status"], document["code"], document["type"]) == (status, code, f"urn:sotto:problem:{code}")
    return document


# ---- sessions


def test_sessions_a_program_opens_one_and_uses_its_token(sotto: Surface) -> None:
    client = sotto.stranger()
    answer = client.post("/api/v1/sessions")
    opened = answer.json()
    assert answer.status_code == 201
    assert client.token == opened["token"]
    assert opened["expires_at"] == pytest.approx(sotto.clock.now + 24 * 3600, abs=60)
    info = sotto.stranger(headers={"Authorization": f"bearer {opened['token']}"}).get("/api/v1/session/info")
    assert info.json() == {
        "current_session_id": opened["session_id"],
        "created_at": sotto.clock.now,
        "last_activity": sotto.clock.now,
        "status": "idle",
        "permanent": False,
        "size_bytes": info.json()["size_bytes"],
        "item_count": 0,
        "expires_at": opened["expires_at"],
    }


def test_sessions_cookie_of_the_page_is_the_same_key(sotto: Surface) -> None:
    browser = sotto.browser()
    assert [sotto.session_of(browser)] == sotto.folders


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_sessions_wrong_bearer_is_not_saved_by_the_cookie_but_basic_of_a_proxy_is_ignored(sotto: Surface, scheme: str) -> None:
    browser = sotto.browser()
    answer = browser.get("/api/v1/session/info", headers={"Authorization": f"{scheme} eDp5"})
    if scheme == "Basic":
        assert answer.status_code == 200
    else:
        problem(answer, 401, "no_session")


EVERY_ROUTE = [
    ("GET", "/session/info"),
    ("PATCH", "/session"),
    ("DELETE", "/session/{session}"),
    ("DELETE", "/session"),
    ("POST", "/session/transfer"),
    ("POST", "/speech"),
    ("POST", "/estimate"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{item}"),
    ("POST", "/jobs/{item}/cancel"),
    ("POST", "/jobs/{item}/retry"),
    ("GET", "/jobs/{item}/events"),
    ("GET", "/items"),
    ("GET", "/items.zip"),
    ("GET", "/items/{item}"),
    ("PATCH", "/items/{item}"),
    ("DELETE", "/items/{item}"),
    ("POST", "/items/{item}/restore"),
    ("GET", "/items/{item}/files/speech.mp3"),
    ("POST", "/bulk"),
    ("GET", "/items/{item}/rows"),
    ("GET", "/items/{item}/rows/1/audio"),
    ("POST", "/items/{item}/rows/retry"),
    ("POST", "/items/{item}/rows/check"),
    ("POST", "/items/{item}/rows/1"),
    ("GET", "/items/{item}.zip"),
    ("POST", "/upload"),
    ("POST", "/transcriptions"),
    ("GET", "/items/{item}/transcript"),
    ("PUT", "/items/{item}/transcript"),
    ("POST", "/items/{item}/transcript/undo"),
    ("POST", "/items/{item}/transcript/redo"),
    ("GET", "/items/{item}/transcript.txt"),
    ("POST", "/items/{item}/transcribe"),
    ("POST", "/items/{item}/check"),
]
BODIES: dict[str, object] = {
    "/session": {"permanent": True},
    "/speech": TEXT,
    "/estimate": TEXT,
    "/items/{item}": {"title": "Mine now"},
    "/items/{item}/rows/1": {"text": "Mine now"},
    "/items/{item}/transcript": {"segments": [{"start": 0, "end": 1, "text": "Mine now"}]},
    "/items/{item}/transcribe": {"language": "de"},
}


def ask(client: Client, method: str, route: str, **ids: str) -> httpx.Response:
    return client.request(
        method, "/api/v1" + route.format(**ids), json=BODIES.get(route) if method in ("POST", "PATCH", "PUT") else None
    )


@pytest.mark.parametrize(("method", "route"), EVERY_ROUTE)
def test_every_route_by_who_asks(shared: Surface, method: str, route: str) -> None:
    owner, thief = shared.program(), shared.program()
    item, session = made(shared, owner), shared.session_of(owner)
    gone = shared.program()
    shared.services.sessions.delete_session(shared.session_of(gone))
    before = ask(owner, "GET", "/items", item=item, session=session).json()

    problem(ask(shared.stranger(), method, route, item=item, session=session), 401, "no_session")
    problem(
        ask(shared.stranger(headers={"Authorization": "Bearer x.y"}), method, route, item=item, session=session), 401, "no_session"
    )
    problem(ask(gone, method, route, item=item, session=session), 404, "not_found")
    if "{" in route:
        foreign = problem(ask(thief, method, route, item=item, session=session), 404, "not_found")
        never = ask(thief, method, route, item="20260101-000000-never-made-0000", session="7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11")
        assert foreign == problem(never, 404, "not_found")
    browser = shared.browser()
    if method != "GET":
        browser.http.headers["Origin"] = "https://evil.example"
        problem(ask(browser, method, route, item=item, session=shared.session_of(browser)), 403, "foreign_origin")
    assert ask(owner, "GET", "/items", item=item, session=session).json() == before
    assert ask(owner, "GET", "/session/info").json()["permanent"] is False


SPELLINGS = [
    "upper",
    "braces",
    "urn",
    "plus",
    "space",
    "newline",
    "digits",
    "dotted",
    "encoded",
    "slash",
    "nul",
    "huge",
    "invented",
    "dot",
]


def spelt(identifier: str, how: str) -> str:
    return {
        "upper": identifier.upper(),
        "braces": f"%7B{identifier}%7D",
        "urn": f"urn:uuid:{identifier}",
        "plus": f"+{identifier}",
        "space": f"%20{identifier}",
        "newline": f"{identifier}%0A",
        "digits": identifier.translate(str.maketrans({"1": "%D9%A1", "2": "%D9%A2", "0": "%D9%A0"})),
        "dotted": f"../{identifier}",
        "encoded": f"%2e%2e%2f{identifier}",
        "slash": f"{identifier}%2F",
        "nul": f"{identifier}%00",
        "huge": identifier * 280,
        "invented": "7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11",
        "dot": ".",
    }[how]


@pytest.mark.parametrize("how", SPELLINGS)
def test_ids_other_spellings_are_404_and_make_no_folder(shared: Surface, how: str) -> None:
    owner = shared.program()
    item, session = made(shared, owner), shared.session_of(owner)
    before, folders = owner.get("/api/v1/items").json(), shared.folders
    for method, route in EVERY_ROUTE:
        if "{" not in route:
            continue
        path = "/api/v1" + route.format(item=spelt(item, how), session=spelt(session, how))
        body = BODIES.get(route)
        answer = owner.raw(method, path, json=body)
        assert problem(answer, 404, "not_found")
    assert owner.get("/api/v1/items").json() == before
    assert shared.folders == folders


def test_session_can_be_kept_and_let_go(sotto: Surface) -> None:
    browser = sotto.browser()
    kept = browser.patch("/api/v1/session", json={"permanent": True})
    assert (kept.json()["permanent"], kept.json()["expires_at"]) == (True, None)
    assert f"Max-Age={cookies.LONGEST_S}" in kept.headers["set-cookie"]
    assert browser.patch("/api/v1/session", json={"permanent": False}).json()["permanent"] is False
    problem(browser.patch("/api/v1/session", json={"permanent": "perhaps"}), 422, "bad_input")
    problem(browser.patch("/api/v1/session", json={}), 422, "bad_input")


def test_session_delete_takes_everything_and_the_cookie(sotto: Surface) -> None:
    browser = sotto.browser()
    item = made(sotto, browser)
    answer = browser.delete(f"/api/v1/session/{sotto.session_of(browser)}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert browser.token is None
    assert sotto.folders == []
    assert list(sotto.services.sessions.outputs.rglob(f"{item}/*.mp3")) == []


def test_session_delete_with_open_work_needs_force(sotto: Surface) -> None:
    client = sotto.program()
    client.post("/api/v1/speech", json=TEXT)
    url = f"/api/v1/session/{sotto.session_of(client)}"
    problem(client.delete(url), 409, "conflict")
    assert client.delete(url, params={"force": "true"}).status_code == 204
    problem(client.get("/api/v1/session/info"), 404, "not_found")


# ---- speech and jobs


def test_speech_answers_at_once_and_the_job_fills_the_item(sotto: Surface) -> None:
    client = sotto.program()
    answer = client.post("/api/v1/speech", json=TEXT)
    job, item = answer.json()["job"], answer.json()["item"]
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["state"], job["progress"], job["error"], item["id"], item["files"]) == ("queued", 0, None, job["id"], [])
    assert item["title"] == "Good morning to you all."
    sotto.run(client, job["id"])
    assert client.get(answer.headers["location"]).json()["state"] == "done"
    item = client.get(f"/api/v1/items/{job['id']}").json()
    assert [file["role"] for file in item["files"]] == ["audio", "subtitles", "peaks"]
    assert client.get(item["files"][0]["url"]).content == SOUND
    assert item["request"]["text"] == TEXT["text"]


def test_speech_wait_ends_with_the_job(sotto: Surface) -> None:
    client = sotto.program()
    session_id = sotto.session_of(client)
    worker = sotto.work_when_submitted(session_id)
    answer = client.post("/api/v1/speech", params={"wait": 30}, json=TEXT)
    worker.join()
    assert (answer.status_code, answer.json()["job"]["state"]) == (200, "done")
    assert answer.json()["item"]["files"]


def test_speech_wait_that_is_too_short_answers_202(sotto: Surface) -> None:
    answer = sotto.program().post("/api/v1/speech", params={"wait": 0.05}, json=TEXT)
    assert (answer.status_code, answer.json()["job"]["state"]) == (202, "queued")


@pytest.mark.parametrize("wait", ["61", "-1", "nan", "inf", "x"])
def test_speech_wait_out_of_range_is_refused(shared: Surface, wait: str) -> None:
    document = problem(shared.program().post("/api/v1/speech", params={"wait": wait}, json=TEXT), 422, "bad_input")
    assert document["errors"][0]["field"] == "wait"  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"speed": 2.1}, "speed"),
        ({"speed": 0}, "speed"),
        ({"pitch": -13}, "pitch"),
        ({"pause_ms": 5001}, "pause_ms"),
        ({"pause_ms": 1.5}, "pause_ms"),
        ({"loudness": 0}, "loudness"),
        ({"text": ""}, "text"),
        ({"text": 5}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"colour": "red"}, "colour"),
        ({"\ud800": 1}, "body"),
        ({"dictionary": [["a"]]}, "dictionary.0.1"),
        ({"dictionary": [["", "b"]]}, "dictionary.0.0"),
        ({"title": "x" * 501}, "title"),
    ],
)
def test_speech_field_out_of_range_is_named_and_not_repeated(shared: Surface, changes: dict[str, object], field: str) -> None:
    client = shared.program()
    answer = client.post("/api/v1/speech", content=json.dumps(TEXT | changes), headers={"Content-Type": "application/json"})
    document = problem(answer, 422, "bad_input")
    assert [error["field"] for error in document["errors"]] == [field]  # type: ignore[attr-defined]
    assert TEXT["text"] not in answer.text
    assert client.get("/api/v1/items").json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"nothing", 400),
        (b"", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"\xff{}", 400),
        (b"\xff\xfe{}", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b'{"text": ' + b"9" * 5000 + b"}", 400),
        (b'{"text": "a", "speed": NaN}', 422),
        (b'{"text": "a", "speed": 1e999}', 422),
    ],
)
def test_speech_hostile_json_is_refused(shared: Surface, body: bytes, status: int) -> None:
    answer = shared.program().post("/api/v1/speech", content=body, headers={"Content-Type": "application/json"})
    problem(answer, status, "bad_input" if status == 422 else "bad_request")


def test_speech_text_too_long_names_the_setting(tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", max_text_chars=50) as sotto:
        client = sotto.program()
        document = problem(client.post("/api/v1/speech", json=TEXT | {"text": "a " * 40}), 422, "text_too_long")
        assert "MAX_TEXT_CHARS" in f"{document['detail']}{document['hint']}"
        problem(client.post("/api/v1/speech", json=TEXT | {"text": "a" * 300_000}), 413, "too_large")


def test_speech_unspeakable_makes_nothing(sotto: Surface) -> None:
    client = sotto.program()
    problem(client.post("/api/v1/speech", json=TEXT | {"text": "... ---"}), 422, "nothing_to_say")
    problem(client.post("/api/v1/speech", json=TEXT | {"voice": "espeak:nobody"}), 422, "unknown_voice")
    assert client.get("/api/v1/items").json()["total"] == 0
    assert client.get("/api/v1/jobs").json() == {"jobs": []}


def test_speech_too_much_at_once_says_when_to_come_back(sotto: Surface) -> None:
    client = sotto.program()
    for _ in range(32):
        assert client.post("/api/v1/speech", json=TEXT).status_code == 202
    answer = client.post("/api/v1/speech", json=TEXT)
    problem(answer, 429, "too_many")
    assert int(answer.headers["retry-after"]) >= 1


def test_job_cancel_and_retry(sotto: Surface) -> None:
    client = sotto.program()
    job_id = client.post("/api/v1/speech", json=TEXT).json()["job"]["id"]
    problem(client.post(f"/api/v1/jobs/{job_id}/retry"), 409, "conflict")
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    problem(client.post(f"/api/v1/jobs/{job_id}/cancel"), 409, "conflict")
    assert client.get("/api/v1/jobs", params={"open": "true"}).json() == {"jobs": []}
    assert [job["id"] for job in client.get("/api/v1/jobs").json()["jobs"]] == [job_id]
    assert client.post(f"/api/v1/jobs/{job_id}/retry").json()["state"] == "queued"
    sotto.run(client, job_id)
    assert client.get(f"/api/v1/jobs/{job_id}").json()["state"] == "done"


def test_job_failed_tells_why(sotto: Surface) -> None:
    client = sotto.program()
    job = client.get(f"/api/v1/jobs/{made(sotto, client, title='Fail')}").json()
    assert job["state"] == "failed"
    assert job["error"] == {
        "code": "engine_unreachable",
        "status": 503,
        "detail": "Google cannot be reached.",
        "hint": "Use eSpeak.",
    }


def test_estimate_tells_cost_or_problem(sotto: Surface) -> None:
    client = sotto.program()
    answer = client.post("/api/v1/estimate", json=TEXT)
    assert answer.status_code == 200
    assert answer.json()["characters"] == len(TEXT["text"])
    assert (answer.json()["engine"], answer.json()["problem"]) == ("espeak", None)
    wrong = client.post("/api/v1/estimate", json=TEXT | {"text": "..."})
    assert (wrong.status_code, wrong.json()["problem"]["code"]) == (200, "nothing_to_say")
    assert sotto.services.sessions.list_items(sotto.session_of(client)) == ([], 0)


def test_voices_of_a_language(sotto: Surface) -> None:
    client = sotto.stranger()
    everything = client.get("/api/v1/voices").json()
    assert everything["voices"] == []
    assert "en-US" in [language["tag"] for language in everything["languages"]]
    english = client.get("/api/v1/voices", params={"language": "en-US"}).json()
    assert {"id", "engine", "name", "language"} == set(english["voices"][0])
    assert "co.uk" in [accent["accent"] for accent in english["accents"]]
    assert client.get("/api/v1/voices", params={"language": "qaa"}).json()["voices"] == []


# ---- items and files


def test_items_pages_kinds_and_search(sotto: Surface) -> None:
    client = sotto.program()
    for title in ("First light", "Second light", "Third"):
        sotto.clock.now += 1
        made(sotto, client, title=title)
    assert [item["title"] for item in client.get("/api/v1/items").json()["items"]] == ["Third", "Second light", "First light"]
    page = client.get("/api/v1/items", params={"page": 2, "per_page": 2}).json()
    assert ([item["title"] for item in page["items"]], page["total"], page["page"]) == (["First light"], 3, 2)
    assert client.get("/api/v1/items", params={"q": "LIGHT"}).json()["total"] == 2
    assert client.get("/api/v1/items", params={"kind": "speech"}).json()["total"] == 3
    assert client.get("/api/v1/items", params={"kind": ["upload", "batch"]}).json()["total"] == 0
    for wrong in ({"page": 0}, {"per_page": 201}, {"page": 10**30}, {"q": "x" * 201}):
        problem(client.get("/api/v1/items", params=wrong), 422, "bad_input")


def test_item_rename_and_keep(sotto: Surface) -> None:
    client = sotto.program()
    url = f"/api/v1/items/{made(sotto, client)}"
    changed = client.patch(url, json={"title": "  A\u202e new\x00 name ", "permanent": True}).json()
    assert (changed["title"], changed["permanent"]) == ("A new name", True)
    assert client.patch(url, json={}).json() == client.get(url).json()
    problem(client.patch(url, json={"title": " \u202e"}), 422, "bad_input")
    problem(client.patch(url, json={"id": "x"}), 422, "bad_input")


def test_item_delete_can_be_taken_back_for_a_moment(sotto: Surface) -> None:
    client = sotto.program()
    item_id = made(sotto, client)
    url = f"/api/v1/items/{item_id}"
    assert client.delete(url).status_code == 204
    for gone in (url, f"{url}/files/speech.mp3", f"/api/v1/jobs/{item_id}"):
        problem(client.get(gone), 404, "not_found")
    problem(client.delete(url), 404, "not_found")
    assert client.post(f"{url}/restore").json()["id"] == item_id
    assert client.get(f"{url}/files/speech.mp3").content == SOUND
    client.delete(url)
    sotto.clock.now += 11
    problem(client.post(f"{url}/restore"), 404, "not_found")


def test_item_delete_with_open_work_needs_force(sotto: Surface) -> None:
    client = sotto.program()
    url = f"/api/v1/items/{client.post('/api/v1/speech', json=TEXT).json()['job']['id']}"
    problem(client.delete(url), 409, "conflict")
    assert client.delete(url, params={"force": "1"}).status_code == 204
    assert client.get("/api/v1/jobs", params={"open": "1"}).json() == {"jobs": []}


def test_file_headers_range_and_validator(sotto: Surface) -> None:
    client = sotto.program()
    url = f"/api/v1/items/{made(sotto, client)}/files/speech.mp3"
    whole = client.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, SOUND, "audio/mpeg")
    assert whole.headers["content-security-policy"] == policy.FILE_CSP
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in whole.headers["cache-control"]
    part = client.get(url, headers={"Range": "bytes=10-19", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, SOUND[10:20], f"bytes 10-19/{len(SOUND)}")
    assert client.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    problem(client.get(url, headers={"Range": "bytes=99999-"}), 416, "bad_range")
    head = client.request("HEAD", url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(SOUND)))
    assert head.headers["etag"] == whole.headers["etag"]


def test_file_is_an_attachment_unless_sound_is_wanted_inline(sotto: Surface) -> None:
    client = sotto.program()
    base = f"/api/v1/items/{made(sotto, client)}/files/"
    for name in ("speech.mp3", "speech.vtt", "player.json"):
        assert client.get(base + name).headers["content-disposition"].startswith("attachment;")
        assert client.get(base + name, params={"inline": 1}).headers["content-disposition"].startswith("inline;")


def test_file_that_no_player_reads_is_never_inline(sotto: Surface) -> None:
    client = sotto.program()
    item = sotto.with_file(client, "page.html", "text/html", b"<script>1</script>")
    answer = client.get(f"/api/v1/items/{item}/files/page.html", params={"inline": 1})
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "name", ["item.json", "job.json", "..%2Fitem.json", ".", "speech.mp3%00", "SPEECH.MP3", "lease.1", "%2e%2e", "speech.mp3/"]
)
def test_file_only_what_the_item_lists(shared: Surface, name: str) -> None:
    client = shared.program()
    path = f"/api/v1/items/{made(shared, client)}/files/{name}"
    answer = client.raw("GET", path)
    problem(answer, 404, "not_found")


def test_file_replaced_by_a_link_is_not_followed(sotto: Surface) -> None:
    client = sotto.program()
    item = made(sotto, client)
    path = sotto.services.sessions.file_path(sotto.session_of(client), item, "speech.mp3")
    secret = sotto.services.sessions.outputs / ".secret"
    path.unlink()
    path.symlink_to(secret)
    problem(client.get(f"/api/v1/items/{item}/files/speech.mp3"), 404, "not_found")


HOSTILE_TITLES = [
    'a";\r\nX-Evil: 1',
    "a\\b/c:d*e?f<g>h|i",
    "录音 1",
    "x" * 300,
    "é" * 300,
    "CON",
    ".",
    "..",
    "-rf",
    "evil\u202egpj.exe",
    "a; filename=b.html",
    "<img src=x onerror=alert(1)>",
    "%2e%2e%2fetc",
    "🎙️",
    "a\u2028b",
]


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_file_name_from_a_hostile_title_is_one_header_that_parses(shared: Surface, title: str) -> None:
    client = shared.program()
    answer = client.get(f"/api/v1/items/{made(shared, client, title=title)}/files/speech.mp3")
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    message = Message()
    message["Content-Disposition"] = answer.headers["content-disposition"]
    assert message.get_content_disposition() == "attachment"
    name = message.get_filename()
    assert name
    assert name.endswith(".mp3")
    assert not set(name) & set('/\\:*?"<>|\r\n\u202e\u2028\x00')
    assert len(name.encode()) <= 255
    assert name.isascii() or "filename*=UTF-8''" in answer.headers["content-disposition"]


# ---- what the framework would say by itself


def test_known_address_with_a_wrong_method_is_a_problem(sotto: Surface) -> None:
    answer = sotto.program().request("PUT", "/api/v1/items")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_address_with_a_slash_at_the_end_is_unknown(sotto: Surface) -> None:
    problem(sotto.program().get("/api/v1/items/"), 404, "not_found")


def test_head_is_answered_where_get_is(sotto: Surface) -> None:
    client = sotto.program()
    for path in ("/api/v1/session/info", "/api/v1/items", "/api/v1/voices", "/api/docs", "/api/openapi.json"):
        head, get = client.request("HEAD", path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]


def test_defect_gives_an_id_that_is_in_the_log_and_no_words(sotto: Surface, caplog: pytest.LogCaptureFixture) -> None:
    api = build(sotto.services)

    @api.get("/defect")
    def defect() -> None:
        raise ValueError("the words of a person")

    with caplog.at_level(logging.INFO):
        answer = Client(sotto.portal, api).get("/defect")
    document = problem(answer, 500, "internal")
    assert str(document["instance"]).removeprefix("urn:uuid:") in caplog.text
    assert "words of a person" not in answer.text + caplog.text


def test_description_lists_every_route_and_shows_without_scripts(sotto: Surface) -> None:
    client = sotto.stranger()
    document = client.get("/api/openapi.json").json()
    everything = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    listed = {(method, path) for method, path in everything if path.startswith("/api/v1/")}
    names = {"session": "{session_id}", "item": "{item_id}"}
    expected = {(method, "/api/v1" + route.format(**names).replace("speech.mp3", "{name}")) for method, route in EVERY_ROUTE}
    expected = {(method, path.replace("transcript.txt", "transcript.{form}")) for method, path in expected}
    expected = {
        (
            method,
            path.replace("/jobs/{item_id}", "/jobs/{job_id}")
            .replace("rows/1", "rows/{number}")
            .replace("transcript.txt", "transcript.{form}"),
        )
        for method, path in expected
    }
    assert listed == expected | {
        ("POST", "/api/v1/sessions"),
        ("POST", "/api/v1/session/redeem"),
        ("GET", "/api/v1/voices"),
        ("GET", "/api/v1/transcripts.zip"),
        ("GET", "/api/v1/bulk/template.{form}"),
        ("GET", "/api/v1/transcriptions/options"),
        ("POST", "/api/v1/cleanup"),
    }
    page = client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "http" not in page.text.replace("https://", "http://").partition("<main>")[0]
    assert page.headers["content-security-policy"] == policy.DOCS_CSP
    for method, path in everything:
        assert f"{method} {path}" in page.text
