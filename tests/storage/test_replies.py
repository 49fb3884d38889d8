"""What is known about a key: held alone, noted before it is made, swept after a day."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.storage.support import Clock, manager
from utils.errors import NotFound
from utils.session_manager import SessionManager
from utils.storage import locks
from utils.storage.made import Made, tell, told_to
from utils.storage.replies import FOLDER, LIVES_S, MADE, Answer, Replies

ANSWER = Answer(202, {"location": "/there"}, "Grüße".encode() * 1000)


@pytest.fixture
def store(tmp_path: Path) -> SessionManager:
    return manager(tmp_path / "outputs", Clock())


@pytest.fixture
def replies(store: SessionManager) -> Replies:
    return Replies(store.outputs, store.clock)


def test_reply_is_there_again_as_it_was_left(store: SessionManager, replies: Replies) -> None:
    session = store.create_session()
    with replies.held(session, "key") as reply:
        assert (reply.asked, reply.made, reply.answer) == (None, [], None)
        reply.ask("digest")
        with told_to(reply.note):
            item = store.create_item(session, folder="single", kind="speech", title="A", request={})
            tell(store.create_session(), Made("of-another-session"))
        reply.keep(ANSWER)
    with replies.held(session, "key") as reply:
        assert (reply.asked, reply.made, reply.answer) == ("digest", [Made(item.id)], ANSWER)
    with replies.held(session, "other key") as reply:
        assert reply.answer is None


def test_reply_is_held_by_one(store: SessionManager, replies: Replies) -> None:
    session = store.create_session()
    with replies.held(session, "key"), replies.held(session, "other"), pytest.raises(locks.Busy), replies.held(session, "key"):
        pass
    with replies.held(session, "key") as reply:
        reply.forget()
    with replies.held(session, "key"):
        pass


def test_reply_of_no_session_is_none(replies: Replies) -> None:
    with pytest.raises(NotFound), replies.held("00000000-0000-4000-8000-000000000000", "key"):
        pass


def test_note_cut_off_by_a_kill_and_an_id_that_was_taken_count_for_nothing(store: SessionManager, replies: Replies) -> None:
    session = store.create_session()
    with replies.held(session, "key") as reply:
        for made in (Made("a"), Made("b", instead_of="a"), Made("c", submitted_at=0.1 + 0.2)):
            reply.note(session, made)
    path = next((store.outputs / session / FOLDER).iterdir()) / MADE
    path.write_bytes(path.read_bytes() + b'{"item_id": "d"')
    with replies.held(session, "key") as reply:
        assert reply.made == [Made("b", instead_of="a"), Made("c", submitted_at=0.1 + 0.2)]
        reply.begin_anew()
        assert reply.made == []
    with replies.held(session, "key") as reply:
        assert reply.made == []


def test_nothing_is_made_that_cannot_be_noted(store: SessionManager, replies: Replies) -> None:
    session = store.create_session()
    with replies.held(session, "key") as reply:
        shutil.rmtree(store.outputs / session / FOLDER)
        with pytest.raises(NotFound), told_to(reply.note):
            store.create_item(session, folder="single", kind="speech", title="A", request={})
    assert store.list_items(session) == ([], 0)


def test_answer_that_is_damaged_is_none(store: SessionManager, replies: Replies) -> None:
    session = store.create_session()
    with replies.held(session, "key") as reply:
        reply.ask("digest")
        reply.keep(ANSWER)
    for path in (store.outputs / session / FOLDER).glob("*/*"):
        path.write_bytes(path.read_bytes()[:-9])
    with replies.held(session, "key") as reply:
        assert (reply.asked, reply.answer) == (None, None)


def test_sweep_removes_old_replies_and_makes_no_session_younger(tmp_path: Path) -> None:
    clock = Clock()
    store = SessionManager(tmp_path / "outputs", session_timeout_hours=0, clock=clock)
    replies, session = Replies(store.outputs, clock), store.create_session()
    for key in ("old", "held"):
        with replies.held(session, key) as reply:
            reply.ask("digest")
    clock.now += LIVES_S + 1
    with replies.held(session, "new") as reply:
        reply.ask("digest")
    home = store.outputs / session / FOLDER
    assert len(list(home.iterdir())) == 1
    for path in [home, *home.rglob("*")]:
        os.utime(path, (clock.now, clock.now))
    clock.now += LIVES_S + 1
    before = home.stat().st_mtime
    store.cleanup_old_sessions()
    assert list(home.iterdir()) == [] and home.stat().st_mtime == before
