"""Who asks, as far as a request itself tells: its address, its Bearer token, its key. Light; the edge needs it at the start."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping, Sequence

from starlette.types import Scope

IPV6_SHARE = 64  # bits of an IPv6 address that one customer has all to himself
HASH_CHARS = 8  # of a key, in logs and figures: enough to tell keys apart, nothing to log in with
UNKNOWN = "unknown"


def address_of(scope: Scope) -> str:
    """The address that a request comes from; an IPv6 one as the network that one customer gets.

    Behind a proxy the server puts the visitor's own here, for proxies that it trusts (FORWARDED_ALLOW_IPS); of others, and of a
    proxy on a local socket, all visitors count as one.
    """
    client = scope.get("client")
    return _network(str(client[0])) if client else UNKNOWN


@functools.lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, IPV6_SHARE), strict=False))
        return str(address.ipv4_mapped)
    return str(address)


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The token of `Authorization: Bearer`, "" for an empty one, None without that header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None  # the routes strip it, too; who is let in is to be counted


def key_name(keys: Sequence[str], given: str | None) -> str | None:
    """`key-<short hash>` if `given` is one of the server's keys, else None; every key is compared, in constant time."""
    told = (given or "").encode("utf-8", "surrogatepass")
    found = False
    for key in keys:
        found |= hmac.compare_digest(told, key.encode("utf-8", "surrogatepass"))
    return f"key-{hashlib.sha256(told).hexdigest()[:HASH_CHARS]}" if found else None
