"""Whole or not at all: with every system call failing once, with a full and a read-only disk, with kill -9."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.storage.support import DAY, Clock, everything, manager, speech, temporaries
from utils.errors import AppError, NotFound, StoreUnavailable
from utils.session_manager import SessionManager
from utils.storage import atomic
from utils.storage.atomic import write_whole

ROOT = Path(__file__).resolve().parents[2]


def test_write_whole_new_and_again_has_the_last_bytes(tmp_path: Path) -> None:
    for data in (b"one", b"two" * 100_000, b""):
        write_whole(tmp_path / "a", data)
        assert everything(tmp_path) == {"a": data}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_write_whole_into_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        write_whole(tmp_path / "gone" / "a", b"x")


def test_write_whole_into_a_linked_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(NotFound):
        write_whole(tmp_path / "link" / "a", b"x")
    assert everything(tmp_path / "victim") == {}


def test_write_whole_over_links_leaves_their_targets_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / "soft").symlink_to(victim)
    os.link(victim, tmp_path / "hard")
    for name in ("soft", "hard"):
        write_whole(tmp_path / name, b"ours")
        assert (tmp_path / name).read_bytes() == b"ours"
        assert not (tmp_path / name).is_symlink()
    assert victim.read_bytes() == b"untouched"


def test_folder_read_of_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with atomic.Folder.open(tmp_path) as folder:
        for name in ("link", "folder", "fifo", "missing"):
            with pytest.raises(OSError):
                folder.read(name)


def test_folder_moved_while_open_writes_go_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with atomic.Folder.open(tmp_path / "a") as folder:
        assert folder.same()
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").mkdir()
        assert not folder.same()
        folder.write("x", b"1")
    assert everything(tmp_path) == {"a": "folder", "b": "folder", "b/x": b"1"}


@pytest.mark.parametrize(("durable", "calls"), [(True, ["fsync", "replace", "fsync"]), (False, ["replace"])])
def test_write_durable_is_flushed_before_it_is_seen_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, calls: list[str]
) -> None:
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("fsync", "replace"):
            real = getattr(os, name)
            patch.setattr(os, name, lambda *args, real=real, name=name, **more: (seen.append(name), real(*args, **more))[1])
        write_whole(tmp_path / "a", b"x", durable=durable)
    assert seen == calls


# ---- every call of the system fails once


class Failing:
    """Lets the N-th call of the system that changes the disk fail."""

    CALLS = ("open", "fsync", "replace", "mkdir", "utime")

    def __init__(self, patch: pytest.MonkeyPatch, code: int) -> None:
        self.left, self.code = -1, code
        for name in self.CALLS:
            patch.setattr(os, name, self._wrapped(getattr(os, name)))
        # the module asked which calls take a descriptor before they were wrapped

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if real.__name__ == "open" and not args[1] & os.O_CREAT:
                return real(*args, **options)
            if self.left > 0:
                self.left -= 1
                if self.left == 0:
                    raise OSError(self.code, os.strerror(self.code))
            return real(*args, **options)

        return call


def _changes() -> list[tuple[str, Callable[[SessionManager, str, str], object]]]:
    return [
        ("create_session", lambda store, session, item: store.create_session()),
        ("update_session", lambda store, session, item: store.update_session(session, preferences={"a": 1})),
        ("create_item", lambda store, session, item: speech(store, session, "New", files={"job.json": b"{}"})),
        ("update_item", lambda store, session, item: store.update_item(session, item, title="Changed")),
        ("write_file", lambda store, session, item: store.write_file(session, item, "a.mp3", b"new")),
        ("delete_item", lambda store, session, item: store.delete_item(session, item)),
        ("delete_session", lambda store, session, item: store.delete_session(session)),
        ("publish", _publish),
    ]


def _publish(store: SessionManager, session: str, item: str) -> None:
    with store.scratch(session, item) as work:
        with open(work / "built", "wb") as file:
            file.write(b"published")
        store.publish(session, item, work / "built", "a.mp3")


@pytest.fixture(params=[errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    with monkeypatch.context() as patch:
        yield Failing(patch, request.param)


@pytest.mark.parametrize(("name", "change"), _changes(), ids=[name for name, _ in _changes()])
def test_change_with_any_call_failing_is_whole_or_not_at_all(
    tmp_path: Path, failing: Failing, name: str, change: Callable[[SessionManager, str, str], object]
) -> None:
    clock = Clock()
    for number in range(1, 100):
        store = manager(tmp_path / str(number), clock)
        session = store.create_session()
        item = speech(store, session).id
        store.write_file(session, item, "a.mp3", b"old")
        failing.left = number
        try:
            change(store, session, item)
        except StoreUnavailable as exc:
            assert exc.sentence.endswith(".") and exc.sentence.count(".") == 1 and exc.hint
        else:
            assert failing.left > 0, "the error was swallowed"
            break
        finally:
            failing.left = -1
        assert temporaries(store.outputs) == []
        _is_whole(store, session, item)
    assert number > 1


def _is_whole(store: SessionManager, session: str, item: str) -> None:
    """Every session and item that can be seen can be read, and the file has all of its old or new bytes."""
    for seen in store.get_all_session_ids():
        assert store.peek_session(seen) is not None
        listed, total = store.list_items(seen)
        assert total == len(listed)
    if session in store.get_all_session_ids() and any(found.id == item for found in store.list_items(session)[0]):
        data = (store.item_path(session, item) / "a.mp3").read_bytes()
        assert data in (b"old", b"new", b"published")
        assert store.get_item(session, item).title in ("Hello", "Changed")


# ---- real disks

FULL_DISK = """
import os, resource, sys
from pathlib import Path
from utils.errors import StoreUnavailable
from utils.session_manager import SessionManager
from tests.storage.support import speech, temporaries

