"""Reading our own JSON files back: bounded in size, of a version that we know, and one sentence when they are damaged."""

from __future__ import annotations

import json
from typing import Any

from utils.errors import Conflict


def read_json(data: bytes, max_bytes: int, schema: int, damaged: str, hint: str) -> dict[str, Any]:
    """An object with a `schema` of at most ours.

    Args:
        data: The file.
        max_bytes: More is refused before anything is read.
        schema: The newest version that is understood.
        damaged: Sentence for a file that cannot be read.
        hint: What to do then.

    Raises:
        Conflict: It is too large, damaged, or of a newer version.
    """
    if len(data) > max_bytes:
        raise Conflict(damaged, hint)
    try:
        plain = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:  # also bytes that are not UTF-8
        raise Conflict(damaged, hint) from exc
    version = plain.get("schema") if isinstance(plain, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise Conflict(damaged, hint)
    if version > schema:
        raise Conflict("This file was written by a newer version of Sotto.", "Update the server.")
    return dict(plain)


def _no_number(name: str) -> None:
    raise ValueError(name)
