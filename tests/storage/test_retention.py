"""Retention: a pure decision, held by properties."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from utils.storage.retention import SessionFacts, decide

NOW = 1_000_000.0


def facts(name: str, age_s: float, **more: bool) -> SessionFacts:
    return SessionFacts(name, NOW - age_s, **more)


def gone(*sessions: SessionFacts, max_age_s: float = 0, max_sessions: int = 0, keep: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(removal.id, removal.reason) for removal in decide(NOW, sessions, max_age_s, max_sessions, keep)]


def test_retention_by_age_removes_only_what_is_older() -> None:
    assert gone(facts("a", 101), facts("b", 100), facts("c", 99), max_age_s=100) == [("a", "age")]


def test_retention_zero_age_and_count_remove_nothing() -> None:
    assert gone(facts("a", 1e9), facts("b", 1)) == []


def test_retention_by_count_removes_the_oldest_used() -> None:
    assert gone(facts("new", 1), facts("old", 30), facts("mid", 20), max_sessions=2) == [("old", "count")]


def test_retention_active_permanent_and_kept_stay_but_count() -> None:
    sessions = [facts("busy", 900, active=True), facts("mine", 800, permanent=True), facts("me", 700), facts("x", 2), facts("y", 1)]
    assert gone(*sessions, max_age_s=10, max_sessions=4, keep=("me",)) == [("x", "count")]
    assert gone(*sessions, max_sessions=1, keep=("me",)) == [("x", "count"), ("y", "count")]


def test_retention_by_age_and_count_together_removes_no_more_than_needed() -> None:
    sessions = [facts("a", 200), facts("b", 50), facts("c", 40), facts("d", 30)]
    assert gone(*sessions, max_age_s=100, max_sessions=2) == [("a", "age"), ("b", "count")]


def test_retention_time_in_the_future_counts_as_now() -> None:
    assert gone(SessionFacts("a", NOW + 1e6), max_age_s=1) == []


many = st.lists(
    st.builds(
        SessionFacts,
        st.uuids().map(str),
        st.floats(NOW - 1000, NOW + 100),
        st.booleans(),
        st.booleans(),
        st.integers(0, 10**6),
    ),
    unique_by=lambda found: found.id,
    max_size=20,
)


@given(many, st.sampled_from([0.0, 1.0, 300.0]), st.integers(0, 12), st.data())
def test_retention_any_sessions_keeps_its_promises(
    sessions: list[SessionFacts], age_s: float, most: int, data: st.DataObject
) -> None:
    keep = data.draw(st.sets(st.sampled_from([found.id for found in sessions]))) if sessions else set()
    removals = {removal.id: removal for removal in decide(NOW, sessions, age_s, most, keep)}
    by_id = {found.id: found for found in sessions}
    assert len(removals) <= len(sessions)
    for name in removals:
        assert not (by_id[name].active or by_id[name].permanent or name in keep)
    spare = [found for found in sessions if not (found.active or found.permanent or found.id in keep)]
    for found in spare:
        if age_s and NOW - found.last_used > age_s:
            assert removals[found.id].reason == "age"
    if most:
        left = len(sessions) - len(removals)
        assert left <= most or all(found.id in removals for found in spare)
        by_count = [by_id[name].last_used for name, removal in removals.items() if removal.reason == "count"]
        stayed = [found.last_used for found in spare if found.id not in removals]
        assert not by_count or not stayed or max(by_count) <= min(stayed)
        assert not by_count or left >= most
    elif not age_s:
        assert removals == {}
