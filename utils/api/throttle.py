"""Throttle: how often one address, session or key may ask the routes, and open sessions. Each server process counts alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import Scope

from utils.api import callers, cookies, problems
from utils.errors import TooMany
from utils.limits import Buckets
from utils.services import Services

MINUTE_S, HOUR_S = 60.0, 3600.0
OPENING = "/api/v1/sessions"


class Throttle:
    """Token buckets by the settings RATE_*. A whole minute's share (for sessions an hour's) may be used at once.

    Args:
        services: Settings, the signer of sessions and the tally.
        clock: Monotonic seconds.
    """

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        settings = services.settings
        self._services = services
        self._session = _buckets(settings.rate_session_per_minute, MINUTE_S, clock)
        self._key = _buckets(settings.rate_key_per_minute, MINUTE_S, clock)
        self._address = _buckets(settings.rate_address_per_minute, MINUTE_S, clock)
        self._openings = _buckets(settings.rate_new_sessions_per_hour, HOUR_S, clock)

    def check(self, scope: Scope) -> None:
        """Count a request to one of our routes. Raises TooMany."""
        who = callers.address_of(scope)
        self._take("address", self._address, who, "This address asks too often", "requests a minute (RATE_ADDRESS_PER_MINUTE)")
        headers = Headers(scope=scope)
        bearer = callers.bearer_of(headers)
        if problems.is_openai(scope):
            key = callers.key_name(self._services.settings.api_keys, bearer)
            self._take("key", self._key, key, "This key is used too often", "requests a minute (RATE_KEY_PER_MINUTE)")
            return
        session_id = self._services.sessions.verify(cookies.read(headers) if bearer is None else bearer)
        self._take(
            "session", self._session, session_id, "This session asks too often", "requests a minute (RATE_SESSION_PER_MINUTE)"
        )
        if scope["path"] == OPENING and scope["method"] == "POST":
            self.check_opening(scope)

    def check_opening(self, scope: Scope) -> None:
        """Count a new session. Raises TooMany."""
        who = callers.address_of(scope)
        wanted = "new sessions an hour (RATE_NEW_SESSIONS_PER_HOUR)"
        self._take("openings", self._openings, who, "This address opens too many sessions", wanted)

    def _take(self, what: str, buckets: Buckets | None, who: str | None, sentence: str, unit: str) -> None:
        if buckets is None or who is None:
            return
        wait_s = buckets.take(who)
        if wait_s:
            self._services.tally.add("throttled", what)
            hint = f"Wait {max(1, round(wait_s))} s and try again."
            raise TooMany(f"{sentence}: more than {buckets.burst:,.0f} {unit}.", hint, retry_after_s=wait_s)


def _buckets(share: int, seconds: float, clock: Callable[[], float]) -> Buckets | None:
    return Buckets(share / seconds, share, clock=clock) if share else None
