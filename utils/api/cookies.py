"""The cookie `sotto_session`: the signed credential of a browser."""

from __future__ import annotations

from collections.abc import Mapping

from utils.settings import Settings

NAME = "sotto_session"
LONGEST_S = 400 * 86_400  # browsers cut Max-Age there (RFC 6265bis, section 5.5)
SHORTEST_S = 30 * 86_400  # a tab that stays open longer than retention lives on by its socket, which cannot renew a cookie


def read(headers: Mapping[str, str]) -> str | None:
    """The value of our cookie in request headers, unchecked."""
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == NAME and value:
            return value.strip('"')
    return None


def max_age_s(settings: Settings, *, permanent: bool = False) -> int:
    """How long a browser shall keep the cookie, in seconds.

    The server decides whether a session lives; the cookie only must not go first.
    """
    if permanent or settings.session_timeout_hours == 0:
        return LONGEST_S
    return int(min(max(settings.session_timeout_hours * 3600, SHORTEST_S), LONGEST_S))


def set_cookie(token: str, age_s: int, *, secure: bool) -> str:
    """The `Set-Cookie` value that hands out a credential; `age_s` 0 takes it away.

    Lax, not Strict: under Strict a person who arrives by a link would get a new, empty session.
    """
    return f"{NAME}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
