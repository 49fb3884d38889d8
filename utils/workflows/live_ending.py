"""The end of a recording: it is said once, and then its files are made by jobs."""

from __future__ import annotations

import logging
from contextlib import suppress

from utils.errors import AppError, Conflict, NotFound, TooMany
from utils.jobs.contract import NewJob
from utils.jobs.live_kind import LIVE, RECORD, WAV
from utils.services import Services
from utils.storage.live_facts import LiveFacts

log = logging.getLogger(__name__)


def end(services: Services, session_id: str, item_id: str, why: str = "stop") -> LiveFacts:
    """End a recording: what is to be made of it begins. Ended before, it stays as it was. Raises NotFound, StoreUnavailable."""
    now = services.clock()
    facts = services.sessions.change_recording(session_id, item_id, lambda facts: facts.ended(now, why))
    tell_status(services, session_id, "processing")
    finish(services, session_id, item_id)
    log.info("event=recording_ended session=%s why=%s", session_id, facts.why)
    return facts


def finish(services: Services, session_id: str, item_id: str) -> None:
    """Have the files of a recording made that has ended, if nobody does so already. What is refused now is tried again later."""
    sessions = services.sessions
    try:
        item = sessions.get_item(session_id, item_id)
        if sessions.recording(session_id, item_id).is_open or services.jobs.is_open(session_id, item_id):
            return
        if not item.file(WAV) and _last_kind(services, session_id, item_id) in ("", LIVE):
            services.jobs.submit(session_id, NewJob(RECORD, item.title, "recording", dict(item.request), item_id=item_id))
            return
    except Conflict:  # its job was not over after all
        return
    except TooMany:
        return
    except NotFound:
        pass
    sessions.open_recordings.drop(session_id, item_id)


def tell_status(services: Services, session_id: str, status: str) -> None:
    """A disk that refuses must not keep a recording from beginning or ending."""
    with suppress(AppError):
        services.sessions.update_session(session_id, status=status)


def _last_kind(services: Services, session_id: str, item_id: str) -> str:
    """The kind of the item's last job, "" when it never had one."""
    try:
        return services.jobs.status(session_id, item_id).kind
    except NotFound:
        return ""
