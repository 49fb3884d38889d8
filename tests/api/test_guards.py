from __future__ import annotations

import base64
import hashlib
import logging
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from tests.api.surface import HOST, ORIGIN, PAGE, Surface, surface
from utils.api import cookies, policy
from utils.session_manager import SessionManager

EVERY_KIND = [
    "/",
    "/bulk",
    "/static/app.js",
    "/healthz",
    "/_stcore/health",
    "/media/x",
    "/api",
    "/api/v1/nothing",
    "/v1",
    "/v1/models",
]


def cookie_of(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers.get("set-cookie", ""))


# ---- headers


@pytest.mark.parametrize("path", EVERY_KIND)
def test_headers_every_kind_of_answer_carries_them(sotto: Surface, path: str) -> None:
    answer = sotto.stranger().page(path)
    for name, value in policy.ALWAYS.items():
        assert answer.headers[name] == value
    assert answer.headers.get_list("content-security-policy", split_commas=False)[1:] == []
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_headers_page_policy_allows_its_inline_script_and_no_other(sotto: Surface) -> None:
    csp = sotto.stranger().page().headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(b"\n  window.ready = false\n").digest()).decode()
    scripts = next(part for part in csp.split("; ") if part.startswith("script-src"))
    assert scripts == f"script-src 'self' blob: 'sha256-{digest}'"


def test_headers_data_may_load_nothing(sotto: Surface) -> None:
    answer = sotto.stranger().get("/api/v1/nothing")
    assert answer.headers["content-security-policy"] == policy.DATA_CSP
    assert answer.headers["cache-control"] == "no-store"


def test_headers_media_is_sandboxed(sotto: Surface) -> None:
    assert sotto.stranger().get("/media/x").headers["content-security-policy"] == policy.FILE_CSP


def test_policy_finds_the_inline_scripts_of_the_real_page() -> None:
    page = policy.page_source()
    assert page.count("<script") > len(policy.script_hashes(page)) >= 1


def test_metrics_are_hidden(sotto: Surface) -> None:
    for path in ("/_stcore/metrics", "/deep/_stcore/metrics"):
        answer = sotto.stranger().page(path)
        assert answer.status_code == 404
        assert "set-cookie" not in answer.headers


def test_failure_of_a_page_gives_an_id_and_logs_no_words(sotto: Surface, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answer = sotto.stranger().page("/page-that-fails")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["instance"].removeprefix("urn:uuid:") in caplog.text
    assert "words of a person" not in answer.text + caplog.text


# ---- the cookie


def test_page_tells_the_browser_where_the_server_is(sotto: Surface) -> None:
    source = policy.page_source()
    assert source.count(policy.HERE) == 1 and source.index(policy.HERE) < source.index("<script") + 1
    page = policy.with_base(PAGE)
    answer = sotto.stranger().page("/files")
    assert answer.text == PAGE and "etag" not in answer.headers and int(answer.headers["content-length"]) == len(answer.content)
    hashes = policy.script_hashes(page)
    assert len(hashes) == 2 and all(digest in policy.page_csp(page) for digest in hashes)


def test_cookie_comes_with_the_first_page(sotto: Surface) -> None:
    answer = sotto.stranger().page()
    morsel = cookie_of(answer)[cookies.NAME]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["secure"]) == (True, "Lax", "/", "")
    assert answer.headers["cache-control"] == "no-store"
    assert sotto.folders == [sotto.services.sessions.verify(morsel.value)]


def test_cookie_by_tls_is_secure(sotto: Surface) -> None:
    answer = sotto.stranger().page(f"https://{HOST}/")
    assert cookie_of(answer)[cookies.NAME]["secure"] is True


def test_cookie_same_browser_keeps_its_session(sotto: Surface) -> None:
    browser = sotto.stranger()
    browser.page()
    first = browser.token
    answer = browser.page("/bulk")
    assert browser.token == first
    assert cookies.NAME in cookie_of(answer)  # renewed: its time begins anew
    assert len(sotto.folders) == 1


