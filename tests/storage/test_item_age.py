"""Items of sessions that stay go by their own age, where ITEM_TIMEOUT_HOURS says so; and what never goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.storage.support import DAY, HOUR, Clock, everything, make_old, manager, speech
from utils.errors import NotFound
from utils.session_manager import SessionManager
from utils.storage.retention import ItemFacts, decide_items


@pytest.fixture
def aging(tmp_path: Path, clock: Clock) -> SessionManager:
    """Sessions stay for ever, items for a day."""
    return manager(tmp_path, clock, session_timeout_hours=0, item_timeout_hours=24)


def old_item(store: SessionManager, session: str, clock: Clock, **more: object) -> str:
    item = speech(store, session, **more)
    make_old(store.outputs / session / item.folder / item.id, clock.now)
    return item.id


def gone(store: SessionManager, **options: object) -> list[str]:
    return [item.id for item in store.cleanup_old_sessions(**options).items]  # type: ignore[arg-type]


def test_items_go_by_their_own_age_from_a_session_that_stays(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    old = [old_item(aging, session, clock), old_item(aging, session, clock, kind="sample")]
    clock.forward(DAY + 1)
    young = old_item(aging, session, clock)
    size = sum(path.lstat().st_size for item in old for path in aging.item_path(session, item).rglob("*"))
    report = aging.cleanup_old_sessions()
    assert [item.id for item in report.items] == old
    assert {item.session_id for item in report.items} == {session}
    assert (report.removed, report.kept, report.looked_at) == ((), 1, 1)
    assert report.freed_bytes == sum(item.size_bytes for item in report.items) == size
    for item in old:
        with pytest.raises(NotFound):
            aging.get_item(session, item)
        with pytest.raises(NotFound):
            aging.restore_item(session, item)
    assert [item.id for item in aging.list_items(session)[0]] == [young]
    assert everything(aging.outputs / ".trash") == {}


def test_item_age_counts_the_newest_change_inside(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = old_item(aging, session, clock)
    clock.forward(DAY - HOUR)
    os.utime(aging.item_path(session, item) / "item.json", (clock.now, clock.now))
    clock.forward(2 * HOUR)
    assert gone(aging) == []
    clock.forward(DAY)
    assert gone(aging) == [item]


def test_item_kept_open_or_of_a_permanent_session_never_goes(aging: SessionManager, clock: Clock) -> None:
    session, permanent = aging.create_session(), aging.create_session()
    aging.update_session(permanent, permanent=True)
    kept, theirs = old_item(aging, session, clock), old_item(aging, permanent, clock)
    aging.update_item(session, kept, permanent=True)
    marked = old_item(aging, session, clock, marked=True)
    make_old(aging.outputs / session / "single", clock.now)
    clock.forward(99 * DAY)
    for item, where in ((kept, session), (marked, session), (theirs, permanent)):
        assert aging.item_expires_at(where, item) is None
    assert gone(aging) == []
    aging.markers.drop(session, marked)
    aging.update_session(permanent, permanent=False)
    assert set(gone(aging)) == {marked, theirs}
    assert aging.get_item(session, kept)


def test_item_of_a_session_at_work_waits_for_the_next_sweep(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = old_item(aging, session, clock)
    clock.forward(2 * DAY)
    with aging.lease(session):
        assert gone(aging) == []
    assert gone(aging) == [item]


def test_item_goes_while_a_page_is_connected(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = old_item(aging, session, clock)
    clock.forward(2 * DAY)
    assert aging.touch_page(session)
    assert gone(aging) == [item]


def test_item_that_goes_makes_its_session_no_younger(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, item_timeout_hours=1)
    session = store.create_session()
    item = old_item(store, session, clock)
    make_old(store.outputs / session, clock.now)
    expires_at = store.expires_at(session)
    clock.forward(2 * HOUR)
    assert gone(store) == [item]
    assert store.expires_at(session) == expires_at
    clock.forward(DAY)
    assert [removal.id for removal in store.cleanup_old_sessions().removed] == [session]


def test_items_of_a_session_that_goes_are_counted_once(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, item_timeout_hours=1)
    sessions = [store.create_session() for _ in range(3)]
    for session in sessions:
        old_item(store, session, clock)
        make_old(store.outputs / session, clock.now)
    size = sum(store.usage(session).size_bytes for session in sessions)
    clock.forward(2 * HOUR)
    dry = store.cleanup_old_sessions(max_sessions=1, dry_run=True)
    wet = store.cleanup_old_sessions(max_sessions=1)
    assert (dry.removed, dry.items, dry.freed_bytes) == (wet.removed, wet.items, wet.freed_bytes)
    assert len(wet.removed) == 2 and len(wet.items) == 1
    assert wet.freed_bytes == size - store.usage(wet.items[0].session_id).size_bytes


def test_item_dry_run_says_what_a_sweep_does_and_changes_nothing(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = old_item(aging, session, clock)
    clock.forward(2 * DAY)
    before = everything(aging.outputs)
    dry = aging.cleanup_old_sessions(dry_run=True)
    assert everything(aging.outputs) == before
    assert [gone.id for gone in dry.items] == [item]
    assert dry.items == aging.cleanup_old_sessions().items


def test_item_without_a_readable_record_is_left(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = old_item(aging, session, clock)
    record = aging.item_path(session, item) / "item.json"
    record.write_bytes(b"{")
    foreign = aging.outputs / session / "single" / "not-an-item"
    foreign.mkdir()
    make_old(aging.outputs / session, 1.0)
    assert gone(aging) == []
    assert record.exists() and foreign.exists()


def test_item_swapped_for_a_link_harms_nobody(tmp_path: Path, aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = old_item(aging, session, clock)
    victim = tmp_path / "victim"
    aging.item_path(session, item).rename(victim)
    (aging.outputs / session / "single" / item).symlink_to(victim)
    make_old(victim, 1.0)
    before = everything(victim)
    clock.forward(9 * DAY)
    assert gone(aging) == []
    assert everything(victim) == before


def test_item_expiry_is_told(aging: SessionManager, clock: Clock) -> None:
    session = aging.create_session()
    item = aging.get_item(session, old_item(aging, session, clock))
    assert aging.item_expires_at(session, item) == aging.item_expires_at(session, item.id) == clock.now + DAY
    aging.item_timeout_hours = 0
    assert aging.item_expires_at(session, item) is None
    clock.forward(99 * DAY)
    assert gone(aging) == []
    with pytest.raises(NotFound):
        aging.item_expires_at(aging.create_session(), item.id)


def test_decide_items_takes_the_oldest_first_and_spares_the_rest() -> None:
    facts = [
        ItemFacts("s", "young", 100.0),
        ItemFacts("s", "old", 10.0, size_bytes=5),
        ItemFacts("s", "older", 5.0),
        ItemFacts("s", "kept", 1.0, permanent=True),
        ItemFacts("s", "open", 1.0, is_open=True),
    ]
    assert [gone.id for gone in decide_items(120.0, facts, 50.0)] == ["older", "old"]
    assert decide_items(120.0, facts, 0.0) == []
