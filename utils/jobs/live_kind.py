"""The kinds "live" and "record": captions of a recording while it is spoken, and its files when it has ended.

    live      pool live: follows sound.pcm, appends to captions.jsonl until live.json says that the recording has ended
    record    pool speech: recording.wav, listen.mp3, player.json, captions.srt and captions.txt
    transcribe, as everywhere: the final text, by the better model, if one is wanted

One job goes on as the next (`Kind.follow`). A recording without captions begins with "record" when it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from utils.jobs.context import Context

LIVE, RECORD, TRANSCRIBE = "live", "record", "transcribe"
LIVE_POOL = "live"
ABANDONED_S = 120.0  # a recording that nobody feeds for so long has ended
WAV = "recording.wav"
OF_RECORDING = "recording"  # in an item's request: this transcript was recorded here


def run_live(context: Context) -> None:
    """Caption the recording until it has ended."""
    from utils.jobs.live_work import LiveWork

    LiveWork(context).run()


def follows_live(context: Context) -> str:
    """Its files come next."""
    return RECORD


def run_record(context: Context) -> None:
    """Make the files of a recording that has ended."""
    from utils.jobs.record_work import RecordWork

    RecordWork(context).run()


def follows_record(context: Context) -> str:
    """The transcript, where one is wanted and there is sound."""
    return TRANSCRIBE if context.item.kind == "transcript" else ""


def telling(run: Callable[[Context], None], *, last: bool) -> Callable[[Context], None]:
    """`run` for an item that may be a recording: the session's status says how it went.

    Args:
        run: The work of a kind.
        last: Nothing comes after it.
    """

    def told(context: Context) -> None:
        from utils.errors import AppError, Cancelled

        try:
            run(context)
        except Cancelled:
            raise
        except AppError:
            _tell(context, "error")
            raise
        if last or not follows_record(context):
            _tell(context, "complete")

    return told


def _tell(context: Context, status: str) -> None:
    """Only over "processing": the person may be recording the next one."""
    from contextlib import suppress

    from utils.errors import AppError

    if not context.item.request.get(OF_RECORDING):
        return
    with suppress(AppError):
        session = context.sessions.peek_session(context.session_id)
        if session is not None and session.status == "processing":
            context.sessions.update_session(context.session_id, status=status)
