"""Which engine would transcribe now, and why it is not Whisper; for reports and banners. Cheap: nothing is loaded or asked."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from utils.settings import Settings
from utils.transcription import models


@dataclass(frozen=True)
class Outlook:
    """What `auto` comes to on this server, as far as it can be told without a network and without loading anything.

    Attributes:
        engine: `whisper`, `draft`, or "" when neither can work.
        model: Label of the model, for people.
        state: Of the Whisper model: `here`, `fetchable` (the first job fetches it) or `missing`.
        reason: Why it is not Whisper, one sentence, or "".
        note: For a banner where text is shown: DRAFT_NOTE for the draft engine, else "".
    """

    engine: str
    model: str
    state: str
    reason: str = ""
    note: str = ""


def outlook(settings: Settings, cache: Path | None = None) -> Outlook:
    """See `Outlook`; reads names and small files, and looks whether libraries are installed.

    Args:
        settings: What the server is set to.
        cache: The hub's cache; None = where its library looks.
    """
    offer = models.offers(settings, cache)[0]
    draft_missing = "" if _installed("pocketsphinx") else "The draft engine needs pocketsphinx, which is not installed."
    if settings.stt_engine == "draft":
        reason = "The setting STT_ENGINE is draft."
    elif not _installed("faster_whisper"):
        reason = "Whisper needs faster-whisper, which is not installed."
    else:
        reason = offer.reason
    if not reason:
        return Outlook("whisper", offer.label, offer.state)
    if settings.stt_engine == "whisper":
        return Outlook("", offer.label, offer.state, reason)
    if draft_missing:
        return Outlook("", offer.label, offer.state, f"{reason} {draft_missing}")
    return Outlook("draft", "PocketSphinx (draft)", offer.state, reason, models.DRAFT_NOTE)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
