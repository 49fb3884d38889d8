"""The files of a job: who may run it, and what is brought back."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.jobs.rig import Rig, rig_in
from utils.errors import NotFound
from utils.jobs.contract import OPEN_STATES
from utils.jobs.journal import Journal
from utils.jobs.leases import Lease
from utils.jobs.records import JobName, Record, decode, encode
from utils.session_manager import SessionManager


def stale(lease: Lease) -> None:
    os.utime(lease.path, (1.0, 1.0))


def closed(record: Record, lease: Lease, state: str = "done") -> Record:
    return record | {"state": state, "lease": lease.number}


@pytest.mark.parametrize("text", ["", "~", "a~b", "../..~x", "00000000-0000-4000-8000-000000000000~../job", "x" * 5000, "\0~\0"])
def test_name_malformed_is_none(text: str) -> None:
    assert JobName.parse(text) is None


def test_name_survives_the_queue(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    assert JobName.parse(str(name)) == name


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"kind": "speech"}'])
def test_record_torn_or_foreign_is_empty(data: bytes) -> None:
    assert decode(data) == {}


def test_record_encoded_is_decoded() -> None:
    assert decode(encode({"state": "queued", "title": "Grüße"})) == {"state": "queued", "title": "Grüße"}


def test_claim_many_at_once_one_wins(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    gate, won = threading.Barrier(16), []

    def claim() -> None:
        journal = Journal(rig.sessions)
        gate.wait()
        if claimed := journal.claim(name):
            won.append(claimed[0].number)

    threads = [threading.Thread(target=claim) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [1]


def test_claim_beating_lease_is_refused_stale_one_is_overtaken(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    first = rig.journal.claim(name)
    assert first is not None
    assert rig.journal.claim(name) is None
    assert not first[0].is_lost
    stale(first[0])
    second = rig.journal.claim(name)
    assert second is not None
    assert second[0].number == 2
    assert first[0].is_lost
    assert not second[0].is_lost


def test_claim_released_lease_is_free_at_once(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    first = rig.journal.claim(name)
    assert first is not None
    first[0].release()
    assert rig.journal.claim(name) is not None


def test_claim_closed_job_is_refused_and_leases_are_tidied(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    claimed = rig.journal.claim(name)
    assert claimed is not None
    rig.journal.ask_to_stop(name)
    rig.journal.save(name, closed(claimed[1], claimed[0]))
    assert rig.journal.claim(name) is None
    assert claimed[0].is_lost
    assert rig.leftovers(name.item_id) == []
    assert rig.journal.open_names() == set()


def test_claim_by_one_who_slept_since_before_a_retry_is_void(rig: Rig) -> None:
    """He saw no lease, slept, the job ended and was retried: his number is used up though its file is gone."""
    name = rig.name(rig.put("small"))
    claimed = rig.journal.claim(name)
    assert claimed is not None
    rig.journal.save(name, closed(claimed[1], claimed[0], "failed"))
    rig.jobs.retry(*vars(name).values())
    retried = rig.journal.claim(name)
    assert retried is not None
    assert retried[0].number == 2
    Lease(claimed[0].home, 1).take("sleeper")
    assert not retried[0].is_lost
    rig.journal.save(name, closed(retried[1], retried[0]))
    Lease(claimed[0].home, 2).take("sleeper")
    assert rig.journal.claim(name) is None


def test_lease_of_deleted_item_is_lost_and_of_restored_one_lives(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    claimed = rig.journal.claim(name)
    assert claimed is not None
    rig.sessions.delete_item(name.session_id, name.item_id, force=True)
    assert claimed[0].is_lost
    with pytest.raises(NotFound):
        rig.journal.save(name, claimed[1])
    assert rig.journal.read(name) == {}
    rig.sessions.restore_item(name.session_id, name.item_id)
    assert not claimed[0].is_lost


def test_close_over_fences_whoever_runs_the_job(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    claimed = rig.journal.claim(name)
    assert claimed is not None
    assert rig.journal.close_over(name, claimed[0].number)
    assert claimed[0].is_lost
    assert rig.journal.read(name)["state"] == "cancelled"
    assert not rig.journal.close_over(name, claimed[0].number), "closed already"


def test_reconcile_lost_names_are_queued_again_and_others_left_alone(rig: Rig) -> None:
    lost, waiting, beating, dead = (rig.name(rig.put("small")) for _ in range(4))
    assert rig.journal.claim(beating) is not None
    claimed = rig.journal.claim(dead)
    assert claimed is not None
    stale(claimed[0])
    rig.queue.clear()
    rig.queue.enqueue("speech", str(waiting), 0)
    assert rig.journal.reconcile(rig.queue, "speech") == 2
    assert rig.queue.pending("speech") == {str(lost), str(waiting), str(dead)}


def test_reconcile_job_that_shall_wait_waits(rig: Rig) -> None:
    name = rig.name(rig.put("flaky"))
    rig.queue.clear()
    record = rig.journal.read(name)
    rig.journal.save(name, record | {"not_before": time.time() + 60})
    assert rig.journal.reconcile(rig.queue, "speech") == 0
    rig.journal.save(name, record | {"not_before": time.time() - 1})
    assert rig.journal.reconcile(rig.queue, "speech") == 1


def test_reconcile_other_pool_is_left_to_its_workers(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    rig.queue.clear()
    rig.journal.save(name, rig.journal.read(name) | {"pool": "transcribe"})
    assert rig.journal.reconcile(rig.queue, "speech") == 0


def test_reconcile_marker_of_closed_or_missing_job_is_dropped(rig: Rig) -> None:
    done, gone = (rig.name(rig.put("small")) for _ in range(2))
    rig.journal.save(done, rig.journal.read(done) | {"state": "done"})
    rig.journal.add_marker(done)  # killed between record and marker
    (rig.home(gone.item_id) / "job.json").unlink()
    rig.queue.clear()
    rig.journal.reconcile(rig.queue, "speech")
    assert rig.journal.open_names() == {gone}, "it may be a submit in progress"
    time.sleep(0.4)
    rig.journal.reconcile(rig.queue, "speech")
    assert rig.journal.open_names() == set()


def test_reconcile_late_cancel_is_carried_out_over_a_frozen_worker(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    assert rig.journal.claim(name) is not None
    rig.queue.clear()
    rig.journal.ask_to_stop(name)
    rig.journal.reconcile(rig.queue, "speech")
    assert rig.state(name.item_id) in OPEN_STATES, "it has a moment to stop by itself"
    os.utime(rig.home(name.item_id) / "cancel", (1.0, 1.0))
    rig.journal.reconcile(rig.queue, "speech")
    assert rig.journal.read(name)["state"] == "cancelled"


def test_release_dead_frees_leases_of_this_machine_only(rig: Rig) -> None:
    name = rig.name(rig.put("small"))
    assert rig.journal.claim(name) is not None
    assert rig.journal.release_dead("speech", "elsewhere") == 0
    assert rig.journal.release_dead("transcribe", None) == 0
    assert rig.journal.release_dead("speech", "here") == 1
    assert not rig.journal.beats(name, rig.journal.read(name))


def test_find_unmarked_marks_open_jobs_only(rig: Rig) -> None:
    lost, done = (rig.name(rig.put("small")) for _ in range(2))
    rig.journal.save(done, rig.journal.read(done) | {"state": "done"})
    rig.sessions.markers.drop_session(rig.session)
    assert rig.journal.find_unmarked() == 1
    assert rig.journal.open_names() == {lost}


def test_retention_session_with_open_job_is_never_swept(rig: Rig, tmp_path: Path) -> None:
    job_id = rig.put("small")
    years_later = SessionManager(rig.sessions.outputs, clock=lambda: time.time() + 1e8)
    assert years_later.cleanup_old_sessions().removed == ()
    name = rig.name(job_id)
    rig.journal.save(name, rig.journal.read(name) | {"state": "done"})
    assert len(years_later.cleanup_old_sessions().removed) == 1


class OneRunner(RuleBasedStateMachine):
    """Workers that claim, freeze, wake, end and are cancelled in any order: never do two believe to own the job."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        folder = self.folder / str(time.monotonic_ns())
        folder.mkdir()
        self.stack = rig_in(folder)
        self.rig = self.stack.__enter__()
        self.name = self.rig.name(self.rig.put("small"))
        self.holders: list[tuple[Lease, Record]] = []
        self.used: set[int] = set()

    @rule()
    def claim(self) -> None:
        if claimed := self.rig.journal.claim(self.name):
            assert claimed[0].number not in self.used, "a number is never used twice"
            self.used.add(claimed[0].number)
            self.holders.append(claimed)

    @precondition(lambda self: self.holders)
    @rule()
    def go_stale(self) -> None:
        if self.holders[-1][0].path.exists():
            stale(self.holders[-1][0])

    @precondition(lambda self: self.holders)
    @rule()
    def end(self) -> None:
        for lease, record in self.holders:
            if not lease.is_lost:
                self.rig.journal.save(self.name, closed(record, lease, "failed"))

    @rule()
    def cancel(self) -> None:
        if self.rig.state(self.name.item_id) in OPEN_STATES:
            self.rig.jobs.cancel(self.name.session_id, self.name.item_id)

    @rule()
    def look_late(self) -> None:
        cancel = self.rig.home(self.name.item_id) / "cancel"
        if cancel.exists():
            os.utime(cancel, (1.0, 1.0))
            self.rig.jobs.status(self.name.session_id, self.name.item_id)

    @rule()
    def retry(self) -> None:
        if self.rig.journal.read(self.name)["state"] in ("failed", "cancelled"):
            self.rig.jobs.retry(self.name.session_id, self.name.item_id)

    @rule()
    def reconcile(self) -> None:
        self.rig.journal.reconcile(self.rig.queue, "speech")

    @invariant()
    def one_owner(self) -> None:
        if hasattr(self, "holders"):
            assert sum(not lease.is_lost for lease, _ in self.holders) <= 1

    @invariant()
    def open_means_marked(self) -> None:
        if hasattr(self, "holders"):
            is_open = self.rig.journal.read(self.name)["state"] in OPEN_STATES
            assert self.rig.sessions.markers.has(self.name.session_id, self.name.item_id) == is_open

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.stack.__exit__(None, None, None)


def test_leases_in_any_order_have_one_owner(tmp_path: Path) -> None:
    class Here(OneRunner):
        folder = tmp_path

    run_state_machine_as_test(Here, settings=hypothesis_settings(max_examples=25, stateful_step_count=25, deadline=None))
