"""The weight of a session is remembered, and is never out of date for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.storage.support import speech
from utils.session_manager import SessionManager
from utils.storage.atomic import Folder
from utils.storage.weight import SETTLED_S, Weights


def real(path: Path) -> int:
    return sum(entry.lstat().st_size for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink())


class Later:
    """A kernel's clock that is ahead, so that everything on disk is settled."""

    def __init__(self) -> None:
        self.ahead_s = 10 * SETTLED_S

    def __call__(self) -> float:
        import time

        return time.time() + self.ahead_s


@pytest.fixture
def weighed(store: SessionManager) -> SessionManager:
    store._weights = Weights(Later())
    return store


def test_weight_after_every_kind_of_change_is_what_lies_on_the_disk(weighed: SessionManager) -> None:
    store, session = weighed, weighed.create_session()
    home = store.outputs / session
    first, second = speech(store, session).id, speech(store, session, "Other").id

    def check() -> None:
        for _ in range(2):  # the second time from memory
            assert store.usage(session).size_bytes == real(home)

    check()
    store.write_file(session, first, "a.mp3", b"x" * 100)
    check()
    store.write_file(session, first, "a.mp3", b"x" * 300)
    check()
    with store.scratch(session, second) as work:
        (work / "piece").write_bytes(b"y" * 50)
        check()
        with open(work / "piece", "ab") as file:  # in place, as work does
            file.write(b"y" * 70)
            file.flush()
            check()
        store.publish(session, second, work / "piece", "b.mp3")
        check()
    store.cache(session).put("ab" * 16, b"z" * 40)
    check()
    store.cache(session).put("cd" * 16, b"z" * 60)
    check()
    store.delete_item(session, first)
    check()
    store.restore_item(session, first)
    check()
    store.update_item(session, first, title="A much longer title than before")
    check()


def test_weight_of_an_item_with_open_work_follows_what_is_appended(weighed: SessionManager) -> None:
    session = weighed.create_session()
    item = speech(weighed, session, marked=True).id
    log = weighed.item_path(session, item) / "done.jsonl"
    for _ in range(3):
        with log.open("ab") as file:
            file.write(b"row\n")
        assert weighed.usage(session).size_bytes == real(weighed.outputs / session)


def test_weight_changed_in_the_same_moment_as_the_look_is_not_remembered(store: SessionManager) -> None:
    """With the real clock nothing on disk is settled yet: a file that grows in place is seen."""
    session = store.create_session()
    item = speech(store, session).id
    path = store.write_file(session, item, "a.mp3", b"x")
    assert store.usage(session).size_bytes == real(store.outputs / session)
    with path.open("ab") as file:
        file.write(b"more")
    assert store.usage(session).size_bytes == real(store.outputs / session)


def test_weight_by_another_server_is_seen(weighed: SessionManager, tmp_path: Path) -> None:
    session = weighed.create_session()
    item = speech(weighed, session).id
    assert weighed.usage(session).size_bytes == real(weighed.outputs / session)
    other = SessionManager(weighed.outputs, clock=weighed.clock)
    other.write_file(session, item, "b.mp3", b"x" * 999)
    assert weighed.usage(session).size_bytes == real(weighed.outputs / session)


def test_weight_does_not_follow_links(weighed: SessionManager, tmp_path: Path) -> None:
    session = weighed.create_session()
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "big").write_bytes(b"x" * 10_000)
    item = weighed.item_path(session, speech(weighed, session).id)
    (item / "link").symlink_to(tmp_path / "victim" / "big")
    (item.parent / "folder").symlink_to(tmp_path / "victim")
    assert weighed.usage(session).size_bytes == real(weighed.outputs / session) < 10_000


def test_weight_second_look_opens_no_item(weighed: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    session = weighed.create_session()
    for number in range(50):
        speech(weighed, session, f"Number {number}")
    weighed.usage(session)
    opened, scan = [], os.scandir

    def counting(place: object) -> object:
        opened.append(place)
        return scan(place)  # type: ignore[call-overload]

    with Folder.open(weighed.outputs / session) as folder, monkeypatch.context() as patch:
        patch.setattr(os, "scandir", counting)
        weighed._weights.of(folder, set())
    assert len(opened) == 3, "the session, single and bulk"
