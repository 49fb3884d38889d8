"""The table of who may ask what: every operation of the document with every kind of credential, and nothing changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.api.surface import ORIGIN, Client, Surface, surface
from tests.api.test_access_matrix import FILE, Home, body_of, settle
from tests.storage.support import everything
from utils.api import cookies
from utils.session_manager import SessionManager
from utils.storage.tokens import Signer

KEYS = ("first-key-1", "second-key-2")
ADMIN = "the-operator-of-this-server"
ELSEWHERE = "https://elsewhere.example"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
FREE = {  # need no credential
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/session/redeem"),
    ("GET", "/api/v1/voices"),
    ("GET", "/api/v1/transcriptions/options"),
    ("GET", "/api/v1/bulk/template.{form}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}
OPERATORS = {("POST", "/api/v1/cleanup"), ("GET", "/metrics")}


@dataclass(frozen=True)
class Operation:
    """One entry of the document, with a body that fits."""

    method: str
    path: str
    options: dict[str, Any]

    def send(self, client: Client, home: Home, **headers: str) -> httpx.Response:
        path = self.path
        ids = {"session_id": home.id, "item_id": home.items["speech"], "job_id": home.items["speech"]}
        for name, value in {**ids, "name": FILE, "form": "csv", "number": "1", "model": "tts-1"}.items():
            path = path.replace("{" + name + "}", value)
        query = {"ids": home.items["speech"]} if path.endswith(("items.zip", "transcripts.zip")) else {}
        return client.request(self.method, path, params=query, headers=headers, **self.options)

    @property
    def names_a_thing(self) -> bool:
        return any(word in self.path for word in ("{session_id}", "{item_id}", "{job_id}"))


@dataclass
class House:
    """The routes, a session with something in it, another one, and one that has ended."""

    sotto: Surface
    home: Home
    other: str  # token
    ended: str  # token
    operations: list[Operation]

    def asks(self, operation: Operation, token: str | None = None, cookie: str | None = None, **headers: str) -> httpx.Response:
        client = self.sotto.stranger()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if cookie is not None:
            client.http.cookies.set(cookies.NAME, cookie, domain="sotto.test")
        return operation.send(client, self.home, **headers)

    def state(self) -> dict[str, object]:
        store = self.sotto.services.sessions
        found = everything(store.outputs / self.home.id)
        kept = {name: data for name, data in found.items() if name not in ("session.json", "presence")}
        return {**kept, "sessions": str(sorted(store.get_all_session_ids()))}

    def of(self, prefix: str) -> list[Operation]:
        """What needs a credential below a prefix, but for what is the operator's."""
        asked = [one for one in self.operations if one.path.startswith(prefix)]
        return [one for one in asked if (one.method, one.path) not in FREE | OPERATORS]


