"""Keys, rates, and scripts of other sites."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.api.surface import ORIGIN, Client, Clock, Surface, surface
from utils.api.callers import UNKNOWN, address_of, key_name
from utils.api.cors import Cors
from utils.api.throttle import Throttle
from utils.errors import TooMany
from utils.services import Services
from utils.settings import Settings

SITE = "https://studio.example"
OTHER = "https://elsewhere.example"


# ---- keys


def test_key_one_of_several_is_named_by_its_hash(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with surface(tmp_path / "outputs", api_key="first-key,second-key") as sotto, caplog.at_level(logging.INFO):
        for key, status in (("first-key", 200), ("second-key", 200), ("second-kez", 401), ("first-key,second-key", 401)):
            answer = sotto.stranger(headers={"Authorization": f"Bearer {key}"}).get("/v1/models")
            assert answer.status_code == status
        assert answer.json()["error"]["code"] == "wrong_token"
        name = f"key-{hashlib.sha256(b'second-key').hexdigest()[:8]}"
        assert sotto.services.tally.of("callers")[(name,)] == 1 and sotto.services.tally.of("callers")[("wrong",)] == 2
    assert f"caller={name}" in caplog.text
    assert "first-key" not in caplog.text and "second-ke" not in caplog.text


def test_key_name_of_what_is_no_key_is_none() -> None:
    assert [key_name(("a-good-key",), given) for given in (None, "", "a-good-ke", "a-good-keys", "\udc80")] == [None] * 5
    assert key_name((), "") is None and key_name((), None) is None


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (("testclient", 1), UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_address_of_ipv6_is_its_network(client: Any, address: str) -> None:
    assert address_of({"type": "http", "client": client}) == address


# ---- rates


class Rates:
    """The throttle alone, with a clock of ours."""

    def __init__(self, services: Services, **settings: Any) -> None:
        from dataclasses import replace

        self.clock = Clock()
        changed = replace(services.settings, **settings)
        self.throttle = Throttle(replace(services, settings=changed), self.clock)

    def wait_s(self, path: str = "/api/v1/items", method: str = "GET", address: str = "192.0.2.1", token: str = "") -> float | None:
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        try:
            self.throttle.check({"type": "http", "path": path, "method": method, "client": (address, 1), "headers": headers})
        except TooMany as error:
            assert error.sentence.endswith(").") and "(RATE_" in error.sentence
            return error.retry_after_s
        return None


def test_rate_of_a_session_is_its_own_and_comes_back(shared: Surface) -> None:
    rates = Rates(shared.services, rate_session_per_minute=2)
    one, other = (shared.services.sessions.token(shared.services.sessions.create_session()) for _ in range(2))
    assert [rates.wait_s(token=one) for _ in range(3)] == [None, None, 30.0]
    assert rates.wait_s(token=other) is None and rates.wait_s(token="x") is None and rates.wait_s() is None
    rates.clock.now += 30
    assert [rates.wait_s(token=one) for _ in range(2)] == [None, 30.0]


def test_rate_of_an_address_counts_sessions_and_keys_together(shared: Surface) -> None:
    rates = Rates(shared.services, rate_address_per_minute=3)
    token = shared.services.sessions.token(shared.services.sessions.create_session())
    assert [rates.wait_s(token=token), rates.wait_s("/v1/models"), rates.wait_s(), rates.wait_s()] == [None, None, None, 20.0]
    assert rates.wait_s(address="192.0.2.2") is None
    assert rates.wait_s(address="2001:db8::1") is None and rates.wait_s(address="2001:db8::2") is None
    assert rates.wait_s(address="2001:db8::3") is None and rates.wait_s(address="2001:db8::4") == 20.0


def test_rate_of_a_key_counts_below_v1_only(shared: Surface) -> None:
    rates = Rates(shared.services, rate_key_per_minute=1, api_key="first-key,second-key")
    assert [rates.wait_s("/v1/models", token="first-key") for _ in range(2)] == [None, 60.0]
    assert rates.wait_s("/v1/models", token="second-key") is None
    assert rates.wait_s("/api/v1/items", token="first-key") is None


def test_rate_counts_a_token_with_spaces_around_it_that_the_routes_take(shared: Surface) -> None:
    rates = Rates(shared.services, rate_key_per_minute=1, rate_session_per_minute=1, api_key="first-key,second-key")
    assert [rates.wait_s("/v1/models", token=token) for token in ("first-key", " first-key", "  first-key ")] == [None, 60.0, 60.0]
    token = shared.services.sessions.token(shared.services.sessions.create_session())
    assert [rates.wait_s(token=token), rates.wait_s(token=" " + token)] == [None, 60.0]


def test_rate_of_zero_is_no_limit(shared: Surface) -> None:
    off = {name: 0 for name in ("rate_session_per_minute", "rate_key_per_minute", "rate_address_per_minute")}
    rates = Rates(shared.services, **off, rate_new_sessions_per_hour=0)
    assert {rates.wait_s("/api/v1/sessions", "POST") for _ in range(20_000)} == {None}


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Surface]:
    settings = {"rate_address_per_minute": 6, "rate_new_sessions_per_hour": 3, "api_key": "first-key"}
    with surface(tmp_path / "outputs", **settings) as built:
        yield built


def test_rate_is_told_in_both_forms_with_the_time_to_wait(narrow: Surface) -> None:
    client = narrow.stranger()
    for _ in range(6):
        assert client.get("/api/v1/voices").status_code == 200
    problem, openai = client.get("/api/v1/voices"), client.get("/v1/models")
    assert (problem.status_code, problem.json()["code"]) == (429, "too_many")
    assert (openai.status_code, openai.json()["error"]["type"]) == (429, "rate_limit_error")
    assert all(1 <= int(answer.headers["retry-after"]) <= 10 for answer in (problem, openai))  # time goes on meanwhile
    assert client.get("/metrics").status_code == 429
    assert narrow.services.tally.of("throttled") == {("address",): 3}
    for path in ("/healthz", "/readyz", "/static/app.js", "/_stcore/health"):
        assert client.get(path).status_code in (200, 503)


def test_rate_behind_a_trusted_proxy_is_the_visitors_own(narrow: Surface) -> None:
    """As uvicorn sees it: the last address that is no trusted proxy's."""
    behind = Client(narrow.portal, ProxyHeadersMiddleware(narrow.app, trusted_hosts="127.0.0.1"))
    visits = [behind.get("/api/v1/voices", headers={"X-Forwarded-For": f"203.0.113.9, 192.0.2.{n % 2}"}) for n in range(13)]
    assert [visit.status_code for visit in visits] == [200] * 12 + [429]


