"""/metrics: for the operator alone, in Prometheus' own form, with nothing private inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.surface import Client, Surface, surface

TOKEN = "a token of the operator"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Surface]:
    with surface(tmp_path / "outputs", admin_token=TOKEN) as built:
        yield built


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"X-Token": TOKEN}],
)
def test_metrics_without_the_operators_token_are_not_there(watched: Surface, headers: dict[str, str]) -> None:
    answer = watched.stranger().get("/metrics", headers=headers)
    assert answer.status_code == 404
    assert "sotto_" not in answer.text


def test_metrics_of_a_server_without_operator_are_not_there(sotto: Surface) -> None:
    for given in ("", "Bearer", "Bearer "):
        assert sotto.stranger().get("/metrics", headers={"Authorization": given}).status_code == 404


def test_metrics_session_token_and_page_cookie_open_nothing(watched: Surface) -> None:
    assert watched.program().get("/metrics").status_code == 404
    assert watched.browser().get("/metrics").status_code == 404


def test_metrics_other_methods_are_refused(watched: Surface) -> None:
    assert watched.stranger(headers={"Authorization": f"Bearer {TOKEN}"}).post("/metrics").status_code == 405


def test_metrics_tell_requests_jobs_sound_and_disk(watched: Surface) -> None:
    client = watched.program()
    for title, text in (("Canary of Ada", "Hello."), ("Fail", "Hello.")):
        job = client.post("/api/v1/speech", json={"text": text, "title": title}).json()["job"]
        watched.run(client, job["id"])
    for _ in range(3):
        client.get("/api/v1/items/nothing")
    found = samples(watched.stranger())
    where = {"machine": "", "kind": "speech"}
    assert found[key("sotto_jobs_ended_total", pool="speech", state="done", **where)] == 1
    assert found[key("sotto_jobs_ended_total", pool="speech", state="failed", **where)] == 1
    assert found[key("sotto_job_errors_total", code="engine_unreachable", **where)] == 1
    assert found[key("sotto_sound_seconds_total", **where)] == 1.0
    assert found[key("sotto_job_wait_seconds_count", machine="", pool="speech")] == 2
    assert found[key("sotto_job_wait_seconds_bucket", machine="", pool="speech", le="+Inf")] == 2
    assert found[key("sotto_sessions")] == 1
    assert 0 < found[key("sotto_disk_free_bytes")] <= found[key("sotto_disk_total_bytes")]
    assert found[key("sotto_http_requests_total", method="POST", route="make_speech", status="202")] == 2
    assert found[key("sotto_http_requests_total", method="GET", route="get_item", status="404")] == 3
    assert found[key("process_open_fds")] > 0
    again = samples(watched.stranger())
    assert again[key("sotto_jobs_ended_total", pool="speech", state="done", **where)] == 1  # counted once


def test_metrics_tell_the_newest_sweep_and_no_preview(watched: Surface) -> None:
    sessions = watched.services.sessions
    dead = sessions.create_session()
    watched.clock.now += 48 * 3600
    sessions.cleanup_old_sessions()
    swept_at = watched.clock.now
    watched.clock.now += 60
    sessions.cleanup_old_sessions(dry_run=True)
    found = samples(watched.stranger())
    assert dead not in sessions.get_all_session_ids()
    assert found[key("sotto_sweep_last", fact="removed")] == 1
    assert found[key("sotto_sweep_last_timestamp_seconds")] == swept_at


def test_metrics_tell_what_waits(watched: Surface) -> None:
    watched.program().post("/api/v1/speech", json={"text": "It waits.", "title": "Waiting"})
    found = samples(watched.stranger())
    assert found[key("sotto_jobs_open", pool="speech", state="waiting")] == 1
    assert found[key("sotto_jobs_open", pool="speech", state="running")] == 0


def test_metrics_hold_no_session_title_or_path(watched: Surface) -> None:
    client = watched.program()
    session_id = watched.session_of(client)
    job = client.post("/api/v1/speech", json={"text": "Hello.", "title": "Canary of Ada"}).json()["job"]
    watched.run(client, job["id"])
    client.get(f"/api/v1/items/{job['id']}?q=canary")
    watched.stranger().get(f"/canary/{session_id}")
    text = watched.stranger().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text.lower()
    for private in (session_id, "canary", "ada", str(watched.services.sessions.outputs).lower(), TOKEN):
        assert private not in text