def operations(document: dict[str, Any]) -> list[Operation]:
    models, found = document["components"]["schemas"], []
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            content, options = about.get("requestBody", {}).get("content", {}), dict[str, Any]()
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                options["json"] = body_of(models[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema, "x")
            elif content:
                options |= {"files": {"file": ("a.csv", b"text\nOne.\n")}, "data": {"model": "whisper-1"}}
            found.append(Operation(method.upper(), path, options))
    return found


def built(sotto: Surface) -> House:
    store = sotto.services.sessions
    home = settle(store, sotto.stranger(), 1)
    other, ended = store.create_session(), store.create_session()
    tokens = store.token(other), store.token(ended)
    store.delete_session(ended)
    return House(sotto, home, *tokens, operations(sotto.stranger().get("/api/openapi.json").json()))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings: dict[str, Any] = {"api_key": ",".join(KEYS), "admin_token": ADMIN, "stt_engine": "draft"}
    with surface(tmp_path_factory.mktemp("table") / "outputs", **settings) as sotto:
        yield built(sotto)


@pytest.fixture
def same(house: House) -> Iterator[House]:
    """The house, which a test must leave as it was."""
    before = house.state()
    yield house
    assert house.state() == before


def forged(store: SessionManager, session_id: str) -> list[str]:
    genuine = store.token(session_id)
    foreign = Signer(b"another secret, of another server").token(session_id)
    return ["", "x", session_id, genuine[:-1], genuine[:-1] + ("0" if genuine[-1] != "0" else "1"), genuine.upper(), foreign]


def told(answer: httpx.Response, *, openai: bool = False) -> tuple[int, str]:
    found = answer.json()
    return answer.status_code, found["error"]["code"] if openai else found["code"]


def test_table_covers_the_document(house: House) -> None:
    found = {(one.method, one.path) for one in house.operations}
    assert found >= FREE | OPERATORS
    assert len(house.of("/api/v1/")) > 30 and len(house.of("/v1/")) == 5


def test_sessions_without_or_with_a_forged_credential_are_401(same: House) -> None:
    wrong = [None, *forged(same.sotto.services.sessions, same.home.id), *KEYS]
    for one in same.of("/api/v1/"):
        for token in wrong:
            answer = same.asks(one, token)
            assert told(answer) == (401, "no_session"), (one, token)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for cookie in wrong[2:]:
            answer = same.asks(one, cookie=cookie, Origin=ORIGIN)
            assert told(answer) == (401, "no_session"), (one, cookie)


def test_sessions_that_ended_and_things_of_others_are_404(same: House) -> None:
    for one in same.of("/api/v1/"):
        assert told(same.asks(one, same.ended)) == (404, "not_found"), one
        if one.names_a_thing:
            assert told(same.asks(one, same.other)) == (404, "not_found"), one
            assert told(same.asks(one, cookie=same.other, Origin=ORIGIN)) == (404, "not_found"), one


def test_changes_by_cookie_from_elsewhere_are_403(same: House) -> None:
    cookie = same.sotto.services.sessions.token(same.home.id)
    others = [{"Origin": origin} for origin in (ELSEWHERE, "null", "http://sotto.test:81", "https://sotto.test.example", "")]
    for one in same.operations:
        if one.method in UNSAFE:
            openai = one.path.startswith("/v1/")
            for headers in [{}, *others]:
                assert told(same.asks(one, cookie=cookie, **headers), openai=openai) == (403, "foreign_origin"), (one, headers)
            for headers in others:
                assert told(same.asks(one, **headers), openai=openai) == (403, "foreign_origin"), (one, headers)


def test_operators_addresses_are_not_there_for_others(same: House) -> None:
    owner = same.sotto.services.sessions.token(same.home.id)
    for one in same.operations:
        if (one.method, one.path) in OPERATORS:
            for token in (None, "x", owner, *KEYS, ADMIN[:-1], ADMIN + "x"):
                assert told(same.asks(one, token)) == (404, "not_found"), (one, token)
            assert (
                same.asks(one, ADMIN, **({"Content-Type": "application/json"} if one.method == "POST" else {})).status_code != 404
            )


def test_openai_addresses_want_a_key_and_nothing_else(same: House) -> None:
    owner = same.sotto.services.sessions.token(same.home.id)
    for one in same.of("/v1/"):
        for token in (None, "", "x", KEYS[0][:-1], KEYS[0] + "x", ",".join(KEYS), owner, ADMIN):
            answer = same.asks(one, token)
            assert told(answer, openai=True) == (401, "wrong_token"), (one, token)
        assert told(same.asks(one, cookie=owner, Origin=ORIGIN), openai=True) == (401, "wrong_token")
    for token in KEYS:
        assert [same.asks(one, token).status_code for one in same.of("/v1/models")] == [200, 200]


def test_free_addresses_answer_everybody(house: House) -> None:
    for one in house.operations:
        if (one.method, one.path) in FREE:
            for token in (None, "x", house.ended):
                answer = house.asks(one, token)
                assert answer.status_code in (200, 201, 503) or one.path.endswith("/redeem"), (one, token)


def test_openai_addresses_without_api_key_are_open(shared: Surface) -> None:
    for token in (None, "x"):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        assert shared.stranger(headers=headers).get("/v1/models").status_code == 200
