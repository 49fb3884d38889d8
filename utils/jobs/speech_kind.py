"""The kinds "speech" and "sample": the request in the item becomes sound, subtitles and a picture of the wave beside it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from utils.jobs import away
from utils.storage.item import ItemFile

if TYPE_CHECKING:
    from utils.jobs.context import Context
    from utils.speech.choose import Chooser

log = logging.getLogger(__name__)

STEM = "speech"


def run_speech(context: Context) -> None:
    """Speak the item's request and publish what was made."""
    from utils.speech.contract import SpeechRequest
    from utils.speech.synthesize import synthesize

    request = SpeechRequest.from_dict(context.item.request)
    chooser = chooser_of(context)
    with context.scratch() as folder:
        made = synthesize(
            request, chooser=chooser, folder=folder, stem=STEM, run=context, max_chars=context.settings.max_text_chars
        )
        files = []
        for name, role in made.files:
            path = context.publish(folder / name, name)
            files.append(ItemFile(name, media_type_of(name), path.stat().st_size, role))
        context.finish(made.as_dict(), files)


def chooser_of(context: Context) -> Chooser:
    """The one of this process: its engines hold the governor and what failed lately."""

    def make() -> Chooser:
        from utils.speech import engines
        from utils.speech.choose import Chooser

        settings = context.settings
        return Chooser(engines.build(settings), default=settings.tts_engine, on_away=partial(away.tell, settings.queue_dir))

    return context.shared.once("chooser", make)


def media_type_of(name: str) -> str:
    """From our own map."""
    from utils.audio.codec import FORMATS

    suffix = "." + name.rpartition(".")[2]
    known = {form.suffix: form.media_type for form in FORMATS.values()}
    known |= {".srt": "application/x-subrip", ".vtt": "text/vtt", ".json": "application/json"}
    return known[suffix]
