"""Real worker processes, killed, frozen and robbed of their queue. Short forms; `test_chaos` holds the long one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.jobs.rig import RedisServer, Rig, rig_in, until
from utils.errors import NotFound


def running(rig: Rig, job_id: str, session: str = "") -> Callable[[], bool]:
    return lambda: rig.state(job_id, session) == "running"


def computed(rig: Rig, job_id: str) -> list[int]:
    return [int(line) for line in (rig.home(job_id) / "computed.log").read_text().split()]


def test_worker_job_submitted_is_done_and_leaves_nothing_behind(any_rig: Rig) -> None:
    any_rig.worker()
    job = any_rig.end(any_rig.put("small"))
    assert (job.state, job.progress, job.attempt, job.error) == ("done", 1.0, 1, None)
    assert [file.name for file in any_rig.sessions.get_item(any_rig.session, job.id).files] == ["speech.txt"]
    assert any_rig.leftovers(job.id) == []
    assert any_rig.journal.open_names() == set()


def test_worker_running_job_shows_progress_and_is_cancelled_long_before_its_end(any_rig: Rig) -> None:
    any_rig.worker()
    job_id = any_rig.put("steps", steps=2000, seconds=0.05)
    until(lambda: any_rig.jobs.status(any_rig.session, job_id).done > 2)
    shown = any_rig.jobs.status(any_rig.session, job_id)
    assert shown.state == "running"
    assert shown.total == 2000
    assert shown.note.startswith("Step ")
    any_rig.jobs.cancel(any_rig.session, job_id)
    ended = any_rig.end(job_id)
    assert ended.state == "cancelled"
    assert ended.done - shown.done < 200, "it is looked for at each step, and each fifth of a second"


def test_worker_killed_its_jobs_come_back_at_its_successor(any_rig: Rig) -> None:
    worker = any_rig.worker()
    jobs = [any_rig.put("steps", steps=8, seconds=0.05) for _ in range(3)]
    until(lambda: all(any_rig.state(job) == "running" for job in jobs))
    worker.kill()
    worker.wait()
    any_rig.worker()
    ended = [any_rig.end(job) for job in jobs]
    assert [job.state for job in ended] == ["done"] * 3
    assert {job.attempt for job in ended} == {2}


def test_worker_killed_batch_goes_on_from_its_checkpoints(rig: Rig) -> None:
    job_id = rig.put("rows", rows=60, seconds=0.02)
    for finished in (10, 25, 40, 50):  # more often than MAX_TRIES: it got on each time
        worker = rig.worker()
        until(lambda at=finished: rig.record(job_id)["done"] >= at)
        worker.kill()
        worker.wait()
    rig.worker()
    assert rig.end(job_id).state == "done"
    rows = computed(rig, job_id)
    assert sorted(set(rows)) == list(range(60))
    assert len(rows) <= 60 + 4  # at most the row that was at work at each death


def test_worker_poison_fails_after_three_tries_and_its_neighbours_live(rig: Rig) -> None:
    rig.supervisor()
    neighbours = [rig.put("steps", steps=12, seconds=0.05) for _ in range(3)]
    until(lambda: all(rig.state(job) == "running" for job in neighbours))
    deadly = rig.put("poison")
    ended = rig.end(deadly)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "worker_died"
    assert [rig.end(job).state for job in neighbours] == ["done"] * 3


@pytest.mark.redis
def test_worker_frozen_past_its_lease_writes_nothing_when_it_wakes(tmp_path: Path, redis: RedisServer) -> None:
    with rig_in(tmp_path, url=redis.url) as rig:
        job_id = rig.put("rows", rows=40, seconds=0.05)
        first = rig.worker(XDG_RUNTIME_DIR=str(tmp_path))
        until(lambda: rig.record(job_id)["done"] >= 5)
        (tmp_path / "other").mkdir()
        rig.worker(XDG_RUNTIME_DIR=str(tmp_path / "other"))
        os.kill(first.pid, signal.SIGSTOP)
        until(lambda: rig.record(job_id)["lease"] == 2)
        os.kill(first.pid, signal.SIGCONT)
        ended = rig.end(job_id)
        assert ended.state == "done"
        until(lambda: f"{first.pid} INFO event=lease_lost" in rig.log_text())
        assert rig.record(job_id)["lease"] == 2
        assert rig.leftovers(job_id) == []
        assert sorted(set(computed(rig, job_id))) == list(range(40))
        assert len(computed(rig, job_id)) <= 42


def test_worker_queue_file_deleted_or_damaged_all_jobs_are_done_once(rig: Rig) -> None:
    rig.worker()
    jobs = [rig.put("small", seconds=0.05) for _ in range(20)]
    rig.queue.clear()
    file = rig.settings.queue_dir / "speech.db"
    file.unlink()
    jobs += [rig.put("small", seconds=0.02) for _ in range(5)]
    for path in rig.settings.queue_dir.glob("speech.db*"):
        path.write_bytes(b"no database " * 1000)
    jobs += [rig.put("small", seconds=0.02) for _ in range(5)]
    ended = [rig.end(job) for job in jobs]
    assert {(job.state, job.attempt) for job in ended} == {("done", 1)}


@pytest.mark.redis
def test_worker_redis_killed_and_restarted_all_jobs_are_done_once(tmp_path: Path, redis: RedisServer) -> None:
    with rig_in(tmp_path, url=redis.url) as rig:
        rig.worker()
        jobs = [rig.put("small", seconds=0.05) for _ in range(20)]
        redis.kill()
        jobs += [rig.put("small") for _ in range(3)]  # while it is away
        assert not rig.jobs.health().queue
        redis.start()
        ended = [rig.end(job) for job in jobs]
        assert {(job.state, job.attempt) for job in ended} == {("done", 1)}
        assert rig.jobs.health().queue


def test_worker_server_killed_workers_end_and_the_next_server_goes_on(rig: Rig) -> None:
    server = rig.server()
    jobs = [rig.put("rows", rows=80, seconds=0.02), *(rig.put("steps", steps=30, seconds=0.05) for _ in range(3))]
    until(lambda: all(rig.state(job) == "running" for job in jobs))
    [worker] = rig.workers_of(server)
    server.kill()
    server.wait()
    until(lambda: not psutil.pid_exists(worker.pid) or worker.status() == psutil.STATUS_ZOMBIE)
    assert {rig.state(job) for job in jobs} <= {"queued", "done"}
    rig.server()
    ended = [rig.end(job) for job in jobs]
    assert {(job.state, job.attempt) for job in ended} == {("done", 1)}, "handed back, not failed"
    rows = computed(rig, jobs[0])
    assert len(rows) == len(set(rows)) == 80, "no row twice"


def test_worker_second_session_gets_its_turn(tmp_path: Path) -> None:
    with rig_in(tmp_path, threads=1) as rig:
        other = rig.sessions.create_session()
        hers = [rig.put("small", seconds=0.02) for _ in range(30)]
        his = [rig.put("small", other, seconds=0.02) for _ in range(5)]
        rig.worker()
        places = {job: rig.end(job).ended_at for job in hers} | {job: rig.end(job, other).ended_at for job in his}
        order = sorted(places, key=lambda job: places[job] or 0.0)
        assert max(order.index(job) for job in his) < 12


def test_worker_long_batch_makes_room_for_another_session(tmp_path: Path) -> None:
    with rig_in(tmp_path, threads=1) as rig:
        rig.worker()
        long_job = rig.put("rows", rows=80, seconds=0.02)
        until(running(rig, long_job))
        other = rig.sessions.create_session()
        short_job = rig.put("small", other)
        assert rig.end(short_job, other).state == "done"
        assert rig.jobs.status(rig.session, long_job).is_open
        assert rig.end(long_job).state == "done"
        record = rig.record(long_job)
        assert record["handed_back"] >= 1
        assert record["attempt"] == 1
        assert computed(rig, long_job) == list(range(80))


def test_worker_item_deleted_while_it_runs_nothing_comes_back(any_rig: Rig) -> None:
    any_rig.worker()
    job_id = any_rig.put("steps", steps=60, seconds=0.05)
    until(running(any_rig, job_id))
    any_rig.sessions.delete_item(any_rig.session, job_id, force=True)
    until(lambda: "event=lease_lost" in any_rig.log_text())
    with pytest.raises(NotFound):
        any_rig.jobs.status(any_rig.session, job_id)
    assert any_rig.sessions.list_items(any_rig.session) == ([], 0)
    assert any_rig.end(any_rig.put("small")).state == "done"


def test_worker_session_deleted_while_it_runs_nothing_comes_back(rig: Rig) -> None:
    rig.worker()
    job_id = rig.put("steps", steps=60, seconds=0.05)
    until(running(rig, job_id))
    rig.sessions.delete_session(rig.session, force=True)
    until(lambda: "event=lease_lost" in rig.log_text())
    assert rig.session not in rig.sessions.get_all_session_ids()
    assert rig.journal.open_names() == set()


def test_worker_told_to_end_hands_back_and_exits_cleanly(rig: Rig) -> None:
    worker = rig.worker()
    job_id = rig.put("steps", steps=100, seconds=0.05)
    until(running(rig, job_id))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert rig.record(job_id)["state"] == "queued"
    assert rig.record(job_id)["handed_back"] == 1
    assert rig.jobs.health().workers == {"speech": 0}


def test_worker_told_to_end_in_any_thread_hands_back_and_exits_cleanly(rig: Rig) -> None:
    worker = rig.worker()
    job_id = rig.put("struck", steps=1200, seconds=0.05)
    assert worker.wait(60) == 0
    assert rig.record(job_id)["state"] == "queued"


def test_worker_told_to_end_waits_for_no_call_that_was_left_behind(rig: Rig) -> None:
    worker = rig.worker()
    job_id = rig.put("leaves", steps=100, seconds=0.05)
    until(running(rig, job_id))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert rig.record(job_id)["state"] == "queued"


def test_worker_second_on_the_machine_waits_for_the_first(rig: Rig) -> None:
    first = rig.worker()
    until(lambda: rig.log_text().count("event=worker_started") == 1)
    rig.worker()
    time.sleep(0.8)
    assert rig.log_text().count("event=worker_started") == 1
    first.kill()
    first.wait()
    until(lambda: rig.log_text().count("event=worker_started") == 2)


def test_worker_log_holds_ids_and_never_words(rig: Rig) -> None:
    rig.worker()
    job_id = rig.put("broken", text="secret words of somebody")
    job = rig.end(job_id)
    assert job.state == "failed"
    assert job.attempt == 3
    assert "event=job_broke" in rig.log_text()
    assert "made_up.py" in rig.log_text()
    assert "secret words" not in rig.log_text()
    assert "secret words" not in str(job.error)


def test_worker_unmarked_job_is_found(rig: Rig) -> None:
    job_id = rig.put("small")
    rig.queue.clear()
    rig.sessions.markers.drop(rig.session, job_id)  # killed between the folder and the marker
    assert rig.journal.find_unmarked() == 1
    rig.worker()
    assert rig.end(job_id).state == "done"
