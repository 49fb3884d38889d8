"""The calls of the documents that Sotto grew from work as they are written there; docs/requirements.md has the whole table."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.support import DAY, HOUR, Clock, manager, speech
from utils import session_manager
from utils.session_manager import SessionManager


@pytest.fixture
def process(store: SessionManager) -> Iterator[SessionManager]:
    """The store as that of this process, as in a script that imports the module's functions."""
    session_manager.set_manager(store)
    yield store
    session_manager.set_manager(None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> SessionManager:
    return manager(tmp_path, clock)


# ---- the document on sessions of a web page, and its notes on migration


def test_cleanup_old_sessions_with_max_age_hours(process: SessionManager, clock: Clock) -> None:
    from utils.session_manager import cleanup_old_sessions

    old = process.create_session()
    clock.forward(49 * HOUR)
    cleanup_old_sessions(max_age_hours=48)
    assert old not in process.get_all_session_ids()


def test_cleanup_old_sessions_without_arguments_goes_by_24_hours(process: SessionManager, clock: Clock) -> None:
    old = process.create_session()
    clock.forward(DAY - 1)
    session_manager.cleanup_old_sessions()
    assert process.get_all_session_ids() == [old]
    clock.forward(2)
    session_manager.cleanup_old_sessions()
    assert process.get_all_session_ids() == []


def test_session_timeout_hours_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_TIMEOUT_HOURS", "48")
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path / "outputs"))
    session_manager.set_manager(None)
    try:
        assert session_manager.get_manager().session_timeout_hours == 48
    finally:
        session_manager.set_manager(None)


def test_folders_are_outputs_session_single_and_bulk(process: SessionManager) -> None:
    session = session_manager.get_session_id()
    assert str(uuid.UUID(session)) == session
    assert session_manager.get_session_output_dir() == process.outputs / session
    assert session_manager.get_session_single_dir() == process.outputs / session / "single"
    assert session_manager.get_session_bulk_dir("words").parent == process.outputs / session / "bulk"


def test_legacy_folders_survive_every_sweep(store: SessionManager, clock: Clock) -> None:
    for name in ("single", "bulk"):
        (store.outputs / name).mkdir()
        (store.outputs / name / "old.mp3").write_bytes(b"legacy")
    clock.forward(999 * DAY)
    report = store.cleanup_old_sessions(max_age_hours=1, max_sessions=1)
    assert set(report.odd) == {"single", "bulk"}
    assert [(store.outputs / name / "old.mp3").read_bytes() for name in ("single", "bulk")] == [b"legacy"] * 2


def test_cleanup_leaves_a_message_in_the_log(store: SessionManager, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        store.cleanup_old_sessions()
    assert any(line.getMessage().startswith("sweep ") for line in caplog.records)


# ---- the document on permanent storage


def test_permanent_storage_nothing_ever_goes_by_age(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, session_timeout_hours=0)
    session = store.create_session()
    item = speech(store, session)
    clock.forward(9999 * DAY)
    again = manager(tmp_path, clock, session_timeout_hours=0)  # after a restart
    assert again.cleanup_old_sessions().removed == ()
    assert again.get_item(session, item.id) == item
    assert again.expires_at(session) is None


def test_permanent_storage_its_owner_can_still_delete(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, session_timeout_hours=0)
    session = store.create_session()
    store.delete_session(session)
    assert store.get_session(session) is None


def test_sources_use_no_temporary_files_of_the_system() -> None:
    """What people send goes to their session's folder; nothing of theirs passes through the system's temporary folder."""
    root = Path(__file__).resolve().parents[1]
    places = [root / "app.py", *(root / "utils").rglob("*.py"), *(root / "pages").rglob("*.py")]
    using = [path.name for path in places if "NamedTemporaryFile" in path.read_text() or "mkstemp" in path.read_text()]
    assert using == []


# ---- the document on live recording: the class


def test_class_with_a_time_out_of_24_hours_by_default(tmp_path: Path) -> None:
    assert SessionManager(tmp_path / "a").session_timeout_hours == 24
    assert SessionManager(tmp_path / "b", session_timeout_hours=2).session_timeout_hours == 2


def test_create_session_returns_a_uuid(store: SessionManager) -> None:
    session = store.create_session()
    assert isinstance(session, str) and uuid.UUID(session).version == 4


def test_get_session_updates_last_activity(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    clock.forward(HOUR)
    found = store.get_session(session)
    assert found is not None and found.last_activity == clock.now
    assert found.status == "idle"


def test_get_session_that_is_not_there_is_none_and_no_exception(store: SessionManager) -> None:
    assert store.get_session("nonsense") is None
    assert store.get_session(str(uuid.uuid4())) is None


def test_statuses_of_a_session(store: SessionManager) -> None:
    session = store.create_session()
    for status in ("idle", "recording", "processing", "complete", "error"):
        store.update_session(session, status=status)
        found = store.get_session(session)
        assert found is not None and found.status == status


def test_delete_session_returns_nothing_and_removes_every_file(store: SessionManager) -> None:
    session = store.create_session()
    speech(store, session)
    assert store.delete_session(session) is None  # type: ignore[func-returns-value]
    assert not (store.outputs / session).exists()


def test_counts_and_ids(store: SessionManager) -> None:
    made = [store.create_session() for _ in range(3)]
    assert store.get_active_session_count() == 3
    ids = store.get_all_session_ids()
    assert isinstance(ids, list) and sorted(ids) == sorted(made)


def test_cleanup_in_the_background_removes_what_is_idle_and_runs_hourly_by_default(store: SessionManager, clock: Clock) -> None:
    idle = store.create_session()
    clock.forward(DAY + 1)
    used = store.create_session()

    async def run() -> None:
        task = asyncio.create_task(store.cleanup_loop())
        until = time.monotonic() + 30
        while idle in store.get_all_session_ids() and time.monotonic() < until:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert store.get_all_session_ids() == [used]
    assert store.cleanup_loop.__defaults__ == (3600.0,)


def test_operations_at_once_by_many_threads_are_safe(store: SessionManager) -> None:
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                session = store.create_session()
                assert store.get_session(session) is not None
                store.get_active_session_count()
                store.delete_session(session)
        except BaseException as exc:  # noqa: BLE001 - any at all is the finding
            wrong.append(exc)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and store.get_active_session_count() == 0


# ---- the document on folders for files in progress


def test_create_session_temp_dir_and_get_current_session_dir(process: SessionManager) -> None:
    from utils.session_manager import create_session_temp_dir, get_current_session_dir

    session_dir = create_session_temp_dir()
    print(f"Session created: {session_dir}")
    assert session_dir.is_dir() and session_dir.parent == process.outputs
    current_dir = get_current_session_dir()
    assert current_dir == session_dir
    (current_dir / "project.db").write_bytes(b"x")  # files of a session lie in its folder and go with it
    process.delete_session(session_dir.name)
    assert not session_dir.exists()


def test_cleanup_old_sessions_with_max_sessions(process: SessionManager, clock: Clock) -> None:
    from utils.session_manager import cleanup_old_sessions, create_session_temp_dir

    made = []
    for _ in range(8):
        clock.forward(1)
        made.append(create_session_temp_dir().name)
    cleanup_old_sessions(max_sessions=5)
    assert set(process.get_all_session_ids()) == set(made[3:])


def test_only_the_newest_ten_by_a_setting(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, session_timeout_hours=0, max_sessions=10)
    made = []
    for _ in range(13):
        clock.forward(1)
        made.append(store.create_session())
    store.cleanup_old_sessions()
    assert set(store.get_all_session_ids()) == set(made[3:])
