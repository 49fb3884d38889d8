"""The kind "transcribe": the recording of an item becomes its transcript, and what a player needs beside it.

Finished stretches are the checkpoints: each is on the disk before the next one begins, so a killed, a cancelled and a handed-back
job keep their text, and the next attempt goes on behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.jobs.context import Context


def run_transcribe(context: Context) -> None:
    """Transcribe the item's recording as its request says, and store what came of it."""
    from utils.jobs.context import JobCancelled
    from utils.jobs.transcribe_work import TranscribeWork

    work = TranscribeWork(context)
    if work.is_stored:  # killed in its last moments
        work.wind_up()
        return
    try:
        work.run()
    except JobCancelled:
        work.keep_what_is_done()
        raise