def test_new_sessions_are_counted_by_page_views_and_by_the_route_together(narrow: Surface) -> None:
    browser = narrow.browser()
    assert narrow.stranger().post("/api/v1/sessions").status_code == 201
    assert narrow.stranger().page().status_code == 200
    page, route = narrow.stranger().page(), narrow.stranger().post("/api/v1/sessions")
    assert (page.status_code, route.status_code) == (429, 429)
    assert page.headers["content-type"].startswith("text/html") and "RATE_NEW_SESSIONS_PER_HOUR" in page.text
    assert 1000 < int(page.headers["retry-after"]) <= 1200 and "set-cookie" not in page.headers
    assert len(narrow.folders) == 3
    assert browser.page("/bulk").status_code == 200  # who has a session may go on
    assert narrow.stranger().get("/").status_code == 200  # a robot opens none


def test_defaults_are_far_above_what_pages_and_tests_ask() -> None:
    settings = Settings()
    assert settings.rate_session_per_minute >= 3000 and settings.rate_address_per_minute >= 12_000


# ---- other sites


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with surface(tmp_path_factory.mktemp("cors") / "outputs", cors_origins=(SITE,)) as built:
        yield built


def preflight(sotto: Surface, origin: str, path: str = "/api/v1/speech", wanted: str = "authorization") -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    return sotto.stranger().request("OPTIONS", path, headers=asked)


@pytest.mark.parametrize("path", ["/api/v1/speech", "/v1/audio/speech"])
def test_cors_script_of_a_named_site_may_ask_with_a_token(linked: Surface, path: str) -> None:
    wanted = "authorization, Content-Type, idempotency-key, x-stainless-lang, x-evil, cookie"
    answer = preflight(linked, SITE, path, wanted)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SITE)
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, idempotency-key, x-stainless-lang"
    assert "PATCH" in answer.headers["access-control-allow-methods"] and "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


def test_cors_whole_visit_of_a_script(linked: Surface) -> None:
    script = linked.stranger(headers={"Origin": SITE})
    opened = script.post("/api/v1/sessions")
    assert opened.status_code == 201 and "set-cookie" not in opened.headers
    assert opened.headers["access-control-allow-origin"] == SITE
    bearer = {"Authorization": f"Bearer {opened.json()['token']}"}
    made = script.post("/api/v1/speech", json={"text": "Good morning."}, headers=bearer)
    assert made.status_code == 202
    exposed = made.headers["access-control-expose-headers"]
    assert all(name in exposed for name in ("ETag", "Location", "Retry-After", "Content-Disposition", "Idempotent-Replayed"))
    refused = script.get("/api/v1/items")
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == SITE  # a script can read why


def test_cors_cookie_from_a_named_site_changes_nothing(linked: Surface) -> None:
    browser = linked.browser()
    before = browser.get("/api/v1/session/info").json()
    answer = browser.patch("/api/v1/session", json={"permanent": True}, headers={"Origin": SITE})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert browser.get("/api/v1/session/info", headers={"Origin": SITE}).headers.get("access-control-allow-credentials") is None
    assert browser.get("/api/v1/session/info").json() == before


@pytest.mark.parametrize("origin", [OTHER, "null", "http://studio.example", f"{SITE}:444", f"{SITE}.evil.example", f"{SITE}/"])
def test_cors_others_stay_out(linked: Surface, origin: str) -> None:
    answer = preflight(linked, origin)
    assert answer.status_code == 405 and "access-control-allow-origin" not in answer.headers
    told = linked.stranger(headers={"Origin": origin})
    assert "access-control-allow-origin" not in told.get("/api/v1/voices").headers
    assert told.post("/api/v1/sessions").status_code == 403


def test_cors_is_off_by_default_and_never_for_pages(linked: Surface, shared: Surface) -> None:
    answer = preflight(shared, SITE)
    assert answer.status_code == 405 and "vary" not in answer.headers
    for sotto in (linked, shared):
        page = sotto.stranger().page("/", Origin=SITE)
        assert page.status_code == 200 and not [name for name in page.headers if name.startswith("access-control")]
    assert linked.stranger(headers={"Origin": SITE}).post("/bulk").status_code == 403
    assert shared.stranger(headers={"Origin": ORIGIN}).post("/api/v1/sessions").status_code == 201


def test_cors_two_origins_are_none() -> None:
    scope = {"type": "http", "method": "GET", "headers": [(b"origin", SITE.encode()), (b"origin", SITE.encode())]}
    assert Cors((SITE,)).origin_of(scope) is None
