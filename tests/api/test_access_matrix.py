"""Nobody reaches what is another's: every route that names a session, an item or a job, for every pair of sessions.

Each session holds a canary in each kind of thing. While strangers try everything that the OpenAPI document offers, a sweep runs
over and over and ten writers work. No canary may be seen, nothing may change, and what is foreign is answered as what never was.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.surface import Client, Surface, surface
from tests.storage.support import everything
from utils.errors import AppError
from utils.session_manager import SessionManager
from utils.storage import names
from utils.storage.item import ItemFile

KINDS = ("speech", "batch", "transcript", "recording", "upload")
WRITERS = 10
FILE = "canary.mp3"
# No job fills the items of this test, and its batch has no rows.
NOT_MADE_HERE = ("/api/v1/jobs/{job_id}", "/api/v1/items/{item_id}/rows", "/api/v1/items/{item_id}/rows/{number}/audio")
UNKNOWN_ITEM = "20200101-000000-nothing-0000"
UNKNOWN_SESSION = "00000000-0000-4000-8000-000000000000"


@dataclass
class Home:
    """A session with a canary of each kind."""

    id: str
    client: Client
    canary: str
    items: dict[str, str] = field(default_factory=dict)


def settle(store: SessionManager, client: Client, number: int) -> Home:
    session_id = store.create_session()
    client.http.headers["Authorization"] = f"Bearer {store.token(session_id)}"
    home = Home(session_id, client, f"canary{number:03d}zq")
    for kind in KINDS:
        folder = "bulk" if kind == "batch" else "single"
        item = store.create_item(session_id, folder=folder, kind=kind, title=home.canary, request={"text": home.canary})
        data = home.canary.encode() * 20
        store.write_file(session_id, item.id, FILE, data, durable=False)
        store.update_item(
            session_id, item.id, files=(ItemFile(FILE, "audio/mpeg", len(data), "audio"),), result={"by": home.canary}
        )
        home.items[kind] = item.id
    store.cache(session_id).put("ab" * 16, home.canary.encode())
    store.update_session(session_id, preferences={"speak": {"text": home.canary}})
    return home


@dataclass(frozen=True, eq=False)
class Operation:
    """One entry of the OpenAPI document that names somebody's thing."""

    method: str
    path: str
    ids: frozenset[str]  # where an id goes: "session", "item", "query", "body"
    schema: dict[str, Any] | None

    def send(self, client: Client, *, session: str, item: str) -> httpx.Response:
        words = {"session_id": session, "item_id": item, "job_id": item, "name": FILE, "form": "txt", "number": "1", "row": "1"}
        path = self.path
        for name, value in words.items():
            path = path.replace("{" + name + "}", value)
        options: dict[str, Any] = {}
        if "query" in self.ids:
            options["params"] = {"ids": item}
        if self.schema is not None:
            options["json"] = body_of(self.schema, item)
        return client.request(self.method, path, **options)


