"""What pages and routes see of jobs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.jobs.rig import Rig, rig_in
from utils.errors import BadInput, Conflict, NotFound, QuotaExceeded, TooMany
from utils.jobs.contract import NewJob
from utils.jobs.leases import Lease
from utils.session_manager import SessionManager


def test_submit_makes_an_item_a_record_and_a_marker(rig: Rig) -> None:
    job = rig.jobs.submit(rig.session, NewJob("small", "A title", "speech", {"text": "Words."}))
    item = rig.sessions.get_item(rig.session, job.id)
    assert (item.title, item.kind, item.request) == ("A title", "speech", {"text": "Words."})
    assert (job.state, job.title, job.position, job.attempt) == ("queued", "A title", 1, 0)
    assert rig.journal.open_names() == {rig.name(job.id)}
    assert rig.queue.pending("speech") == {str(rig.name(job.id))}
    assert "Words" not in (rig.home(job.id) / "job.json").read_text()


def test_submit_unknown_session_or_kind_makes_nothing(rig: Rig) -> None:
    with pytest.raises(NotFound):
        rig.jobs.submit(str(uuid4()), rig.new("small"))
    with pytest.raises(BadInput):
        rig.jobs.submit(rig.session, rig.new("magic"))
    assert rig.sessions.list_items(rig.session) == ([], 0)
    assert rig.journal.open_names() == set()


def test_submit_over_a_limit_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with rig_in(tmp_path, session_limit=3, total_limit=5) as rig:
        for _ in range(3):
            rig.put("small")
        with pytest.raises(TooMany) as refused:
            rig.put("small")
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s >= 1
        assert "3 pieces of work" in refused.value.sentence
        other = rig.sessions.create_session()
        rig.put("small", other)
        rig.put("small", other)
        with pytest.raises(TooMany, match="5 pieces of work"):
            rig.put("small", other)
        assert rig.sessions.list_items(rig.session)[1] == 3
        assert len(rig.journal.open_names()) == 5


def test_submit_over_the_quota_leaves_no_marker(rig: Rig) -> None:
    rig.sessions.quota_bytes = 1
    with pytest.raises(QuotaExceeded):
        rig.put("small")
    assert rig.journal.open_names() == set()


def test_submit_priority_is_what_the_session_has_open(rig: Rig) -> None:
    other = rig.sessions.create_session()
    assert [rig.record(rig.put("small"))["priority"] for _ in range(3)] == [0, 1, 2]
    assert rig.record(rig.put("small", other), other)["priority"] == 0
    heavy = rig.jobs.submit(rig.session, NewJob("rows", "T", "batch", cost=7))
    assert rig.record(heavy.id)["priority"] == 3
    assert rig.record(rig.put("small"))["priority"] == 10


def test_submit_on_an_existing_item_takes_it_and_refuses_a_second(rig: Rig) -> None:
    item = rig.sessions.create_item(rig.session, folder="single", kind="upload", title="Mine", request={"a": 1})
    job = rig.jobs.submit(rig.session, rig.new("small", item.id))
    assert job.id == item.id
    assert rig.sessions.get_item(rig.session, item.id).request == {"a": 1}
    with pytest.raises(Conflict):
        rig.jobs.submit(rig.session, rig.new("small", item.id))
    with pytest.raises(NotFound):
        rig.jobs.submit(rig.session, rig.new("small", "20260101-000000-nothing-0000"))


def test_submit_again_after_the_end_never_uses_a_lease_number_twice(rig: Rig) -> None:
    runner, job_id = rig.runner(), rig.put("small")
    runner(str(rig.name(job_id)))
    assert rig.state(job_id) == "done"
    rig.jobs.submit(rig.session, rig.new("small", job_id))
    runner(str(rig.name(job_id)))
    assert (rig.state(job_id), rig.record(job_id)["lease"], rig.record(job_id)["attempt"]) == ("done", 2, 1)


@pytest.mark.parametrize("verb", ["status", "cancel", "retry"])
def test_verbs_unknown_foreign_and_malformed_ids_are_not_found_alike(rig: Rig, verb: str) -> None:
    job_id, other = rig.put("small"), rig.sessions.create_session()
    plain = rig.sessions.create_item(rig.session, folder="single", kind="upload", title="No job", request={})
    calls = [(other, job_id), (rig.session, "../../etc"), (rig.session, ""), (str(uuid4()), job_id), (rig.session, plain.id)]
    for session_id, identifier in calls:
        with pytest.raises(NotFound):
            getattr(rig.jobs, verb)(session_id, identifier)


def test_status_running_is_believed_only_while_the_lease_beats(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    claimed = rig.journal.claim(name)
    assert claimed is not None
    lease, record = claimed
    rig.journal.save(name, record | {"state": "running", "lease": 1, "started_at": time.time()})
    assert rig.state(name.item_id) == "running"
    os.utime(lease.path, (1.0, 1.0))
    assert rig.state(name.item_id) == "queued"


def test_status_positions_follow_priority_then_time(rig: Rig) -> None:
    mine = [rig.put("small") for _ in range(3)]
    other = rig.sessions.create_session()
    his = rig.put("small", other)
    assert [rig.jobs.status(rig.session, job).position for job in mine] == [1, 3, 4]
    assert rig.jobs.status(other, his).position == 2
    rig.jobs.cancel(rig.session, mine[0])
    assert rig.jobs.status(other, his).position == 1


def test_status_time_left_comes_from_progress_or_from_recent_jobs(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    assert rig.jobs.status(rig.session, name.item_id).eta_s is None, "nothing is known yet"
    rig.rates.learn("small", 8.0, 1)
    assert rig.jobs.status(rig.session, name.item_id).eta_s == 8.0
    second = rig.put("small")
    assert rig.jobs.status(rig.session, second).eta_s == 10.0, "four threads share what is ahead"
    claimed = rig.journal.claim(name)
    assert claimed is not None
    begun = claimed[1] | {"state": "running", "lease": 1, "started_at": time.time() - 10, "done": 25, "total": 100}
    rig.journal.save(name, begun)
    shown = rig.jobs.status(rig.session, name.item_id)
    assert shown.progress == 0.25
    assert shown.eta_s == pytest.approx(30, abs=1)


def test_of_session_newest_first_and_open_only(rig: Rig) -> None:
    jobs = [rig.put("small") for _ in range(3)]
    rig.jobs.cancel(rig.session, jobs[1])
    rig.put("small", rig.sessions.create_session())
    assert [job.id for job in rig.jobs.of_session(rig.session)] == jobs[::-1]
    assert [job.id for job in rig.jobs.of_session(rig.session, open_only=True)] == [jobs[2], jobs[0]]
    assert rig.jobs.of_session(str(uuid4())) == []
    assert rig.jobs.of_session("../..") == []


def test_cancel_queued_job_is_over_at_once_and_never_runs(rig: Rig) -> None:
    job_id = rig.put("small")
    assert rig.jobs.cancel(rig.session, job_id).state == "cancelled"
    rig.runner()(str(rig.name(job_id)))
    assert rig.state(job_id) == "cancelled"
    assert rig.leftovers(job_id) == []
    with pytest.raises(Conflict):
        rig.jobs.cancel(rig.session, job_id)


def test_cancel_job_of_a_dead_worker_is_over_within_two_seconds(rig: Rig) -> None:
    """Its lease still beats, as far as anybody can see."""
    name = rig.name(rig.put("small"))
    claimed = rig.journal.claim(name)
    assert claimed is not None
    rig.journal.save(name, claimed[1] | {"state": "running", "lease": 1, "started_at": time.time()})
    shown = rig.jobs.cancel(rig.session, name.item_id)
    assert (shown.state, shown.note) == ("running", "Stopping.")
    cancel = rig.home(name.item_id) / "cancel"
    os.utime(cancel, (cancel.stat().st_mtime - 2.0,) * 2)
    os.utime(claimed[0].path)
    assert rig.state(name.item_id) == "cancelled"
    assert claimed[0].is_lost


def test_retry_failed_job_runs_again_with_a_fresh_count(rig: Rig) -> None:
    runner, job_id = rig.runner(), rig.put("refused")
    runner(str(rig.name(job_id)))
    failed = rig.jobs.status(rig.session, job_id)
    assert failed.error == {"code": "bad_input", "status": 422, "sentence": "The text holds no letter.", "hint": "Type some."}
    again = rig.jobs.retry(rig.session, job_id)
    assert (again.state, again.error, again.attempt, again.started_at) == ("queued", None, 0, None)
    with pytest.raises(Conflict):
        rig.jobs.retry(rig.session, job_id)
    runner(str(rig.name(job_id)))
    assert rig.jobs.status(rig.session, job_id).attempt == 1


def test_retry_cancelled_job_forgets_the_cancellation(rig: Rig) -> None:
    job_id = rig.put("small")
    rig.jobs.cancel(rig.session, job_id)
    rig.journal.ask_to_stop(rig.name(job_id))  # a second tab's, too late
    rig.jobs.retry(rig.session, job_id)
    rig.runner()(str(rig.name(job_id)))
    assert rig.state(job_id) == "done"
    with pytest.raises(Conflict):
        rig.jobs.retry(rig.session, job_id)


def test_retry_counts_against_the_limit(tmp_path: Path) -> None:
    with rig_in(tmp_path, session_limit=1) as rig:
        job_id = rig.put("small")
        rig.jobs.cancel(rig.session, job_id)
        rig.put("small")
        with pytest.raises(TooMany):
            rig.jobs.retry(rig.session, job_id)


def test_wait_ends_with_the_time_or_with_the_job(rig: Rig) -> None:
    job_id = rig.put("small")
    assert rig.jobs.wait(rig.session, job_id, 0.05).state == "queued"
    rig.runner()(str(rig.name(job_id)))
    assert rig.jobs.wait(rig.session, job_id, 60.0).state == "done"


def test_is_open_tells_for_any_id(rig: Rig) -> None:
    job_id = rig.put("small")
    assert rig.jobs.is_open(rig.session, job_id)
    rig.jobs.cancel(rig.session, job_id)
    assert not rig.jobs.is_open(rig.session, job_id)
    assert not rig.jobs.is_open("../..", "\0")


def test_marker_lost_is_made_again_by_whoever_looks(rig: Rig) -> None:
    job_id = rig.put("small")
    rig.sessions.markers.drop(rig.session, job_id)
    rig.queue.clear()
    assert rig.state(job_id) == "queued"
    assert rig.journal.open_names() == {rig.name(job_id)}
    assert rig.queue.pending("speech") == {str(rig.name(job_id))}


def test_deleted_item_taken_back_goes_on(rig: Rig) -> None:
    job_id = rig.put("small")
    rig.sessions.delete_item(rig.session, job_id, force=True)
    rig.runner()(str(rig.name(job_id)))
    rig.sessions.restore_item(rig.session, job_id)
    assert rig.state(job_id) == "queued"
    rig.runner()(str(rig.name(job_id)))
    assert rig.state(job_id) == "done"


def test_submit_while_the_queue_is_away_is_kept(tmp_path: Path) -> None:
    with rig_in(tmp_path) as rig:
        (tmp_path / "outputs" / ".queue").write_text("in the way")
        job_id = rig.put("small")
        assert rig.state(job_id) == "queued"
        health = rig.jobs.health()
        assert (health.queue, health.ok, health.waiting) == (False, False, 1)


def test_health_tells_waiting_running_and_their_age(rig: Rig) -> None:
    first = rig.name(rig.put("small"))
    rig.put("small")
    record = rig.journal.read(first)
    rig.journal.save(first, record | {"submitted_at": record["submitted_at"] - 100})
    health = rig.jobs.health()
    assert (health.waiting, health.running, health.workers, health.queue, health.ok) == (2, 0, {"speech": 0}, True, False)
    assert health.as_dict()["waiting"] == 2
    (rig.settings.queue_dir / "speech@elsewhere.1.alive").touch()
    fresh = rig_view(rig)
    assert fresh.workers == {"speech": 1}
    assert fresh.ok
    assert fresh.oldest_waiting_s >= 99


def rig_view(rig: Rig):  # type: ignore[no-untyped-def]
    """Health as another server of the same folder sees it."""
    from tests.jobs.made_up import KINDS
    from utils.jobs.file_jobs import FileJobs

    return FileJobs(rig.journal, rig.queue, KINDS, rig.rates, slots={"speech": 4}).health()


def test_lease_file_names_its_machine(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    assert rig.journal.claim(name) is not None
    assert Lease(rig.home(name.item_id), 1).path.read_text() == "here"


def test_manager_of_another_process_sees_the_same(rig: Rig) -> None:
    job_id = rig.put("small")
    assert SessionManager(rig.sessions.outputs).get_item(rig.session, job_id).id == job_id
    with pytest.raises(Conflict):
        rig.sessions.delete_item(rig.session, job_id)
    with pytest.raises(Conflict):
        rig.sessions.delete_session(rig.session)
