"""Scripts of other sites: what the ones named in CORS_ORIGINS may do. Never with cookies, never the sockets.

Fetch standard, section 3.3: the browser asks first (`OPTIONS` with Access-Control-Request-Method), and hands an answer to the
script only if it names the script's origin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Scope

from utils.api import cookies

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
ASKED = frozenset(
    {
        *("accept", "authorization", "cache-control", "content-type", "user-agent", "x-file-name", "last-event-id"),
        *("idempotency-key", "if-match", "if-none-match", "if-range", "range"),
        *("openai-organization", "openai-project", "openai-beta"),
    }
)
OF_CLIENT = re.compile(r"x-stainless-[a-z-]{1,40}", re.ASCII)  # what OpenAI's client in a browser adds
EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, "
    "Idempotent-Replayed, Location, Retry-After, Sotto-Engine, Sotto-Voice, WWW-Authenticate"
)
KEPT_S = 600  # how long a browser may remember what it was told


class Cors:
    """The rule for a list of origins.

    Args:
        origins: As the browser writes them; none = no other site.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def origin_of(self, scope: Scope) -> str | None:
        """The request's Origin if it is one of the list, else None."""
        found = Headers(scope=scope).getlist("origin") if self._origins else []
        return found[0] if len(found) == 1 and found[0] in self._origins else None

    def may_change(self, scope: Scope) -> bool:
        """Whether a request that changes something may come from there: with a token or without any credential, not by cookie."""
        return self.origin_of(scope) is not None and cookies.read(Headers(scope=scope)) is None

    def preflight(self, scope: Scope) -> Response | None:
        """The answer to a browser that asks what is allowed, or None for everything else."""
        headers = Headers(scope=scope)
        if scope["method"] != "OPTIONS" or "access-control-request-method" not in headers or self.origin_of(scope) is None:
            return None
        names = [name.strip().lower() for name in headers.get("access-control-request-headers", "").split(",")]
        allowed = sorted({name for name in names if name in ASKED or OF_CLIENT.fullmatch(name)})
        told = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Max-Age": str(KEPT_S)}
        if allowed:
            told["Access-Control-Allow-Headers"] = ", ".join(allowed)
        return Response(status_code=204, headers=told)

    def finish(self, scope: Scope, headers: MutableHeaders) -> None:
        """Put on an answer below our prefixes what the browser needs to hand it to the script."""
        if not self._origins:
            return
        headers.add_vary_header("Origin")
        origin = self.origin_of(scope)
        if origin is not None:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = EXPOSED
            del headers["Set-Cookie"]  # a script there must not plant one
