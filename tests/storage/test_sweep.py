"""The sweep: what goes, what never goes, and what it must not touch."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from tests.storage.support import DAY, HOUR, Clock, everything, make_old, manager, speech, temporaries
from utils.session_manager import SessionManager
from utils.storage.markers import Markers

ROOT = Path(__file__).resolve().parents[2]


def removed(store: SessionManager, **options: object) -> list[str]:
    return [removal.id for removal in store.cleanup_old_sessions(**options).removed]  # type: ignore[arg-type]


def test_sweep_removes_the_idle_and_keeps_the_rest(store: SessionManager, clock: Clock) -> None:
    idle, used, marked, leased, permanent, kept = (store.create_session() for _ in range(6))
    store.update_session(permanent, permanent=True)
    item = speech(store, marked, marked=True).id
    size = store.usage(idle).size_bytes
    clock.forward(DAY - 100)
    store.get_session(used)
    clock.forward(200)
    with store.lease(leased):
        report = store.cleanup_old_sessions(keep=[kept])
    assert [(gone.id, gone.reason) for gone in report.removed] == [(idle, "age")]
    assert (report.kept, report.active, report.odd, report.errors, report.dry_run) == (5, 2, (), (), False)
    assert report.freed_bytes == report.removed[0].size_bytes == size
    assert set(store.get_all_session_ids()) == {used, marked, leased, permanent, kept}
    store.markers.drop(marked, item)
    assert set(removed(store)) == {marked, leased, kept}


def test_sweep_age_counts_from_anything_inside(store: SessionManager, clock: Clock) -> None:
    sessions = [store.create_session() for _ in range(4)]
    items = [speech(store, session).id for session in sessions]
    clock.forward(DAY - HOUR)
    store.write_file(sessions[0], items[0], "a.mp3", b"x")
    with open(store.item_path(sessions[1], items[1]) / "item.json", "ab") as file:
        file.write(b" ")  # an append moves no folder's time
    os.utime(store.item_path(sessions[1], items[1]) / "item.json", (clock.now, clock.now))
    os.utime(store.item_path(sessions[2], items[2]), (clock.now, clock.now))
    clock.forward(2 * HOUR)
    assert removed(store) == [sessions[3]]


class LateMarkers(Markers):
    """Work begins just after the sweep has listed what is open."""

    late: tuple[str, str]

    def sessions(self) -> set[str]:
        listed = super().sessions()
        self.add(*self.late)
        return listed


def test_sweep_spares_a_session_in_which_work_begins_meanwhile(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session).id
    late = LateMarkers(store.markers.folder)
    late.late, store.markers = (session, item), late
    clock.forward(2 * DAY)
    report = store.cleanup_old_sessions()
    assert (report.removed, report.kept, report.active) == ((), 1, 1)


class LateWriter(Markers):
    """Somebody writes in a session after the sweep has looked at it."""

    file: Path
    now: float
    calls: int = 0

    def sessions(self) -> set[str]:
        self.calls += 1
        if self.calls == 2:
            os.utime(self.file, (self.now, self.now))
        return super().sessions()


def test_sweep_by_count_spares_a_session_that_is_used_meanwhile(store: SessionManager, clock: Clock) -> None:
    oldest, newest = store.create_session(), store.create_session()
    clock.forward(60)
    store.update_session(newest, status="idle")
    late = LateWriter(store.markers.folder)
    late.file, late.now, store.markers = store.outputs / oldest / "session.json", clock.now, late
    assert removed(store, max_sessions=1) == []
    assert removed(store, max_sessions=1) != []


def test_sweep_dry_run_says_what_a_sweep_does_and_changes_nothing(store: SessionManager, clock: Clock) -> None:
    old = [store.create_session() for _ in range(3)]
    clock.forward(2 * DAY)
    new = []
    for _ in range(4):
        clock.forward(60)
        new.append(store.create_session())
    (store.outputs / new[3] / ".tmp-orphan").write_bytes(b"x")
    (store.outputs / "odd").write_text("x")
    before = everything(store.outputs)
    dry = store.cleanup_old_sessions(max_sessions=2, dry_run=True)
    assert everything(store.outputs) == before
    wet = store.cleanup_old_sessions(max_sessions=2)
    assert dry.dry_run and not wet.dry_run
    assert (dry.removed, dry.kept, dry.odd) == (wet.removed, wet.kept, wet.odd)
    assert {gone.id for gone in wet.removed if gone.reason == "age"} == set(old)
    assert [gone.id for gone in wet.removed if gone.reason == "count"] == new[:2]


def test_sweep_by_count_spares_the_active(store: SessionManager, clock: Clock) -> None:
    made = []
    for _ in range(5):
        clock.forward(60)
        made.append(store.create_session())
    with store.lease(made[0]):
        report = store.cleanup_old_sessions(max_sessions=2, keep=[made[1]])
    assert {gone.id for gone in report.removed} <= set(made[2:])
    assert made[0] in store.get_all_session_ids() and made[1] in store.get_all_session_ids()


def test_sweep_leaves_foreign_and_odd_entries_and_names_them(tmp_path: Path, store: SessionManager, clock: Clock) -> None:
    out, victim = store.outputs, tmp_path / "victim"
    victim.mkdir()
    (victim / "keep").write_bytes(b"k")
    (victim / "session.json").write_text('{"created_at": 1, "last_activity": 1}')
    named = [str(uuid.uuid4()) for _ in range(4)]
    for folder in ("single", "bulk", "unknown", named[0]):
        (out / folder).mkdir()
        (out / folder / "old.mp3").write_bytes(b"legacy")
    (out / named[1]).symlink_to(victim)
    (out / named[2]).write_text("a file")
    os.mkfifo(out / named[3])
    (out / "link").symlink_to(victim)
    os.mkfifo(out / "fifo")
    (out / "note.txt").write_text("x")
    (out / named[0].upper()).mkdir()
    (out / ".gitkeep").touch()
    (out / ".queue").mkdir()
    make_old(out, 1.0)
    make_old(victim, 1.0)
    before = everything(tmp_path)
    clock.forward(99 * DAY)
    report = store.cleanup_old_sessions(max_age_hours=1, max_sessions=1)
    assert everything(tmp_path) == before
    assert report.removed == ()
    assert set(report.odd) == {"single", "bulk", "unknown", "link", "fifo", "note.txt", named[0].upper(), *named}


def test_sweep_never_follows_links_inside_a_session(tmp_path: Path, store: SessionManager, clock: Clock) -> None:
    victim = tmp_path / "victim"
    (victim / ".tmp-not-ours").mkdir(parents=True)
    (victim / "keep").write_bytes(b"k")
    make_old(victim, clock.now + 10 * DAY)  # a time in the future, which must not be reset there
    session = store.create_session()
    inside = store.outputs / session
    (inside / "link").symlink_to(victim)
    (inside / "single" / "file").symlink_to(victim / "keep")
    os.link(victim / "keep", inside / "hard")
    os.mkfifo(inside / "fifo")
    (inside / ".tmp-link").symlink_to(victim)
    before, times = everything(victim), [(victim / "keep").stat().st_mtime, victim.stat().st_mtime]
    assert removed(store) == []
    assert temporaries(inside) == []
    clock.forward(20 * DAY)
    store.cleanup_old_sessions()
    clock.forward(2 * DAY)
    store.cleanup_old_sessions()
    assert not inside.exists()
    assert everything(victim) == before
    assert [(victim / "keep").stat().st_mtime, victim.stat().st_mtime] == times


def test_sweep_against_links_swapped_in_a_loop_harms_nothing(tmp_path: Path, store: SessionManager, clock: Clock) -> None:
    """Somebody exchanges the session's folder for a link to a victim while it is swept, 400 times."""
    victim, stop = tmp_path / "victim", threading.Event()
    for name in ("single", "bulk"):
        (victim / name).mkdir(parents=True)
        (victim / name / ".tmp-theirs").write_bytes(b"t")
    (victim / "session.json").write_text('{"created_at": 1, "last_activity": 1}')
    make_old(victim, 1.0)
    before = everything(victim)
    places: list[Path] = []

    def swap() -> None:
        while not stop.is_set():
            for place in places[-1:]:
                aside = tmp_path / "aside"
                try:
                    place.rename(aside)
                    place.symlink_to(victim)
                    place.unlink()
                    aside.rename(place)
                except OSError:
                    if os.path.lexists(aside):
                        subprocess.run(["rm", "-rf", str(aside)], check=True)

    attacker = threading.Thread(target=swap)
    attacker.start()
    try:
        for _ in range(400):
            session = store.create_session()
            make_old(store.outputs / session, 1.0)
            places.append(store.outputs / session)
            clock.forward(2 * DAY)
            store.cleanup_old_sessions()
    finally:
        stop.set()
        attacker.join()
    assert everything(victim) == before


