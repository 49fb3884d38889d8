"""Which sessions and items go: pure decisions over now and facts about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SessionFacts:
    """What the decision needs to know of a session.

    Attributes:
        id: UUID4.
        last_used: Newest time anywhere inside or of its last activity, seconds since the epoch.
        permanent: Marked by its owner as never to be removed.
        active: A job is open, a lease is held or a page is connected.
        size_bytes: Bytes on disk.
        holds_kept: One of its items is permanent, so the session stays; its other items go when it would have gone by age.
    """

    id: str
    last_used: float
    permanent: bool = False
    active: bool = False
    size_bytes: int = 0
    holds_kept: bool = False


@dataclass(frozen=True)
class Removal:
    """A session that goes, why (`age` or `count`), how much it holds and when it was last used."""

    id: str
    reason: str
    size_bytes: int = 0
    last_used: float = 0.0


@dataclass(frozen=True)
class ItemFacts:
    """What the decision needs to know of an item.

    Attributes:
        session_id: Whose it is.
        id: Of the item.
        last_changed: Newest time anywhere inside, seconds since the epoch.
        permanent: Marked by its owner as never to be removed.
        is_open: It has open work.
        size_bytes: Bytes on disk.
    """

    session_id: str
    id: str
    last_changed: float
    permanent: bool = False
    is_open: bool = False
    size_bytes: int = 0


@dataclass(frozen=True)
class ItemRemoval:
    """An item that goes by its own age from a session that stays."""

    session_id: str
    id: str
    size_bytes: int = 0
    last_changed: float = 0.0


def decide(
    now: float, sessions: Sequence[SessionFacts], max_age_s: float, max_sessions: int, keep: Collection[str] = ()
) -> list[Removal]:
    """Say which sessions go, oldest use first.

    By age go those that were not used for longer than `max_age_s`. By count go, of what is left, those used longest ago until no
    more than `max_sessions` remain. Active and permanent ones, those that hold a kept item and those in `keep` never go, but they
    count.

    Args:
        now: Seconds since the epoch. A time of last use after it counts as now.
        sessions: All that there are.
        max_age_s: Seconds; 0 = nothing goes by age.
        max_sessions: Most sessions that remain; 0 = no limit.
        keep: Ids that stay whatever they are, such as that of the one who asks.
    """
    kept = set(keep)
    oldest_first = sorted(sessions, key=lambda facts: (facts.last_used, facts.id))
    spare = [facts for facts in oldest_first if not (facts.active or facts.permanent or facts.holds_kept or facts.id in kept)]
    by_age = [facts for facts in spare if max_age_s > 0 and now - facts.last_used > max_age_s]
    left = spare[len(by_age) :]
    over = max(0, len(sessions) - len(by_age) - max_sessions) if max_sessions > 0 else 0
    return [Removal(facts.id, "age", facts.size_bytes, facts.last_used) for facts in by_age] + [
        Removal(facts.id, "count", facts.size_bytes, facts.last_used) for facts in left[:over]
    ]


def must_clear(now: float, facts: SessionFacts, max_age_s: float, keep: Collection[str] = ()) -> bool:
    """Whether a session that stays for the sake of a kept item loses its other items, because it would have gone by age."""
    spare = facts.holds_kept and not (facts.active or facts.permanent or facts.id in keep)
    return spare and max_age_s > 0 and now - facts.last_used > max_age_s


def decide_items(now: float, items: Iterable[ItemFacts], max_age_s: float, *, all_of_them: bool = False) -> list[ItemRemoval]:
    """Say which items of sessions that stay go, oldest first: those not changed for longer than `max_age_s`; 0 = none.

    With `all_of_them` whatever their age. Permanent ones and those with open work never go. Whether the session is permanent is the
    caller's to know.
    """
    going = [
        ItemRemoval(facts.session_id, facts.id, facts.size_bytes, facts.last_changed)
        for facts in items
        if all_of_them or (max_age_s > 0 and now - facts.last_changed > max_age_s)
        if not (facts.permanent or facts.is_open)
    ]
    return sorted(going, key=lambda gone: (gone.last_changed, gone.session_id, gone.id))
