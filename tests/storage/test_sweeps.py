"""What sweeps leave behind, whom a connected page protects, and servers that share a folder."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.storage.support import DAY, HOUR, Clock, manager, speech
from utils.session_manager import SessionManager
from utils.storage import locks, sweeps
from utils.storage.atomic import Folder
from utils.storage.sessions import PRESENCE, PRESENT_S
from utils.storage.sweeps import FILE, MOST_BYTES, SweepRecord

ROOT = Path(__file__).resolve().parents[2]


def test_sweep_leaves_one_record_and_one_line(store: SessionManager, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    dead, kept = store.create_session(), store.create_session()
    speech(store, dead, "Words of a title")
    store.update_session(kept, permanent=True)
    (store.outputs / "odd").touch()
    size = store.usage(dead).size_bytes
    clock.forward(2 * DAY)
    with caplog.at_level(logging.INFO, "sotto.sessions"):
        store.cleanup_old_sessions(dry_run=True)
        store.cleanup_old_sessions()
    wet, dry = store.sweeps()
    assert (dry.dry_run, wet.dry_run) == (True, False)
    for record in (dry, wet):
        assert (record.looked_at, record.removed, record.kept, record.active, record.odd, record.errors) == (2, 1, 1, 0, 1, 0)
        assert (record.freed_bytes, record.items_removed, record.when) == (size, 0, clock.now)
        assert record.server.endswith(f":{os.getpid()}") and record.seconds >= 0
    lines = [line.getMessage() for line in caplog.records if line.getMessage().startswith("sweep ")]
    assert len(lines) == 2 and all("removed=1" in line and f"freed_bytes={size}" in line for line in lines)
    diary = (store.outputs / FILE).read_text()
    assert dead not in diary and "title" not in diary.casefold()


def test_records_are_newest_first_and_as_many_as_asked_for(store: SessionManager, clock: Clock) -> None:
    for _ in range(5):
        clock.forward(HOUR)
        store.cleanup_old_sessions()
    assert [record.when for record in store.sweeps(3)] == [clock.now, clock.now - HOUR, clock.now - 2 * HOUR]
    assert SessionManager(store.outputs).sweeps(3) == store.sweeps(3)


def test_records_do_not_grow_without_end_and_survive_a_torn_line(store: SessionManager, clock: Clock) -> None:
    line = json.dumps({"when": 1.0, "server": "a:1"}).encode() + b"\n"
    (store.outputs / FILE).write_bytes(b'{"when": 2.0, "ser\n[1]\nnull\n\xff\n' + line * (MOST_BYTES // len(line) + 1))
    store.cleanup_old_sessions()
    assert MOST_BYTES // 3 < (store.outputs / FILE).stat().st_size < MOST_BYTES
    found = store.sweeps(10**6)
    assert found[0].when == clock.now and set(found[1:]) == {SweepRecord(1.0, "a:1")}


def test_record_that_cannot_be_written_stops_no_sweep(store: SessionManager, clock: Clock, tmp_path: Path) -> None:
    dead = store.create_session()
    (tmp_path / "victim").write_text("k")
    (store.outputs / FILE).symlink_to(tmp_path / "victim")
    clock.forward(2 * DAY)
    assert [gone.id for gone in store.cleanup_old_sessions().removed] == [dead]
    assert (tmp_path / "victim").read_text() == "k"


# ---- connected pages


def test_connected_page_protects_from_age_and_count(store: SessionManager, clock: Clock) -> None:
    here, other = store.create_session(), store.create_session()
    clock.forward(2 * DAY)
    assert store.touch_page(here)
    clock.forward(PRESENT_S)
    report = store.cleanup_old_sessions(max_sessions=1)
    assert [gone.id for gone in report.removed] == [other]
    clock.forward(60)
    third = store.create_session()
    store.touch_page(here)
    clock.forward(60)
    report = store.cleanup_old_sessions(max_sessions=1)
    assert ([gone.id for gone in report.removed], report.active) == ([third], 1), "the connected one is older, and stays"
    clock.forward(PRESENT_S)
    store.create_session()
    assert [gone.id for gone in store.cleanup_old_sessions(max_sessions=1).removed] == [here]


def test_presence_is_written_at_most_once_a_minute(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    file = store.outputs / session / PRESENCE
    store.touch_page(session)
    first = file.stat()
    clock.forward(30)
    store.touch_page(session)
    assert file.stat().st_ctime_ns == first.st_ctime_ns
    clock.forward(30)
    store.touch_page(session)
    assert file.stat().st_mtime == clock.now
    assert file.stat().st_size == 0


def test_presence_of_the_future_or_after_the_clock_was_set_back_ends(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    clock.forward(10 * DAY)
    store.touch_page(session)
    clock.forward(-10 * DAY)
    assert store.cleanup_old_sessions().active == 0
    clock.forward(DAY + HOUR)
    assert [gone.id for gone in store.cleanup_old_sessions().removed] == [session]


def test_presence_brings_no_session_back_and_makes_none(store: SessionManager) -> None:
    session = store.create_session()
    store.delete_session(session)
    assert not store.touch_page(session)
    assert not store.touch_page("../single")
    assert store.get_all_session_ids() == [] and not (store.outputs / session).exists()


def test_presence_does_not_keep_the_owner_from_deleting(store: SessionManager) -> None:
    session = store.create_session()
    store.touch_page(session)
    store.delete_session(session)
    assert store.get_all_session_ids() == []


def test_overview_tells_sizes_and_activity_and_no_content(store: SessionManager, clock: Clock) -> None:
    idle, leased, marked, connected = (store.create_session() for _ in range(4))
    speech(store, marked, marked=True)
    clock.forward(HOUR)
    store.touch_page(connected)
    with store.lease(leased):
        known = {session.id: session for session in store.overview()}
    assert {name for name, session in known.items() if session.active} == {leased, marked, connected}
    assert next(iter(known)) == connected, "the last used first"
    assert known[marked].size_bytes == store.usage(marked).size_bytes
    assert (known[idle].status, known[idle].permanent) == ("idle", False)


# ---- two real servers on one folder

SERVER = """
import sys, time
from pathlib import Path
from utils.session_manager import SessionManager
from utils.storage.markers import Markers