def test_sweep_removes_what_killed_writers_left_and_nobody_gets_younger(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session).id
    make_old(store.outputs / session, clock.now)
    clock.forward(20 * HOUR)
    path = store.item_path(session, item)
    for place in (store.outputs / session, path, path.parent):
        (place / ".tmp-0123").write_bytes(b"half")
        (place / ".work-0123").mkdir()
        (place / ".work-0123" / "piece").write_bytes(b"x")
        make_old(place / ".work-0123", clock.now - 20 * HOUR)
        os.utime(place / ".tmp-0123", (clock.now - 20 * HOUR,) * 2)
        os.utime(place, (clock.now - 20 * HOUR,) * 2)
    assert removed(store) == []
    assert temporaries(store.outputs) == []
    assert store.get_item(session, item)
    clock.forward(5 * HOUR)
    assert removed(store) == [session]


def test_sweep_that_removes_leftovers_still_knows_how_late_they_were(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    make_old(store.outputs / session, clock.now)
    clock.forward(20 * HOUR)
    orphan = store.outputs / session / "single" / ".tmp-0123"
    orphan.write_bytes(b"half")
    os.utime(orphan, (clock.now, clock.now))
    store.cleanup_old_sessions()
    assert not orphan.exists()
    assert store.expires_at(session) == clock.now + DAY


def test_sweep_leaves_temporaries_of_work_that_runs(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session).id
    with store.scratch(session, item) as work:
        (work / "piece").write_bytes(b"x")
        store.cleanup_old_sessions()
        assert (work / "piece").read_bytes() == b"x"


def test_sweep_removes_a_session_that_was_never_finished(store: SessionManager, clock: Clock) -> None:
    building = store.outputs / ".tmp-0123456789abcdef"
    building.mkdir()
    (building / "session.json").write_text("{")
    make_old(building, clock.now)
    store.cleanup_old_sessions()
    assert building.exists(), "it may be under way"
    clock.forward(120)
    store.cleanup_old_sessions()
    assert not building.exists()


def test_sweep_resets_times_in_the_future_so_that_they_age(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session).id
    make_old(store.outputs / session, clock.now + 3650 * DAY)
    clock.forward(2 * DAY)
    assert removed(store) == []
    newest = max(path.lstat().st_mtime for path in (store.outputs / session).rglob("*"))
    assert newest <= clock.now
    assert store.get_item(session, item)
    clock.forward(DAY + 1)
    assert removed(store) == [session]


def test_sweep_second_name_of_a_file_of_the_future_keeps_nobody_alive(tmp_path: Path, store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    (tmp_path / "theirs").write_bytes(b"k")
    os.utime(tmp_path / "theirs", (clock.now + 3650 * DAY,) * 2)
    before = (tmp_path / "theirs").stat().st_mtime
    os.link(tmp_path / "theirs", store.outputs / session / "hard")
    (store.outputs / session / ".tmp-x").touch()
    assert removed(store) == []
    clock.forward(DAY + 1)
    assert removed(store) == [session]
    assert (tmp_path / "theirs").stat().st_mtime == before


def test_sweep_and_deletion_with_the_own_folders_removed_work(store: SessionManager, clock: Clock) -> None:
    session, other = store.create_session(), store.create_session()
    for name in (".trash", ".open"):
        (store.outputs / name).rmdir()
    item = speech(store, session, marked=True).id
    assert store.markers.ids() == [(session, item)]
    store.delete_item(session, item, force=True)
    assert store.restore_item(session, item).id == item
    (store.outputs / ".trash").rmdir()
    store.delete_session(other)
    clock.forward(2 * DAY)
    (store.outputs / ".trash").rmdir()
    assert removed(store) == [session]


def test_sweep_after_the_clock_was_set_back_removes_within_one_more_age(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    clock.forward(-30 * DAY)
    assert removed(store) == []
    clock.forward(DAY + 400)
    assert removed(store) == [session]


def test_sweep_survives_one_broken_session(store: SessionManager, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, fine = store.create_session(), store.create_session()
    clock.forward(2 * DAY)
    real = os.rename

    def refused(source: object, *args: object, **options: object) -> None:
        if source == broken:
            raise PermissionError(13, "refused")
        real(source, *args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused)
        report = store.cleanup_old_sessions()
    assert [gone.id for gone in report.removed] == [fine]
    assert report.errors == (f"{broken}: PermissionError",)
    assert report.kept == 1
    assert removed(store) == [broken]


def test_sweeps_at_once_remove_each_session_once(tmp_path: Path, store: SessionManager, clock: Clock) -> None:
    made = {store.create_session() for _ in range(60)}
    clock.forward(2 * DAY)
    gone: list[str] = []
    managers = [manager(tmp_path, clock) for _ in range(4)]
    threads = [threading.Thread(target=lambda other=other: gone.extend(removed(other))) for other in managers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(gone) == sorted(made)
    assert everything(store.outputs / ".trash") == {}


def test_sweep_against_a_live_writer_loses_nothing(store: SessionManager) -> None:
    """Retention is at its tightest, and still whoever writes finds his session and his bytes."""
    sessions = [store.create_session() for _ in range(3)]
    items = [speech(store, session).id for session in sessions]
    stop, errors = threading.Event(), []

    def write(session: str, item: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            data = f"{number}".encode() * 100
            try:
                with store.lease(session):
                    store.write_file(session, item, "a.mp3", data)
                    if (store.item_path(session, item) / "a.mp3").read_bytes() != data:
                        errors.append("other bytes")
            except Exception as exc:  # noqa: BLE001 - any at all is the finding
                errors.append(repr(exc))
                return

    threads = [threading.Thread(target=write, args=pair) for pair in zip(sessions, items, strict=True)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        assert removed(store, max_age_hours=1) == []
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


KILLED = """
import os, sys, time
from pathlib import Path
from utils.session_manager import SessionManager
from utils.storage.markers import Markers
store = SessionManager(Path(sys.argv[1]), clock=lambda: time.time() + 9 * 86400)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        store.cleanup_old_sessions()
        os._exit(0)
    os.write(1, f"{child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


def test_sweep_killed_in_the_middle_leaves_whole_sessions_or_none(store: SessionManager) -> None:
    command = [sys.executable, "-c", KILLED, str(store.outputs)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sweeper:
        assert sweeper.stdin and sweeper.stdout
        for number in range(15):
            made = [store.create_session() for _ in range(12)]
            items = {session: speech(store, session).id for session in made}
            sweeper.stdin.write(b"sweep\n")
            sweeper.stdin.flush()
            child = int(sweeper.stdout.readline())
            threading.Event().wait(number * 0.001)
            os.kill(child, 9)
            assert sweeper.stdout.readline() == b"dead\n"
            for session in store.get_all_session_ids():
                assert session not in items or store.get_item(session, items[session])
        sweeper.stdin.close()
    store.clock.forward(9 * DAY)  # type: ignore[attr-defined]
    store.cleanup_old_sessions()
    assert set(everything(store.outputs)) == {".open", ".secret", ".trash"}
