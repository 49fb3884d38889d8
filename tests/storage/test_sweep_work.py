"""The sweep against work, against many sessions with a broken one among them, and against a disk that refuses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.storage.support import DAY, Clock, everything, make_old, speech
from utils.session_manager import SessionManager

ROOT = Path(__file__).resolve().parents[2]


def many(store: SessionManager, count: int, when: float) -> list[str]:
    """Sessions of that age, made quickly."""
    made = [str(uuid.uuid4()) for _ in range(count)]
    record = json.dumps({"created_at": when, "last_activity": when})
    for name in made:
        home = store.outputs / name
        home.mkdir()
        (home / "single").mkdir()
        (home / "session.json").write_text(record)
        for path in (home / "session.json", home / "single", home):
            os.utime(path, (when, when))
    return made


def hold_many(store: SessionManager, clock: Clock, count: int) -> None:
    old, young = many(store, count // 2, clock.now - 2 * DAY), many(store, count // 2, clock.now)
    broken, deep, linked = old[0], old[1], old[2]
    (store.outputs / broken / "session.json").write_bytes(b"{")
    place = store.outputs / deep
    for _ in range(40):
        place = place / "f"
        place.mkdir()
    (store.outputs / linked / "session.json").unlink()
    (store.outputs / linked / "session.json").symlink_to("/etc/hostname")
    for name in (broken, deep, linked):
        make_old(store.outputs / name, clock.now - 2 * DAY)
    report = store.cleanup_old_sessions()
    assert {gone.id for gone in report.removed} == set(old[3:])
    assert set(store.get_all_session_ids()) == {*young, broken, deep, linked}
    assert {error.partition(":")[0] for error in report.errors} == {broken, deep}
    assert report.odd == (linked,), "a record that is a link is not one of ours"
    assert everything(store.outputs / ".trash") == {}


def test_sweep_of_many_with_broken_ones_among_them_ends_and_removes_the_rest(store: SessionManager, clock: Clock) -> None:
    hold_many(store, clock, 1_000)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_sweep_of_many_with_broken_ones_among_them_ends_and_removes_the_rest_long(store: SessionManager, clock: Clock) -> None:
    hold_many(store, clock, 10_000)


def test_work_for_twice_the_age_without_a_new_file_on_top_is_left_alone(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session, marked=True).id
    with store.scratch(session, item) as work:
        file = (work / "pcm").open("ab")
        for _ in range(16):
            clock.forward(DAY / 8)  # written in place, which moves no folder's time
            file.write(b"x" * 100)
            file.flush()
            os.utime(file.fileno(), (1.0, 1.0))  # and a file server that notes no times at all
            assert store.cleanup_old_sessions(max_sessions=1).removed == ()
        file.close()
        assert (work / "pcm").stat().st_size == 1600
        store.publish(session, item, work / "pcm", "a.mp3")
    assert store.cleanup_old_sessions().removed == (), "the job is still open"
    store.markers.drop(session, item)
    assert store.get_item(session, item)


KILLED = """
import os, sys, time
from pathlib import Path
from utils.session_manager import SessionManager
from utils.storage import remove
real, count, last = remove._unlink, 0, int(sys.argv[2])
def unlink(name, parent):
    global count
    count += 1
    if count > last:
        os.kill(os.getpid(), 9)
    real(name, parent)
remove._unlink = unlink
SessionManager(Path(sys.argv[1]), clock=lambda: time.time() + 9 * 86400).cleanup_old_sessions()
"""


def test_sweep_killed_in_the_middle_of_a_removal_brings_nothing_back(store: SessionManager, clock: Clock) -> None:
    for last in (0, 1, 3, 7):
        made = {store.create_session() for _ in range(3)}
        for session in made:
            speech(store, session)
        done = subprocess.run([sys.executable, "-c", KILLED, str(store.outputs), str(last)], cwd=ROOT)
        assert done.returncode == -9
        assert not made & set(store.get_all_session_ids()), "half of it is gone: it must not be seen any more"
        for session in made:
            assert store.get_session(session) is None
            store.cache(session).put("ab" * 16, b"x") if (store.outputs / session).exists() else None
    clock.forward(9 * DAY)
    store.cleanup_old_sessions()
    assert set(everything(store.outputs)) == {".open", ".secret", ".trash"}


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EIO])
def test_sweep_of_a_disk_that_refuses_ends_and_tells(
    store: SessionManager, clock: Clock, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    made = {store.create_session() for _ in range(5)}
    clock.forward(2 * DAY)

    def refused(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    before = everything(store.outputs)
    with monkeypatch.context() as patch:
        for name in ("replace", "unlink", "rmdir", "utime"):
            patch.setattr(os, name, refused)
        report = store.cleanup_old_sessions()
    assert report.removed == () and len(report.errors) == 5 and report.kept == 5
    assert everything(store.outputs) == before
    assert {gone.id for gone in store.cleanup_old_sessions().removed} == made


def test_sweep_ends_beside_a_writer_that_never_stops(store: SessionManager, clock: Clock) -> None:
    """Whoever writes without a pause cannot keep a sweep from its end, and is not swept."""
    busy, dead = store.create_session(), many(store, 50, clock.now - 2 * DAY)
    item = speech(store, busy).id
    until = time.monotonic() + 30
    with store.lease(busy):
        while time.monotonic() < until:
            store.write_file(busy, item, "a.mp3", b"x", durable=False)
            if {gone.id for gone in store.cleanup_old_sessions().removed} == set(dead):
                break
    assert store.get_all_session_ids() == [busy]