class Slow(Markers):
    def sessions(self):
        time.sleep(0.02)  # a sweep takes a while, so that two would meet
        return super().sessions()

store = SessionManager(Path(sys.argv[1]), clock=lambda: time.time() + 9 * 86400)
store.markers = Slow(store.markers.folder)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(10):
    begin = time.monotonic()
    report = store.cleanup_old_sessions()
    print(" ".join(gone.id for gone in report.removed), flush=True)
"""


def test_two_servers_sweep_one_folder_one_at_a_time_and_each_session_goes_once(store: SessionManager) -> None:
    made = {store.create_session() for _ in range(200)}
    command = [sys.executable, "-c", SERVER, str(store.outputs)]
    servers = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for server in servers:
        assert server.stdout and server.stdout.readline() == "ready\n"
    gone: list[str] = []
    for server in servers:
        assert server.stdin
        server.stdin.write("go\n")
        server.stdin.flush()
    for server in servers:
        output, _ = server.communicate(timeout=60)
        assert server.returncode == 0
        gone += output.split()
    assert sorted(gone) == sorted(made)
    records = store.sweeps(100)
    assert len(records) == 20 and len({record.server for record in records}) == 2
    assert sum(record.removed for record in records) == len(made)
    assert all(record.errors == 0 for record in records)


def test_second_server_waits_until_the_first_has_swept(store: SessionManager, tmp_path: Path, clock: Clock) -> None:

    other = manager(tmp_path, clock)

    with Folder.open(store.outputs / ".trash") as turn, locks.alone(turn):
        waiting = threading.Thread(target=other.cleanup_old_sessions)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive() and store.sweeps() == []
    waiting.join()
    assert len(store.sweeps()) == 1


def test_read_of_no_diary_is_empty(tmp_path: Path) -> None:
    assert sweeps.read(tmp_path, 5) == []