def test_cookie_other_browser_gets_another(sotto: Surface) -> None:
    one, other = sotto.stranger(), sotto.stranger()
    one.page()
    other.page()
    assert one.token != other.token
    assert len(sotto.folders) == 2


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Accept": "*/*"}),  # curl, most robots
        ("/", {"Accept": "image/avif,image/webp"}),
        ("/", {"Sec-Fetch-Dest": "image"}),
        ("/static/app.js", {}),
        ("/media/x", {}),
        ("/component/x/index.html", {}),
        ("/_stcore/health", {}),
        ("/healthz", {}),
        ("/readyz", {}),
        ("/api/docs/nothing", {}),
        ("/v1/models", {}),
    ],
)
def test_cookie_not_for_what_is_no_page_view(sotto: Surface, path: str, headers: dict[str, str]) -> None:
    answer = sotto.stranger().get(path, headers={"Accept": "text/html", **headers})
    assert "set-cookie" not in answer.headers
    assert sotto.folders == []


def test_cookie_not_for_head_or_post_of_a_page(sotto: Surface) -> None:
    for method in ("HEAD", "POST"):
        answer = sotto.stranger().request(method, "/", headers={"Accept": "text/html"})
        assert "set-cookie" not in answer.headers
    assert sotto.folders == []


def test_cookie_lost_while_the_page_is_cached_comes_again(sotto: Surface) -> None:
    answer = sotto.stranger().page("/", **{"If-None-Match": '"page"'})
    assert answer.status_code == 200
    assert cookies.NAME in cookie_of(answer)


def spoiled(outputs: Path, token: str) -> dict[str, str]:
    session_id, _, signature = token.partition(".")
    other = "0" if signature[0] != "0" else "1"
    return {
        "forged": f"{session_id}.{other}{signature[1:]}",
        "cut": token[:-1],
        "longer": token + "0",
        "other secret": SessionManager(outputs, secret_key="another secret of sixteen").token(session_id),
        "id alone": session_id,
        "id twice": f"{session_id}.{session_id}",
        "upper case": token.upper(),
        "empty": "",
        "quoted": f'"{token[:-1]}"',
        "huge": token * 100,
    }


def test_cookie_not_genuine_begins_a_new_session_and_leaves_the_old(sotto: Surface) -> None:
    owner = sotto.browser()
    token = owner.token
    assert token
    held = sotto.folders
    before = sotto.services.sessions.peek_session(held[0])
    sotto.clock.now += 3600
    for n, (how, value) in enumerate(spoiled(sotto.services.sessions.outputs, token).items(), start=2):
        thief = sotto.stranger()
        answer = thief.page("/", Cookie=f"{cookies.NAME}={value}")
        assert cookies.NAME in cookie_of(answer), how
        assert sotto.services.sessions.verify(cookie_of(answer)[cookies.NAME].value) not in held, how
        assert len(sotto.folders) == n
    assert sotto.services.sessions.peek_session(held[0]) == before


def test_cookie_of_a_removed_session_begins_a_new_one(sotto: Surface) -> None:
    browser = sotto.browser()
    old = sotto.folders
    sotto.services.sessions.delete_session(old[0])
    browser.page()
    assert len(sotto.folders) == 1
    assert sotto.folders != old


@pytest.mark.parametrize(("hours", "days"), [(0.0, 400), (24.0, 30), (24.0 * 90, 90), (24.0 * 5000, 400)])
def test_cookie_lives_at_least_as_long_as_its_session(tmp_path: Path, hours: float, days: int) -> None:
    with surface(tmp_path / "outputs", session_timeout_hours=hours) as sotto:
        morsel = cookie_of(sotto.stranger().page())[cookies.NAME]
        assert int(morsel["max-age"]) == days * 86_400


def test_cookie_of_a_permanent_session_lives_longest(sotto: Surface) -> None:
    browser = sotto.browser()
    sotto.services.sessions.update_session(sotto.folders[0], permanent=True)
    assert int(cookie_of(browser.page())[cookies.NAME]["max-age"]) == cookies.LONGEST_S


def test_page_without_room_for_a_session_still_comes(sotto: Surface) -> None:
    outputs = sotto.services.sessions.outputs
    outputs.rename(outputs.with_name("gone"))
    outputs.write_text("not a folder")
    answer = sotto.stranger().page()
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


# ---- who may change something


FOREIGN = [
    "https://evil.example",
    "null",
    "",
    f"http://{HOST}:8080",
    f"http://{HOST}.evil.example",
    f"http://evil.{HOST}",
    f"http://evil@{HOST}",
    f"http://{HOST}/",
    f"http://{HOST} http://evil.example",
    f"ftp://{HOST}",
    HOST,
    "http://",
]
OWN = [ORIGIN, f"http://{HOST}:80", f"https://{HOST}", f"https://{HOST}:443", f"http://{HOST.upper()}"]


@pytest.mark.parametrize("origin", FOREIGN)
def test_origin_foreign_changes_nothing_by_cookie(sotto: Surface, origin: str) -> None:
    browser = sotto.browser()
    answer = browser.post("/api/v1/sessions", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(sotto.folders) == 1


def test_origin_foreign_cannot_plant_a_cookie(sotto: Surface) -> None:
    answer = sotto.stranger().post("/api/v1/sessions", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert sotto.folders == []


def test_origin_absent_with_cookie_is_refused_without_is_a_program(sotto: Surface) -> None:
    browser = sotto.browser()
    del browser.http.headers["Origin"]
    assert browser.post("/_stcore/upload_file").status_code == 403
    assert sotto.stranger().post("/_stcore/upload_file").status_code == 200


def test_cookie_of_an_opened_session_is_a_programs_too_and_counts_beside_its_token_only(sotto: Surface) -> None:
    program = sotto.stranger()  # it sends no Origin
    opened = program.post("/api/v1/sessions")
    morsel = SimpleCookie(opened.headers["set-cookie"])[cookies.NAME]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["secure"]) == (True, "Lax", "/", "")
    assert (morsel.value, morsel["domain"]) == (opened.json()["token"], "")
    assert int(morsel["max-age"]) >= cookies.SHORTEST_S
    cookie = {"Cookie": f"{cookies.NAME}={morsel.value}"}
    assert program.get("/api/v1/session/info", headers=cookie).status_code == 200
    assert program.post("/api/v1/cleanup", json={}, headers=cookie).status_code == 403
    refused = program.request("PATCH", "/api/v1/session", json={"permanent": True}, headers=cookie)
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign_origin")
    both = cookie | {"Authorization": f"Bearer {morsel.value}"}
    kept = program.request("PATCH", "/api/v1/session", json={"permanent": True}, headers=both)
    assert kept.status_code == 200 and "set-cookie" not in kept.headers
    assert "; Secure" in sotto.stranger().post(f"https://{HOST}/api/v1/sessions").headers["set-cookie"]


@pytest.mark.parametrize("origin", OWN)
def test_origin_own_may(sotto: Surface, origin: str) -> None:
    browser = sotto.browser()
    assert browser.post("/pages-own", headers={"Origin": origin}).status_code == 200


def test_origin_plain_on_a_tls_connection_is_foreign(sotto: Surface) -> None:
    browser = sotto.browser()
    assert browser.post(f"https://{HOST}/x", headers={"Origin": f"https://{HOST}"}).status_code == 200
    assert browser.post(f"https://{HOST}/x", headers={"Origin": f"http://{HOST}"}).status_code == 403


def test_origin_own_port_counts(sotto: Surface) -> None:
    browser = sotto.browser()
    for origin, status in ((f"http://{HOST}:8501", 200), (f"http://{HOST}:8502", 403), (ORIGIN, 403)):
        assert browser.post("/x", headers={"Host": f"{HOST}:8501", "Origin": origin}).status_code == status


def test_origin_twice_is_foreign(sotto: Surface) -> None:
    client = sotto.browser()
    del client.http.headers["Origin"]
    answer = client.post("/x", headers=[("Origin", ORIGIN), ("Origin", "https://evil.example")])
    assert answer.status_code == 403


def test_origin_does_not_count_for_bearer(sotto: Surface) -> None:
    answer = sotto.stranger().post("/x", headers={"Authorization": "Bearer x", "Origin": "https://evil.example"})
    assert answer.status_code == 200  # the route itself checks the token, and nothing but the token


def test_origin_does_not_count_for_looking(sotto: Surface) -> None:
    assert sotto.browser().get("/healthz", headers={"Origin": "https://evil.example"}).status_code == 200


# ---- sockets


def knock(sotto: Surface, headers: dict[str, str], path: str = "/_stcore/stream", scheme: str = "ws") -> list[str]:
    """What the server sends when a socket is opened: nothing means that it was let through to the stub, which has none."""
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(f"{message['type']} {message.get('code')}")

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": scheme,
        "root_path": "",
        "subprotocols": [],
        "headers": [(name.lower().encode(), value.encode()) for name, value in {"Host": HOST, **headers}.items()],
    }
    sotto.portal.call(sotto.app, scope, receive, send)
    return sent


def test_socket_of_a_foreign_page_is_refused(sotto: Surface) -> None:
    cookie = f"{cookies.NAME}={sotto.browser().token}"
    own = knock(sotto, {"Origin": ORIGIN, "Cookie": cookie})
    assert own == ["websocket.close 1000"]  # the stub's router: no such socket
    for origin in FOREIGN:
        assert knock(sotto, {"Origin": origin, "Cookie": cookie}) == ["websocket.close 1008"], origin
    assert knock(sotto, {"Cookie": cookie}) == ["websocket.close 1008"]


def test_socket_below_our_prefixes_is_closed(sotto: Surface) -> None:
    for path in ("/api", "/api/v1/nothing", "/v1", "/v1/x", "/healthz"):
        assert knock(sotto, {"Origin": ORIGIN}, path) == ["websocket.close 1008"]


# ---- addresses


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_unknown_address_below_a_prefix_is_a_problem_and_never_the_page(sotto: Surface, method: str) -> None:
    client = sotto.stranger()
    plain = ["/api", "/api/", "/api/v2/items", "/v1", "/v1/", "/v1/audio/nothing"]
    crooked = ["/api/v1/../../x", "/api/%2e%2e/x", "/api/a%5cb", "/api/a%00b", "/api/a%0a", "/api/..%2fx", "/v1/%7f"]
    for path in plain + crooked:
        answer = client.raw(method, path)
        assert answer.status_code == 404, path
        of_openai = path.startswith("/v1")
        assert answer.headers["content-type"] == ("application/json" if of_openai else "application/problem+json")
        if method != "HEAD":
            told = answer.json()["error"] if of_openai else answer.json()
            assert told["code"] == "not_found"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_fact_takes_no_other_method(sotto: Surface, path: str) -> None:
    answer = sotto.stranger().post(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_healthz_says_ok(sotto: Surface) -> None:
    answer = sotto.stranger().get("/healthz")
    assert (answer.status_code, answer.json(), answer.headers["cache-control"]) == (200, {"status": "ok"}, "no-store")
