"""Which sessions go: one pure decision over now and facts about sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SessionFacts:
    """What the decision needs to know of a session.

    Attributes:
        id: UUID4.
        last_used: Newest time anywhere inside or of its last activity, seconds since the epoch.
        permanent: Marked by its owner as never to be removed.
        active: A job is open or a lease is held.
        size_bytes: Bytes on disk.
    """

    id: str
    last_used: float
    permanent: bool = False
    active: bool = False
    size_bytes: int = 0


@dataclass(frozen=True)
class Removal:
    """A session that goes, and why: `age` or `count`."""

    id: str
    reason: str
    size_bytes: int = 0


def decide(
    now: float, sessions: Sequence[SessionFacts], max_age_s: float, max_sessions: int, keep: Collection[str] = ()
) -> list[Removal]:
    """Say which sessions go, oldest use first.

    By age go those that were not used for longer than `max_age_s`. By count go, of what is left, those used longest ago until no
    more than `max_sessions` remain. Active and permanent ones and those in `keep` never go, but they count.

    Args:
        now: Seconds since the epoch. A time of last use after it counts as now.
        sessions: All that there are.
        max_age_s: Seconds; 0 = nothing goes by age.
        max_sessions: Most sessions that remain; 0 = no limit.
        keep: Ids that stay whatever they are, such as that of the one who asks.
    """
    kept = set(keep)
    oldest_first = sorted(sessions, key=lambda facts: (facts.last_used, facts.id))
    spare = [facts for facts in oldest_first if not (facts.active or facts.permanent or facts.id in kept)]
    by_age = [facts for facts in spare if max_age_s > 0 and now - facts.last_used > max_age_s]
    left = spare[len(by_age) :]
    over = max(0, len(sessions) - len(by_age) - max_sessions) if max_sessions > 0 else 0
    return [Removal(facts.id, "age", facts.size_bytes) for facts in by_age] + [
        Removal(facts.id, "count", facts.size_bytes) for facts in left[:over]
    ]
