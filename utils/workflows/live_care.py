"""What the server does for recordings that nobody feeds any more: it ends them, and has their files made."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from utils.errors import AppError, NotFound
from utils.jobs.live_kind import ABANDONED_S
from utils.services import Services
from utils.workflows import live_ending

EVERY_S = 15.0
log = logging.getLogger(__name__)


async def keep_finishing(services: Services, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
    """Look at once and every `every_s` seconds until cancelled."""
    began = clock()
    while True:
        try:
            await asyncio.to_thread(look_after, services, clock() - began)
        except Exception as exc:  # noqa: BLE001 - one bad look must not be the last
            log.warning("event=recordings_not_looked_after cause=%s", type(exc).__name__)
        await asyncio.sleep(every_s)


def look_after(services: Services, up_s: float, *, abandoned_s: float = ABANDONED_S) -> int:
    """One look at all recordings that are not seen to their end.

    Args:
        services: As everywhere.
        up_s: For how long this server is up: nobody could feed a recording before.
        abandoned_s: After so long without sound and without a connection a recording has ended.

    Returns:
        How many were ended.
    """
    ended = 0
    for session_id, item_id in services.sessions.open_recordings.ids():
        try:
            ended += _look(services, session_id, item_id, up_s, abandoned_s)
        except NotFound:
            with suppress(AppError):
                services.sessions.open_recordings.drop(session_id, item_id)
        except AppError as exc:  # a full disk: the next round tries again
            log.warning("event=recording_not_ended session=%s code=%s", session_id, exc.code)
        except Exception as exc:  # noqa: BLE001 - one bad recording must not keep the others from their end
            log.warning("event=recording_not_ended session=%s cause=%s", session_id, type(exc).__name__)
    return ended


def _look(services: Services, session_id: str, item_id: str, up_s: float, abandoned_s: float) -> bool:
    facts = services.sessions.recording(session_id, item_id)
    if not facts.is_open:
        live_ending.finish(services, session_id, item_id)
        return False
    idle_s = services.clock() - services.sessions.recording_fed_at(session_id, item_id)
    if min(idle_s, up_s) <= abandoned_s:
        return False
    live_ending.end(services, session_id, item_id, "abandoned")
    return True
