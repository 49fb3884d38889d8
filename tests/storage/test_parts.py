"""The small parts of the store: markers, the cache of pieces, holding a folder, the trash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.storage.support import Clock, everything, manager, speech
from utils.errors import NotFound
from utils.session_manager import SessionManager
from utils.storage import locks
from utils.storage.atomic import Folder
from utils.storage.cache import FolderCache

ROOT = Path(__file__).resolve().parents[2]
ITEM = "20261121-121017-hello-6521"
KEY = "ab" * 32


# ---- markers


def test_markers_tell_open_work_oldest_first(store: SessionManager) -> None:
    first, second = store.create_session(), store.create_session()
    later = ITEM.replace("121017", "121018")
    store.markers.add(second, later)
    store.markers.add(first, ITEM)
    store.markers.add(first, ITEM)
    assert store.markers.ids() == [(first, ITEM), (second, later)]
    assert store.markers.ids(second) == [(second, later)]
    assert store.markers.sessions() == {first, second}
    assert store.markers.has(first, ITEM) and not store.markers.has(second, ITEM)
    store.markers.drop(first, ITEM)
    store.markers.drop(first, ITEM)
    assert store.markers.ids() == [(second, later)]


def test_markers_of_malformed_ids_are_refused_and_foreign_files_ignored(store: SessionManager) -> None:
    session = store.create_session()
    for pair in [("..", ITEM), (session, "../x"), (session.upper(), ITEM), (session, "")]:
        with pytest.raises(NotFound):
            store.markers.add(*pair)
    for name in [".clock", "x~y", f"{session}", f"{session}~x", "~"]:
        (store.outputs / ".open" / name).touch()
    assert store.markers.ids() == []


# ---- the cache of pieces


def test_cache_gives_back_what_was_put_also_after_a_restart(tmp_path: Path, store: SessionManager) -> None:
    session = store.create_session()
    cache = store.cache(session)
    assert cache.get(KEY) is None
    cache.put(KEY, b"piece")
    cache.put(KEY, b"again")
    assert cache.get(KEY) == b"again"
    assert manager(tmp_path, Clock()).cache(session).get(KEY) == b"again"
    assert (store.outputs / session / "cache" / KEY).read_bytes() == b"again"


def test_cache_is_of_one_session(store: SessionManager) -> None:
    first, second = store.create_session(), store.create_session()
    store.cache(first).put(KEY, b"mine")
    assert store.cache(second).get(KEY) is None


@pytest.mark.parametrize("key", ["", "short", "../../" + KEY, KEY.upper(), KEY + "\n", KEY + "/x", "g" * 64, "a" * 129])
def test_cache_other_keys_store_nothing(store: SessionManager, key: str) -> None:
    session = store.create_session()
    before = everything(store.outputs)
    store.cache(session).put(key, b"x")
    assert store.cache(session).get(key) is None
    assert everything(store.outputs) == before


def test_cache_of_an_unknown_session_is_not_found(store: SessionManager) -> None:
    with pytest.raises(NotFound):
        store.cache("5f0c9a52-31c2-4c0e-9b53-1d2e3f4a5b6c")


def test_cache_of_a_removed_session_is_quiet_and_brings_nothing_back(store: SessionManager) -> None:
    session = store.create_session()
    cache = store.cache(session)
    store.delete_session(session)
    cache.put(KEY, b"late")
    assert cache.get(KEY) is None
    assert not (store.outputs / session).exists()


def test_cache_over_its_size_loses_the_oldest(store: SessionManager) -> None:
    session = store.create_session()
    cache = FolderCache(store.outputs, session, most_bytes=1000)
    keys = [f"{number:08x}" for number in range(40)]
    for number, key in enumerate(keys):
        cache.put(key, b"x" * 100)
        os.utime(store.outputs / session / "cache" / key, (number, number))
        assert sum(file.stat().st_size for file in (store.outputs / session / "cache").iterdir()) <= 1000
    assert cache.get(keys[-1]) is not None
    assert cache.get(keys[0]) is None
    cache.put("f" * 8, b"x" * 1001)
    assert cache.get("f" * 8) is None


# ---- holding a folder


def test_lock_alone_waits_for_nobody_when_told_so(tmp_path: Path) -> None:
    with Folder.open(tmp_path) as first, Folder.open(tmp_path) as second, Folder.open(tmp_path) as third:
        with locks.shared(first), locks.shared(second), pytest.raises(locks.Busy), locks.alone(third, wait_s=0):
            pass
        with locks.alone(third, wait_s=0), pytest.raises(locks.Busy), locks.alone(first, wait_s=0.02):
            pass
        with locks.alone(first, wait_s=0):
            pass


def test_lock_on_a_folder_that_was_moved_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with Folder.open(tmp_path / "a") as folder:
        (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(FileNotFoundError), locks.shared(folder):
            pass
        (tmp_path / "a").mkdir()
        with pytest.raises(FileNotFoundError), locks.alone(folder):
            pass


HOLDER = """
import sys
from pathlib import Path
from utils.session_manager import SessionManager
with SessionManager(Path(sys.argv[1])).lease(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lease_of_a_killed_process_is_free_again(store: SessionManager) -> None:
    session = store.create_session()
    command = [sys.executable, "-c", HOLDER, str(store.outputs), session]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        store.clock.forward(1e6)  # type: ignore[attr-defined]
        assert store.cleanup_old_sessions().removed == ()
        holder.kill()
        holder.wait()
    assert [removal.id for removal in store.cleanup_old_sessions().removed] == [session]


# ---- the trash


def test_trash_deletes_links_and_files_but_never_what_links_lead_to(tmp_path: Path, store: SessionManager) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "keep").write_bytes(b"k")
    trash = store.outputs / ".trash"
    (trash / "link").symlink_to(victim)
    (trash / "file").write_bytes(b"x")
    (trash / "folder").mkdir()
    (trash / "folder" / "inner").symlink_to(victim)
    os.link(victim / "keep", trash / "folder" / "hard")
    os.mkfifo(trash / "folder" / "fifo")
    assert store.empty_trash() == 3
    assert everything(trash) == {}
    assert everything(victim) == {"keep": b"k"}


def test_trash_emptied_by_many_at_once_does_no_harm(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    for number in range(40):
        store.delete_item(session, speech(store, session, f"Item {number}").id)
    clock.forward(60)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(store.empty_trash())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) >= 40
    assert everything(store.outputs / ".trash") == {}


def test_trash_that_cannot_be_emptied_is_left_for_the_next_time(store: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    session = store.create_session()
    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", _refused)
        store.delete_session(session)
        assert store.get_session(session) is None
    assert len(list((store.outputs / ".trash").iterdir())) == 1
    assert store.empty_trash() == 1
    assert everything(store.outputs / ".trash") == {}


def _refused(*args: object, **options: object) -> None:
    raise PermissionError(1, "refused")
