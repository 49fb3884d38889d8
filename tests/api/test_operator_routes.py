"""What the operator may do over HTTP, and that nobody else may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.surface import Client, Surface, surface
from tests.storage.support import everything

TOKEN = "operator-token-of-the-tests"


@pytest.fixture
def run_by(tmp_path: Path) -> Iterator[Surface]:
    with surface(tmp_path / "outputs", admin_token=TOKEN, item_timeout_hours=2) as built:
        yield built


def operator(sotto: Surface, token: str = TOKEN) -> Client:
    return sotto.stranger(headers={"Authorization": f"Bearer {token}"})


def make(sotto: Surface, title: str = "Words of a title") -> str:
    store = sotto.services.sessions
    session_id = store.create_session()
    store.create_item(session_id, folder="single", kind="speech", title=title, request={})
    return session_id


def test_cleanup_dry_run_says_what_goes_and_why_and_then_it_goes(run_by: Surface) -> None:
    old = make(run_by)
    run_by.clock.now += 30 * 3600
    young = make(run_by)
    run_by.clock.now += 3 * 3600
    assert run_by.services.sessions.get_session(young)
    before = everything(run_by.services.sessions.outputs)
    dry = operator(run_by).post("/api/v1/cleanup", json={"dry_run": True}).json()
    assert everything(run_by.services.sessions.outputs) == before
    assert (dry["dry_run"], dry["looked_at"], dry["kept"], dry["active"]) == (True, 2, 1, 0)
    assert [(gone["session_id"], gone["reason"]) for gone in dry["removed"]] == [(old, "age")]
    assert [item["session_id"] for item in dry["items"]] == [young]
    assert dry["freed_bytes"] == sum(gone["size_bytes"] for gone in dry["removed"] + dry["items"]) > 0
    assert "words" not in str(dry).casefold()
    wet = operator(run_by).post("/api/v1/cleanup", json={}).json()
    assert {**wet, "seconds": 0} == {**dry, "seconds": 0, "dry_run": False}
    assert run_by.folders == [young]
    assert [record.dry_run for record in run_by.services.sessions.sweeps()] == [False, True]


def test_cleanup_by_own_limits(run_by: Surface) -> None:
    made = []
    for _ in range(3):
        run_by.clock.now += 3600
        made.append(make(run_by))
    body = {"max_age_hours": 0, "max_sessions": 1, "item_age_hours": 0}
    answer = operator(run_by).post("/api/v1/cleanup", json=body).json()
    assert [(gone["session_id"], gone["reason"]) for gone in answer["removed"]] == [(name, "count") for name in made[:2]]
    assert answer["items"] == [] and run_by.folders == made[2:]


@pytest.mark.parametrize("body", [{"max_age_hours": -1}, {"max_sessions": "many"}, {"older": 1}, {"max_age_hours": 1e300}])
def test_cleanup_that_does_not_fit_is_refused(run_by: Surface, body: dict[str, object]) -> None:
    session = make(run_by)
    assert operator(run_by).post("/api/v1/cleanup", json=body).status_code == 422
    assert run_by.folders == [session]


@pytest.mark.parametrize("admin_token", ["", TOKEN])
def test_cleanup_is_there_for_nobody_else(tmp_path: Path, admin_token: str) -> None:
    with surface(tmp_path / "outputs", admin_token=admin_token) as sotto:
        make(sotto)
        sotto.clock.now += 99 * 3600
        clients = [sotto.stranger(), sotto.program(), operator(sotto, "wrong"), operator(sotto, "")]
        if not admin_token:
            clients.append(operator(sotto))
        folders = sotto.folders
        answers = [client.post("/api/v1/cleanup", json={}) for client in clients]
        assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
        assert sotto.folders == folders


def test_info_for_the_operator_lists_all_sessions_without_content(run_by: Surface) -> None:
    idle = make(run_by)
    run_by.clock.now += 600
    browser = run_by.browser()
    own = run_by.session_of(browser)
    run_by.services.sessions.touch_page(own)
    answer = browser.get("/api/v1/session/info", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert answer["current_session_id"] == own
    first, second = answer["all_sessions"]
    assert (first["session_id"], first["is_current"], first["is_active"]) == (own, True, True)
    assert (second["session_id"], second["is_current"], second["is_active"]) == (idle, False, False)
    assert second["size_bytes"] == run_by.services.sessions.usage(idle).size_bytes
    assert "words" not in str(answer).casefold()
    assert operator(run_by).get("/api/v1/session/info").json()["current_session_id"] is None


def test_info_for_others_holds_only_their_own(run_by: Surface) -> None:
    make(run_by)
    answer = run_by.program().get("/api/v1/session/info").json()
    assert "all_sessions" not in answer
    assert operator(run_by, "wrong-token-of-somebody").get("/api/v1/session/info").status_code == 401


def test_operator_ends_any_session_and_needs_force_where_work_is_open(run_by: Surface) -> None:
    client = run_by.program()
    busy = run_by.session_of(client)
    idle = make(run_by)
    job = client.post("/api/v1/speech", json={"text": "Hello."}).json()["job"]["id"]
    boss = operator(run_by)
    assert boss.delete(f"/api/v1/session/{idle}").status_code == 204
    assert boss.delete(f"/api/v1/session/{idle}").status_code == 404
    assert boss.delete("/api/v1/session/nonsense").status_code == 404
    refused = boss.delete(f"/api/v1/session/{busy}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert client.get(f"/api/v1/jobs/{job}").status_code == 200
    assert boss.delete(f"/api/v1/session/{busy}?force=true").status_code == 204
    assert run_by.folders == []
    assert client.get("/api/v1/session/info").status_code == 404


def test_operators_token_is_no_session(run_by: Surface) -> None:
    for method, path in (("GET", "/api/v1/items"), ("PATCH", "/api/v1/session"), ("GET", "/api/v1/jobs")):
        assert operator(run_by).request(method, path, json={"permanent": True}).status_code == 401
