"""How many recordings with captions can be open at one time."""

from __future__ import annotations

from contextlib import suppress

from utils.errors import NotFound, TooMany
from utils.jobs import live_slots
from utils.services import Services


def places(services: Services) -> dict[str, int]:
    """How many recordings with captions can be open at one time, and how many are."""
    return {"places": count(services), "open": _taken(services)}


def count(services: Services) -> int:
    """On all machines together; before a worker has told, as this server's settings say."""
    settings = services.settings
    found = live_slots.told(settings.queue_dir, services.clock())
    if found is not None:
        return found
    return live_slots.FIRST if settings.live_workers < 0 else settings.live_workers


def is_draft(services: Services) -> bool:
    """The draft engine makes the captions, as far as is known: a model that has to be fetched cannot be had."""
    from utils.transcription import models

    settings = services.settings
    if settings.stt_engine != live_slots.AUTO_ENGINE:
        return settings.stt_engine == live_slots.DRAFT
    state = models.offer_of(settings.live_model, settings).state
    return state == "missing" or (state == "fetchable" and live_slots.told_draft(settings.queue_dir, services.clock()))


def check_place(services: Services) -> None:
    """Is there room for one more? Raises TooMany."""
    most = count(services)
    if _taken(services) >= most:
        sentence = f"This server makes captions for {most} at one time (LIVE_WORKERS), and all places are taken."
        hint = "Record without captions, or wait: a place is free when somebody stops, or two minutes after they left."
        raise TooMany(sentence, hint, retry_after_s=30.0)


def _taken(services: Services) -> int:
    """Open recordings with captions. Those of an ended one are ready soon; who begins meanwhile reads the first words later."""
    taken = 0
    for session_id, item_id in services.sessions.open_recordings.ids():
        with suppress(NotFound):
            facts = services.sessions.recording(session_id, item_id)
            taken += facts.is_open and facts.captions
    return taken
