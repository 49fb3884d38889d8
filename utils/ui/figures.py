"""Figures in words: lengths, sizes, counts and times as they stand on the pages."""

from __future__ import annotations

from datetime import datetime, tzinfo

from utils.sizes import size

__all__ = ["about", "ago", "count", "length", "size"]

MINUTE_S, HOUR_S = 60, 3600


def length(seconds: float) -> str:
    """Length of a sound: `6.2 s`, `1 min 05 s`, `1 h 02 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02d} s"
    minutes = round(seconds / MINUTE_S)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """An estimate, without more figures than it deserves: `about 6 s`, `about 3 min`, `about 2 h`."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * MINUTE_S:
        return f"about {round(seconds / MINUTE_S)} min"
    return f"about {round(seconds / HOUR_S)} h"


def count(number: float, one: str, many: str = "") -> str:
    """A number with its noun: `1 request`, `1,024 requests`."""
    return f"{number:,.0f} {one if number == 1 else many or one + 's'}"


def ago(then: float, now: float, zone: tzinfo | None = None) -> str:
    """When something was, for a person: `just now`, `5 min ago`, `3 h ago`, `yesterday, 14:05`, `14 March, 14:05`.

    Args:
        then: Seconds since the epoch.
        now: Seconds since the epoch.
        zone: The person's time zone; None is the server's.
    """
    passed = now - then
    if passed < MINUTE_S:
        return "just now"
    if passed < HOUR_S:
        return f"{int(passed // MINUTE_S)} min ago"
    at, today = datetime.fromtimestamp(then, zone), datetime.fromtimestamp(now, zone)
    days = (today.date() - at.date()).days
    if days == 0:
        return f"{int(passed // HOUR_S)} h ago"
    if days == 1:
        return f"yesterday, {at:%H:%M}"
    return f"{at.day} {at:%B}, {at:%H:%M}" if at.year == today.year else f"{at.day} {at:%B %Y}"