def body_of(schema: dict[str, Any], item: str) -> Any:
    """A body that fits the schema, with the item wherever one can be named."""
    found: dict[str, Any] = {}
    for name, about in schema.get("properties", {}).items():
        kind = about.get("type") or next(
            (part.get("type") for part in about.get("anyOf", ()) if part.get("type") != "null"), "string"
        )
        if name in ("item_id", "job_id"):
            found[name] = item
        elif name in ("ids", "item_ids", "items"):
            found[name] = [item]
        elif name == "permanent":
            found[name] = True
        elif name == "title":
            found[name] = "Taken over"
        elif name in schema.get("required", ()):
            found[name] = {"string": "x", "integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}[kind]
    return found


def operations(document: dict[str, Any]) -> list[Operation]:
    """Everything that takes an id of a session, an item or a job, wherever it takes it."""
    models = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            ids = {"session" for _ in [0] if "{session_id}" in path} | {
                "item" for _ in [0] if "{item_id}" in path or "{job_id}" in path
            }
            ids |= {"query" for one in about.get("parameters", ()) if one["in"] == "query" and one["name"] in ("ids", "item_id")}
            schema = None
            content = about.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                schema = models[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
                if set(schema.get("properties", {})) & {"item_id", "ids", "item_ids"}:
                    ids |= {"body"}
            if ids:
                found.append(Operation(method.upper(), path, frozenset(ids), schema))
    return found


def theirs(home: Home, outputs: Path) -> dict[str, object]:
    """All that lies in a session, but for the marks of its owner's own visits."""
    return {name: data for name, data in everything(outputs / home.id).items() if name not in ("session.json", "presence")}


@contextmanager
def busy(sotto: Surface) -> Iterator[list[str]]:
    """A sweep over and over, and ten writers; what went wrong for them."""
    store, stop, wrong = sotto.services.sessions, threading.Event(), list[str]()

    def sweep() -> None:
        while not stop.is_set():
            store.cleanup_old_sessions()
            stop.wait(0.02)

    def write(number: int) -> None:
        session = store.create_session()
        item = store.create_item(session, folder="single", kind="speech", title=f"writer {number}", request={})
        while not stop.is_set():
            try:
                store.write_file(session, item.id, "a.mp3", b"x" * 1000, durable=False)
                store.list_items(session)
            except (AppError, OSError) as exc:
                wrong.append(repr(exc))
                return
            stop.wait(0.05)

    threads = [threading.Thread(target=sweep)] + [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def same_answer(foreign: httpx.Response, unknown: httpx.Response, what: Operation, item: str) -> None:
    assert foreign.status_code == unknown.status_code, what
    assert foreign.content.replace(item.encode(), b"") == unknown.content.replace(UNKNOWN_ITEM.encode(), b""), what
    assert foreign.headers.get("content-type") == unknown.headers.get("content-type"), what


def hold_matrix(folder: Path, count: int, mutants: int) -> int:
    """Try everything; the number of requests."""
    requests = 0
    with surface(folder / "outputs") as sotto:
        store = sotto.services.sessions
        homes = [settle(store, sotto.stranger(), number) for number in range(count)]
        todo = operations(homes[0].client.get("/api/openapi.json").json())
        assert len(todo) >= 12 and {"GET", "PATCH", "DELETE", "POST"} <= {one.method for one in todo}
        hold_own(homes[0], todo)
        before = {home.id: theirs(home, store.outputs) for home in homes}
        with busy(sotto) as wrong:
            for place, attacker in enumerate(homes):
                unknown = {one: one.send(attacker.client, session=UNKNOWN_SESSION, item=UNKNOWN_ITEM) for one in todo}
                for other, victim in enumerate(homes):
                    if other == place:
                        continue
                    for turn, one in enumerate(todo):
                        item = victim.items[KINDS[(turn + other + place) % len(KINDS)]]
                        answer = one.send(attacker.client, session=victim.id, item=item)
                        requests += 1
                        assert b"canary" not in answer.content.replace(item.encode(), b""), one
                        assert answer.status_code >= 400 or one.ids == {"query"}, one
                        same_answer(answer, unknown[one], one, item)
            requests += hold_mutants(homes, todo, mutants)
        assert wrong == []
        for home in homes:
            assert theirs(home, store.outputs) == before[home.id], "something of another was changed"
            for kind, item in home.items.items():
                answer = home.client.get(f"/api/v1/items/{item}")
                assert answer.status_code == 200 and answer.json()["title"] == home.canary, kind
    return requests


def hold_own(home: Home, todo: list[Operation]) -> None:
    """What strangers are refused is there for its owner: otherwise this test would only prove that nothing works."""
    for one in todo:
        if one.method == "GET" and "/events" not in one.path:
            answers = [one.send(home.client, session=home.id, item=item) for item in home.items.values()]
            codes = [answer.status_code if answer.status_code < 400 else answer.json()["code"] for answer in answers]
            assert any(code != "not_found" for code in codes) or one.path in NOT_MADE_HERE, (one, codes)


def hold_mutants(homes: list[Home], todo: list[Operation], count: int) -> int:
    """Ids that are nearly somebody's."""
    luck, tried = random.Random(6), 0
    simple = [one for one in todo if one.ids & {"item", "session"}]
    for number in range(count):
        attacker, victim = homes[number % len(homes)], homes[(number + 1) % len(homes)]
        item, session = mutant(luck, luck.choice(list(victim.items.values()))), mutant(luck, victim.id)
        if "/" in item + session or {item, session} & {"", ".", ".."}:
            continue  # another address
        answer = luck.choice(simple).send(attacker.client, session=session, item=item)
        assert answer.status_code >= 400 and b"zq" not in answer.content, (item, session)
        tried += 1
    return tried


def mutant(luck: random.Random, identifier: str) -> str:
    letters = list(identifier)
    for _ in range(luck.randint(1, 3)):
        at = luck.randrange(len(letters) or 1)
        way = luck.randrange(5)
        if way == 0 and letters:
            del letters[at]
        elif way == 1:
            letters.insert(at, luck.choice("0123456789abcdefABCDEF-_.~ é٣"))
        elif way == 2 and letters:
            letters[at] = letters[at].swapcase() if letters[at].isalpha() else luck.choice("0123456789")
        elif way == 3:
            letters.append(luck.choice(["%00", "%0a", "%2e%2e", ".json", "~", "%ff"]))
        elif letters:
            letters[at] = luck.choice("0123456789abcdef")
    made = "".join(letters)
    return made if made != identifier else made + "0"


def test_access_matrix(tmp_path: Path) -> None:
    assert hold_matrix(tmp_path, count=4, mutants=300) > 400


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_access_matrix_long(tmp_path: Path) -> None:
    assert hold_matrix(tmp_path, count=20, mutants=5_500) > 20 * 19 * 12 + 5_000


class Careless(SessionManager):
    """Finds any session's item by its id: what the matrix is there for."""

    def get_item(self, session_id: str, item_id: str) -> Any:
        for path in self.outputs.glob(f"*/*/{item_id}"):
            if names.is_session_id(path.parent.parent.name):
                return super().get_item(path.parent.parent.name, item_id)
        return super().get_item(session_id, item_id)


def test_access_matrix_finds_a_planted_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.api.surface.SessionManager", Careless)
    with pytest.raises(AssertionError):
        hold_matrix(tmp_path, count=2, mutants=0)


@pytest.mark.long
def test_foreign_and_unknown_take_about_the_same_time(tmp_path: Path) -> None:
    """Medians of many, far apart only if one of them did work that the other did not; the bound is wide, machines are busy."""
    with surface(tmp_path / "outputs") as sotto:
        store = sotto.services.sessions
        victim, attacker = (settle(store, sotto.stranger(), number) for number in range(2))
        times: dict[str, list[float]] = {victim.items["speech"]: [], UNKNOWN_ITEM: []}
        for _ in range(150):
            for item, spent in times.items():
                began = time.perf_counter()
                assert attacker.client.get(f"/api/v1/items/{item}/files/{FILE}").status_code == 404
                spent.append(time.perf_counter() - began)
        foreign, unknown = (statistics.median(spent) for spent in times.values())
        assert foreign < 2 * unknown and unknown < 2 * foreign
