"""Who may change something by cookie: only our own pages. Pure decisions over an ASGI scope."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Scope

from utils.api import cookies

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DEFAULT_PORTS = {"http": "80", "https": "443"}
ORIGIN = re.compile(r"(https?)://([^\s/?#@\\]{1,300})", re.ASCII)
PORT = re.compile(r":(\d{0,5})$", re.ASCII)


def is_https(scope: Scope) -> bool:
    """Whether the client came by TLS. Behind a proxy the server tells it, for proxies it trusts (FORWARDED_ALLOW_IPS)."""
    return scope.get("scheme") in ("https", "wss")


def _host_and_port(host: str, scheme: str) -> tuple[str, str]:
    found = PORT.search(host)
    port = found[1] if found else ""
    return (host[: found.start()] if found else host).lower(), port or DEFAULT_PORTS[scheme]


def is_own(scope: Scope) -> bool:
    """Whether the request carries exactly one Origin and it is ours: scheme, host and port as in the address bar.

    A proxy must pass the Host header on. An https origin is taken on a plain connection too: that is a proxy that ends TLS
    and does not say so, and nobody else can serve https under our name. The opposite, http on a TLS connection, is refused.
    """
    headers = Headers(scope=scope)
    origins, hosts = headers.getlist("origin"), headers.getlist("host")
    match = ORIGIN.fullmatch(origins[0]) if len(origins) == 1 == len(hosts) else None
    if match is None or not hosts[0]:
        return False
    scheme, netloc = match.groups()
    if scheme == "http" and is_https(scope):
        return False
    return _host_and_port(netloc, scheme) == _host_and_port(hosts[0], scheme)


def has_bearer(headers: Headers) -> bool:
    """Whether the caller names a session by `Authorization: Bearer`; no foreign page can make a browser send that."""
    return headers.get("authorization", "").lower().startswith("bearer ")


def may_change(scope: Scope) -> bool:
    """Whether a state-changing HTTP request or a socket may go on.

    A foreign or null Origin never may, even without a cookie: its answer could plant a cookie. An absent Origin may only
    without our cookie, as programs do.
    """
    headers = Headers(scope=scope)
    if has_bearer(headers) or is_own(scope):
        return True
    return "origin" not in headers and cookies.read(headers) is None