def told(act):
    try:
        act()
    except StoreUnavailable as exc:
        assert temporaries(Path(sys.argv[1])) == [], temporaries(Path(sys.argv[1]))
        return exc.sentence
    raise SystemExit("no error was told")

store = SessionManager(Path(sys.argv[1], "outputs"))
session = store.create_session()
item = speech(store, session).id
store.write_file(session, item, "a.mp3", b"old" * 1000)
"""

SMALL_DISK = (
    FULL_DISK
    + """
print(told(lambda: store.write_file(session, item, "a.mp3", b"x" * 3_000_000)))
filler = Path(sys.argv[1], "filler")
with open(filler, "wb", buffering=0) as file:
    try:
        while True:
            file.write(b"x" * 4096)
    except OSError:
        pass
for number in range(300):  # nearly full: some of it may still fit
    try:
        speech(store, session, f"Item {number}")
    except StoreUnavailable as exc:
        print(exc.sentence)
        break
assert temporaries(Path(sys.argv[1])) == []
assert store.get_session(session) is not None
filler.unlink()
store.write_file(session, item, "b.mp3", b"fits again")
os.system(f"mount -o remount,ro {sys.argv[1]}")
print(told(lambda: store.write_file(session, item, "a.mp3", b"new")))
print(told(store.create_session))
assert store.get_session(session) is not None and store.get_item(session, item)
assert store.cleanup_old_sessions().removed == ()
store.cache(session).put("ab" * 16, b"not an error")
assert (store.item_path(session, item) / "a.mp3").read_bytes() == b"old" * 1000
"""
)


def _python(code: str, folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*before, sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True)


def test_disk_full_and_read_only_is_told_in_a_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    """On a real disk of 1 MB that only the child sees, which needs user namespaces and so is skipped where there are none."""
    script = 'mount -t tmpfs -o size=1m none "$1" || exit 77; shift; exec "$@"'
    try:
        done = _python(SMALL_DISK, tmp_path, "unshare", "-rm", "sh", "-c", script, "sh", str(tmp_path))
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if done.returncode == 77 or (done.returncode and "unshare" in done.stderr):
        pytest.skip("this system does not let us mount a small disk")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "The disk that holds OUTPUTS_DIR is full.",
        "The disk that holds OUTPUTS_DIR is full.",
        "The disk that holds OUTPUTS_DIR is read-only.",
        "The disk that holds OUTPUTS_DIR is read-only.",
    ]


def test_file_over_the_size_limit_of_the_system_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    code = (
        FULL_DISK
        + """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
print(told(lambda: store.write_file(session, item, "a.mp3", b"x" * 3_000_000)))
assert (store.item_path(session, item) / "a.mp3").read_bytes() == b"old" * 1000
"""
    )
    done = _python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "A file grew over the size that this system allows in OUTPUTS_DIR.\n"


# ---- kill -9

WRITER = """
import hashlib, os, sys
from pathlib import Path
from tests.storage.support import speech
from utils.session_manager import SessionManager

