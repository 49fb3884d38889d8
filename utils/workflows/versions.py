"""Versions of what can be edited, as HTTP names them (RFC 9110, sections 8.8.3 and 13.1)."""

from __future__ import annotations

import hashlib

DIGITS = 20


def tag(said: str | bytes) -> str:
    """The strong ETag of what was said, quotes included."""
    data = said if isinstance(said, bytes) else said.encode("utf-8", "surrogatepass")
    return f'"{hashlib.sha256(data).hexdigest()[:DIGITS]}"'


def matches(if_match: str, etag: str) -> bool:
    """Whether `If-Match` allows a change of this version: one of its tags, or `*`. Weak tags never do."""
    wanted = [one.strip() for one in if_match.split(",")]
    return wanted == ["*"] or etag in wanted


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether `If-None-Match` says that the client has this version; weak tags count."""
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in known or etag in known
