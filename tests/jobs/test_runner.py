"""One attempt at a time, in this process: how it ends and what is written then."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.rig import Rig, rig_in, until
from utils.errors import Cancelled, EngineBusy, StoreUnavailable
from utils.jobs.context import Context
from utils.jobs.kinds import Kind
from utils.jobs.runner import Suspects
from utils.session_manager import SessionManager


def run(rig: Rig, job_id: str, work: Callable[[Context], None] | None = None, *, resumable: bool = False) -> str:
    """One attempt of a job by a runner of its own, with other work than usual if given; the state after it."""
    kinds = {"small": Kind("speech", work, resumable)} if work else None
    runner = rig.runner(kinds) if kinds else rig.runner()
    runner(str(rig.name(job_id)))
    return rig.state(job_id)


def in_background(rig: Rig, job_id: str) -> threading.Thread:
    thread = threading.Thread(target=rig.runner(), args=(str(rig.name(job_id)),))
    thread.start()
    until(lambda: rig.record(job_id).get("state") == "running")
    return thread


def test_runner_names_that_are_none_of_ours_are_passed_over(rig: Rig) -> None:
    for name in ("", "x~y", "\0", f"{rig.session}~20260101-000000-gone-0000"):
        rig.runner()(name)
    assert rig.journal.open_names() == set()


def test_runner_same_name_twice_runs_once(rig: Rig) -> None:
    job_id, runs = rig.put("small"), []
    for _ in range(2):
        run(rig, job_id, lambda context: runs.append(context.attempt))
    assert runs == [1]


def test_runner_log_holds_no_word_of_the_title(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    job_id = rig.put("small")
    run(rig, job_id, lambda context: None)
    assert {"job_submitted", "job_started", "job_ended"} <= set(re.findall(r"event=(\w+)", caplog.text))
    assert "title" in job_id
    assert "title" not in caplog.text


def test_runner_error_of_ours_fails_at_once_with_its_data(rig: Rig) -> None:
    def busy(context: Context) -> None:
        raise EngineBusy("Google asks us to wait.", "Try again in an hour.")

    job_id = rig.put("small")
    assert run(rig, job_id, busy) == "failed"
    job = rig.jobs.status(rig.session, job_id)
    assert job.attempt == 1
    assert job.error == EngineBusy("Google asks us to wait.", "Try again in an hour.").as_dict()


def test_runner_surprise_is_tried_again_then_told_without_its_words(rig: Rig) -> None:
    job_id = rig.put("broken")
    for attempt in (1, 2):
        assert run(rig, job_id) == "queued"
        assert rig.record(job_id)["attempt"] == attempt
        assert rig.record(job_id)["not_before"] > time.time() - 1
    assert run(rig, job_id) == "failed"
    error = rig.jobs.status(rig.session, job_id).error
    assert error is not None
    assert error["code"] == "internal"
    assert "secret" not in str(error)


def test_runner_flaky_work_succeeds_at_the_third_try(rig: Rig) -> None:
    job_id = rig.put("flaky")
    assert [run(rig, job_id) for _ in range(3)] == ["queued", "queued", "done"]
    assert rig.jobs.status(rig.session, job_id).attempt == 3


def test_runner_unknown_kind_fails_with_a_sentence(rig: Rig) -> None:
    job_id = rig.put("small")
    rig.journal.save(rig.name(job_id), rig.record(job_id) | {"kind": "future"})
    assert run(rig, job_id) == "failed"
    assert "future" in str(rig.jobs.status(rig.session, job_id).error)


def test_runner_cancelled_work_keeps_what_it_finished(rig: Rig) -> None:
    job_id = rig.put("rows", rows=200, seconds=0.02)
    thread = in_background(rig, job_id)
    until(lambda: rig.record(job_id)["done"] >= 3)
    assert rig.jobs.cancel(rig.session, job_id).note == "Stopping."
    thread.join(60)
    assert rig.state(job_id) == "cancelled"
    assert len(list(rig.home(job_id).glob("row-*.txt"))) >= 3
    assert not list(rig.home(job_id).glob("cancel"))


def test_runner_engines_own_word_for_cancelled_is_understood(rig: Rig) -> None:
    def stop(context: Context) -> None:
        raise Cancelled("Somebody asked to stop.")

    assert run(rig, rig.put("small"), stop) == "cancelled"


def test_runner_deaf_work_is_closed_over_and_writes_nothing(rig: Rig) -> None:
    job_id = rig.put("deaf", seconds=2.2)
    thread = in_background(rig, job_id)
    rig.jobs.cancel(rig.session, job_id)
    until(lambda: rig.state(job_id) == "cancelled")
    thread.join(60)
    assert rig.state(job_id) == "cancelled"
    assert rig.sessions.get_item(rig.session, job_id).files == ()
    assert rig.leftovers(job_id) == []


def test_runner_overtaken_work_writes_nothing_more(rig: Rig) -> None:
    job_id, seen = rig.put("small"), []

    def work(context: Context) -> None:
        rig.journal.close_over(context.name, 1)
        context.note("Still here.")
        try:
            context.progress(1, 2)
        except Cancelled as exc:
            seen.append(type(exc).__name__)
            raise

    assert run(rig, job_id, work) == "cancelled"
    assert seen == ["LeaseLost"]
    assert rig.record(job_id)["note"] == ""


def test_runner_surprise_of_deleted_item_is_no_failure(rig: Rig) -> None:
    job_id = rig.put("small")

    def work(context: Context) -> None:
        home = context.sessions.item_path(context.session_id, context.item.id)
        context.sessions.delete_item(context.session_id, context.item.id, force=True)
        (home / "speech.txt").write_text("an engine writes by path")

    rig.runner({"small": Kind("speech", work)})(str(rig.name(job_id)))
    assert rig.sessions.list_items(rig.session) == ([], 0)
    assert rig.sessions.restore_item(rig.session, job_id).files == ()
    until(lambda: rig.state(job_id) == "queued")  # as soon as the lease is stale


def test_runner_slice_over_hands_back_only_when_others_wait(rig: Rig) -> None:
    def long_work(context: Context) -> None:
        for step in range(2):
            time.sleep(0.35)
            context.progress(step + 1, 2)

    alone = rig.put("small")
    assert run(rig, alone, long_work, resumable=True) == "done"
    pushed = rig.put("small")
    rig.put("small", rig.sessions.create_session())
    assert run(rig, pushed, long_work, resumable=True) == "queued"
    record = rig.record(pushed)
    assert (record["handed_back"], record["priority"], record["attempt"]) == (1, 1, 1)
    assert str(rig.name(pushed)) in rig.queue.pending("speech")
    assert run(rig, pushed, resumable=True) == "done"
    assert rig.record(pushed)["attempt"] == 1


def test_runner_work_without_checkpoints_keeps_its_slot(rig: Rig) -> None:
    rig.put("small", rig.sessions.create_session())

    def work(context: Context) -> None:
        time.sleep(0.35)
        context.progress(1, 2)

    assert run(rig, rig.put("small"), work) == "done"


class FullDisk(SessionManager):
    """A store whose disk can be full."""

    full = False

    def write_file(self, session_id: str, item_id: str, name: str, data: bytes, *, durable: bool = True) -> Path:
        if self.full:
            raise StoreUnavailable("The disk that holds OUTPUTS_DIR is full.", "Make room.")
        return super().write_file(session_id, item_id, name, data, durable=durable)


def test_runner_disk_full_at_the_end_is_settled_later(rig: Rig) -> None:
    store = FullDisk(rig.sessions.outputs)
    rig.journal.sessions = store
    runs: list[Any] = []

    def work(context: Context) -> None:
        runs.append(1)
        store.full = True
        context.note("This cannot be written, and that is no reason to stop.")
        context.progress(1, 2)

    job_id = rig.put("small")
    runner = rig.runner({"small": Kind("speech", work)})
    runner(str(rig.name(job_id)))
    assert rig.record(job_id)["state"] == "running"
    store.full = False
    until(lambda: not rig.journal.beats(rig.name(job_id), rig.record(job_id)))
    runner(str(rig.name(job_id)))
    assert rig.state(job_id) == "done"
    assert runs == [1], "the work itself was not done twice"


def test_suspects_run_one_at_a_time(rig: Rig) -> None:
    first, second = rig.name(rig.put("small")), rig.name(rig.put("small"))
    suspects = Suspects()
    assert suspects.enter(first)
    assert not suspects.enter(second)
    suspects.leave(second)
    assert not suspects.enter(second)
    suspects.leave(first)
    assert suspects.enter(second)


def test_context_shared_things_are_made_once(tmp_path: Path) -> None:
    with rig_in(tmp_path) as rig:
        made: list[object] = []

        def work(context: Context) -> None:
            made.append(context.shared.once("engine", object))

        runner = rig.runner({"small": Kind("speech", work)})
        for _ in range(2):
            runner(str(rig.name(rig.put("small"))))
        assert len(made) == 2
        assert made[0] is made[1]
