"""Items that their owner keeps: they outlive the rule of their session, and nothing else of it does."""

from __future__ import annotations

import pytest

from tests.storage.support import DAY, HOUR, Clock, speech
from utils.errors import NotFound
from utils.session_manager import SessionManager
from utils.storage import search
from utils.storage.sessions import KEPT


def with_three(store: SessionManager) -> tuple[str, str, list[str]]:
    """A session with one kept item and two others."""
    session = store.create_session()
    kept, *others = (speech(store, session, f"number {count} about whales").id for count in range(3))
    store.update_item(session, kept, permanent=True)
    return session, kept, others


def test_kept_item_stays_and_the_others_go_when_the_session_would_have_gone(store: SessionManager, clock: Clock) -> None:
    session, kept, others = with_three(store)
    assert store.expires_at(session) is None
    assert len(store.find_items(session, search.Query(q="whales")).matching) == 3  # their words lie folded beside them now
    clock.forward(DAY - HOUR)
    assert store.cleanup_old_sessions().items == ()
    clock.forward(2 * HOUR)
    preview = store.cleanup_old_sessions(dry_run=True)
    report = store.cleanup_old_sessions()
    assert {item.id for item in report.items} == {item.id for item in preview.items} == set(others)
    assert (report.removed, report.kept) == ((), 1)
    assert report.freed_bytes > 0
    assert [item.id for item in store.list_items(session)[0]] == [kept]
    for item in others:
        with pytest.raises(NotFound):
            store.restore_item(session, item)
        assert not (store.outputs / session / search.INDEX / item).exists()
    assert store.cleanup_old_sessions().items == ()  # it is not made young, and nothing is left to go


def test_session_goes_after_its_last_kept_item_is_let_go(store: SessionManager, clock: Clock) -> None:
    session, kept, _ = with_three(store)
    store.update_item(session, kept, permanent=False)
    assert store.expires_at(session) is not None
    clock.forward(2 * DAY)
    assert [gone.id for gone in store.cleanup_old_sessions().removed] == [session]


def test_session_with_a_kept_item_counts_but_does_not_go_by_count(store: SessionManager, clock: Clock) -> None:
    session, kept, others = with_three(store)
    clock.forward(60)
    newer = [store.create_session() for _ in range(3)]
    report = store.cleanup_old_sessions(max_age_hours=0, max_sessions=1)
    assert {gone.id for gone in report.removed} == set(newer)
    assert {item.id for item in store.list_items(session)[0]} == {kept, *others}


def test_mark_alone_keeps_nothing(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    speech(store, session)
    (store.outputs / session / KEPT).touch()
    clock.forward(2 * DAY)
    assert [gone.id for gone in store.cleanup_old_sessions().removed] == [session]


def test_kept_items_of_active_and_permanent_sessions_bring_no_loss(store: SessionManager, clock: Clock) -> None:
    active, _, _ = with_three(store)
    permanent, _, _ = with_three(store)
    store.update_session(permanent, permanent=True)
    clock.forward(2 * DAY)
    with store.lease(active):
        assert store.cleanup_old_sessions().items == ()
    assert len(store.list_items(permanent)[0]) == 3
