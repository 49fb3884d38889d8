"""Passing sessions: the servers' own, which nobody sees, no rule sweeps, and which end with their server."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from tests.storage.support import DAY, Clock, everything, manager, speech, temporaries
from utils.errors import NotFound, QuotaExceeded, TooMany
from utils.session_manager import SessionManager
from utils.storage.passing import CHECK_BYTES, STALE_S, Passing
from utils.storage.search import Query


def test_passing_session_is_in_no_list_and_no_count(store: SessionManager) -> None:
    own = store.create_session()
    mark = store.create_passing()
    assert store.get_all_session_ids() == [own]
    assert [known.id for known in store.overview()] == [own]
    assert store.get_active_session_count() == 1
    assert store.peek_session(mark.session_id) is not None
    mark.release()


def test_sweep_neither_takes_nor_counts_passing_sessions(store: SessionManager, clock: Clock) -> None:
    own = store.create_session()
    mark = store.create_passing()
    speech(store, mark.session_id)
    clock.forward(30 * DAY)
    report = store.cleanup_old_sessions(1, 1, item_age_hours=1)
    assert [gone.id for gone in report.removed] == [own]
    assert report.kept == 0 and report.looked_at == 1 and not report.odd and not report.items
    assert mark.is_there
    mark.release()


def test_session_of_a_living_server_is_not_abandoned(store: SessionManager, clock: Clock) -> None:
    mark = store.create_passing()
    assert store.abandoned_sessions() == []
    clock.forward(2 * STALE_S)  # as after a night's sleep of the machine: nothing has beaten, and the server lives
    assert store.abandoned_sessions() == []
    mark.release()
    assert store.abandoned_sessions() == [mark.session_id]


def test_file_that_grows_ends_at_the_quota(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, quota_bytes=2 * CHECK_BYTES)
    mark = store.create_passing()
    item_id = speech(store, mark.session_id).id
    with store.grow(mark.session_id, item_id, "sound") as file, pytest.raises(QuotaExceeded):
        for _ in range(5):
            file.write(bytes(CHECK_BYTES))
    assert (store.item_path(mark.session_id, item_id) / "sound").stat().st_size == 2 * CHECK_BYTES
    mark.release()


def _make_and_die(outputs: Path, connection: object) -> None:
    mark = SessionManager(outputs).create_passing()
    connection.send(mark.session_id)  # type: ignore[attr-defined]
    os._exit(9)


def test_session_of_a_killed_server_of_this_machine_is_abandoned_at_once(tmp_path: Path) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_make_and_die, args=(tmp_path / "outputs", there))
    process.start()
    session_id = here.recv()
    process.join()
    assert SessionManager(tmp_path / "outputs").abandoned_sessions() == [session_id]


def test_session_of_another_machine_goes_by_its_beat_alone(store: SessionManager, clock: Clock) -> None:
    mark = store.create_passing()
    mark.release()
    (store.outputs / mark.session_id / "passing").write_bytes(b"elsewhere")
    mark.beat(clock())
    assert store.abandoned_sessions() == []
    clock.forward(STALE_S + 1)
    assert store.abandoned_sessions() == [mark.session_id]


def test_removed_item_leaves_nothing_and_cannot_be_taken_back(store: SessionManager) -> None:
    mark = store.create_passing()
    item = speech(store, mark.session_id, "Canary", marked=True)
    store.remove_item(mark.session_id, item.id)
    store.remove_item(mark.session_id, item.id)
    assert not [name for name in everything(store.outputs) if item.id in name or "dead" in name or "item~" in name]
    with pytest.raises(NotFound):
        store.restore_item(mark.session_id, item.id)
    with pytest.raises(NotFound):
        store.get_item(mark.session_id, item.id)
    mark.release()


def test_removed_item_does_not_come_back_while_a_worker_writes_into_it(store: SessionManager) -> None:
    mark = store.create_passing()
    item = speech(store, mark.session_id, marked=True)
    writing, stop = threading.Event(), threading.Event()

    def write() -> None:
        count = 0
        while not stop.is_set():
            try:
                with store.scratch(mark.session_id, item.id) as folder:
                    (folder / "sound").write_bytes(b"1" * 4096)
                    store.publish(mark.session_id, item.id, folder / "sound", f"{count % 50}.mp3")
            except (NotFound, FileNotFoundError):
                if writing.is_set():
                    return
            count += 1
            if count == 20:
                writing.set()

    thread = threading.Thread(target=write)
    thread.start()
    writing.wait(60)
    store.remove_item(mark.session_id, item.id)
    stop.set()
    thread.join()
    store.empty_trash()
    assert not [name for name in everything(store.outputs) if name.startswith(".trash/") or item.id in name]
    assert temporaries(store.outputs) == []
    mark.release()


def test_passing_session_keeps_neither_pieces_nor_words(store: SessionManager) -> None:
    mark = store.create_passing()
    item = speech(store, mark.session_id, "Canary")
    store.keep_text(mark.session_id, item.id)
    store.cache(mark.session_id).put("0" * 16, b"piece")
    assert store.cache(mark.session_id).get("0" * 16) is None
    folder = store.outputs / mark.session_id
    assert sorted(path.name for path in folder.iterdir()) == ["bulk", "passing", "session.json", "single"]
    assert store.find_items(mark.session_id, Query()).everything
    mark.release()


def test_callers_share_a_session_each_and_lose_it_when_idle(tmp_path: Path, clock: Clock) -> None:
    store, passing = manager(tmp_path, clock), Passing()
    first = passing.enter("key-1", store.create_passing)
    assert passing.enter("key-1", store.create_passing) == first
    other = passing.enter("key-2", store.create_passing)
    assert other != first
    passing.leave("key-1", first, clock())
    passing.leave("key-2", other, clock())
    assert [mark.session_id for mark in passing.take_idle(clock())] == [other]  # the first one has a request left
    passing.leave("key-1", first, clock())
    assert passing.take_idle(clock() - 1) == []
    assert [mark.session_id for mark in passing.take_idle(clock())] == [first]
    assert passing.enter("key-1", store.create_passing) != first


def test_caller_whose_session_somebody_removed_gets_another_one(tmp_path: Path, clock: Clock) -> None:
    store, passing = manager(tmp_path, clock), Passing()
    first = passing.enter("key-1", store.create_passing)
    store.delete_session(first, force=True)
    second = passing.enter("key-1", store.create_passing)
    assert second != first
    passing.leave("key-1", first, clock())  # the old request is none of the new session
    assert passing.take_idle(clock()) == []


def test_beats_of_a_roster_reach_every_mark(tmp_path: Path, clock: Clock) -> None:
    store, passing = manager(tmp_path, clock), Passing()
    session_id = passing.enter("key-1", store.create_passing)
    (store.outputs / session_id / "passing").write_bytes(b"elsewhere")  # as another machine sees it
    clock.forward(STALE_S + 1)
    assert store.abandoned_sessions() == [session_id]
    passing.beat(clock())
    assert store.abandoned_sessions() == []
    assert [mark.session_id for mark in passing.take_all()] == [session_id]


def test_callers_are_bounded(tmp_path: Path, clock: Clock) -> None:
    store, passing = manager(tmp_path, clock), Passing(most=2)
    first = passing.enter("address-1", store.create_passing)
    passing.enter("address-2", store.create_passing)
    with pytest.raises(TooMany):
        passing.enter("address-3", store.create_passing)
    assert passing.enter("address-1", store.create_passing) == first
    passing.leave("address-1", first, clock())
    passing.leave("address-1", first, clock())
    passing.enter("address-3", store.create_passing)  # the one who rests makes room
    assert store.abandoned_sessions() == [first]
    with pytest.raises(TooMany):
        passing.enter("address-1", store.create_passing)
    assert len(list(store.outputs.glob("[0-9a-f]*"))) == 3
    for mark in passing.take_all():
        mark.release()