store = SessionManager(Path(sys.argv[1], "outputs"))

def write(session):
    number = 0
    while True:
        body = os.urandom(64) * 2048
        body += hashlib.sha256(body).digest()
        number += 1
        item = speech(store, session, f"Item {number}", files={"job.json": body})
        store.write_file(session, item.id, "a.mp3", body)
        store.update_item(session, item.id, result={"number": number})
        os.write(1, f"{item.id} {hashlib.sha256(body).hexdigest()}\\n".encode())
        if number % 5 == 0:
            store.delete_item(session, item.id)

for line in sys.stdin:  # a fresh writer for every session that is named; quicker than a fresh interpreter
    child = os.fork()
    if child == 0:
        write(line.strip())
    os.write(1, f"pid {child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


def _kill_cycles(tmp_path: Path, cycles: int) -> int:
    store, rng, acknowledged = SessionManager(tmp_path / "outputs"), random.Random(1), 0
    nursery = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert nursery.stdin and nursery.stdout
    with nursery, nursery.stdin as orders, nursery.stdout as news:
        for cycle in range(cycles):
            session = store.create_session()
            orders.write(f"{session}\n".encode())
            orders.flush()
            lines = [news.readline().decode()]
            while not any(line.startswith("pid") for line in lines) or (
                cycle % 2 and len(lines) < 2
            ):  # half of them after a success
                lines.append(news.readline().decode())
            time.sleep(rng.random() * 0.05)
            os.kill(next(int(line.split()[1]) for line in lines if line.startswith("pid")), signal.SIGKILL)
            while not (line := news.readline().decode()).startswith("dead"):
                lines.append(line)
            done = dict(line.split() for line in lines if not line.startswith("pid"))
            acknowledged += len(done)
            _nothing_torn(store, session, done)
    return acknowledged


def _nothing_torn(store: SessionManager, session: str, done: dict[str, str]) -> None:
    listed = {item.id: item for item in store.list_items(session, limit=10_000)[0]}
    for item in listed:
        for file in store.item_path(session, item).iterdir():
            if (not file.name.startswith(".") and file.suffix != ".json") or file.name == "job.json":
                data = file.read_bytes()
                assert hashlib.sha256(data[:-32]).digest() == data[-32:], f"torn: {file.name}"
    for number, (item, digest) in enumerate(done.items(), 1):
        if item in listed:
            data = (store.item_path(session, item) / "a.mp3").read_bytes()
            assert hashlib.sha256(data).hexdigest() == digest, "an acknowledged file was lost"
            assert listed[item].result == {"number": number}
        else:
            assert number % 5 == 0, "an acknowledged item was lost"


def test_kill_while_writing_leaves_nothing_torn(tmp_path: Path) -> None:
    assert _kill_cycles(tmp_path, 40) >= 20
    _sweeps_clean(tmp_path)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_kill_while_writing_leaves_nothing_torn_long(tmp_path: Path) -> None:
    assert _kill_cycles(tmp_path, 500) >= 250
    _sweeps_clean(tmp_path)


def _sweeps_clean(tmp_path: Path) -> None:
    """After one sweep no temporary is left, and after another one a day later nothing at all."""
    clock = Clock()
    store = manager(tmp_path, clock, session_timeout_hours=24)
    before = set(store.get_all_session_ids())
    assert store.cleanup_old_sessions().errors == ()
    assert temporaries(store.outputs) == []
    assert set(store.get_all_session_ids()) == before
    clock.forward(DAY + 200)
    store.cleanup_old_sessions()
    assert store.get_all_session_ids() == []
    assert set(everything(store.outputs)) == {".open", ".secret", ".trash"}


def test_missing_outputs_folder_is_told(tmp_path: Path) -> None:
    store = manager(tmp_path, Clock())
    session = store.create_session()
    store.outputs.rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        store.create_session()
    with pytest.raises(NotFound):
        store.get_item(session, "20261121-121017-a-0000")
    assert store.get_session(session) is None


def test_outputs_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("x")
    with pytest.raises(AppError) as told:
        manager(tmp_path, Clock())
    assert told.value.sentence
