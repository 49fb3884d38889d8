"""File descriptors of this process: four for every open page, so the usual soft limit of 1024 ends at 250 visitors."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

ENOUGH = 65_536  # hard limits of a thousand million exist, and slow down every program that closes "all" descriptors


@dataclass(frozen=True)
class Descriptors:
    """How many may be open, and how many are; None where the platform does not tell."""

    limit: int | None
    used: int | None


def raise_soft_limit() -> None:
    """Set the soft limit to the hard one, as far as it is of use. Where that is not allowed, it stays."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError) as exc:
        log.warning("event=descriptor_limit_kept limit=%d cause=%s", soft, type(exc).__name__)


def count() -> Descriptors:
    """The limit and the use of this moment."""
    if sys.platform == "win32":
        return Descriptors(None, None)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        used: int | None = len(os.listdir("/dev/fd"))
    except OSError:
        used = None
    return Descriptors(None if soft == resource.RLIM_INFINITY else soft, used)
