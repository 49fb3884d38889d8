"""Recordings in the browser: begin one, go on with it, look at it; `live_recorder` takes the sound, `live_ending` ends it.

The truth is on disk (`storage.recordings`). A `Recorder` is one connection's hold on a recording; whoever holds it last wins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from utils.errors import BadInput, Conflict, NotFound
from utils.jobs.contract import NewJob
from utils.jobs.live_kind import LIVE, OF_RECORDING, WAV
from utils.services import Services
from utils.storage import chunks
from utils.storage.item import Item
from utils.storage.live_facts import SOUNDS, LiveFacts
from utils.storage.recordings import first_files
from utils.workflows import live_places
from utils.workflows.live_ending import tell_status
from utils.workflows.live_recorder import Recorder
from utils.workflows.tongues import LANGUAGES

RATES_HZ = (8_000, 48_000)
TITLE = "Recording"
NO_CAPTIONS = "This server makes no captions while you speak (LIVE_WORKERS=0); the transcript is made at the end."
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begin:
    """What somebody wants to record.

    Attributes:
        sample_rate: In Hz.
        format: A key of `live_facts.SOUNDS`.
        language: A language that Whisper knows, or "" = find out.
        captions: Text while it is spoken.
        transcript: A transcript at the end.
        title: For people; "" = a usual one.
    """

    sample_rate: int
    format: str = "pcm_s16le"
    language: str = ""
    captions: bool = True
    transcript: bool = True
    title: str = ""


@dataclass(frozen=True)
class Begun:
    """A recording that somebody may feed.

    Attributes:
        recorder: Takes its sound.
        item_id: Of it.
        captions: There will be captions.
        note: Why there are none though they were asked for, or "".
    """

    recorder: Recorder
    item_id: str
    captions: bool
    note: str = ""


class OpenAlready(Conflict):
    """A session has one recording at a time; `item_id` is the one that is open."""

    def __init__(self, item_id: str) -> None:
        super().__init__("A recording is open in this session.", "Stop it first, or go on with it.")
        self.item_id = item_id


def begin(services: Services, session_id: str, wanted: Begin, *, admit: Callable[[], None] = lambda: None) -> Begun:
    """Make the item of a recording and hold it. One after the other in a process: between the looks and the item nothing is locked.

    Args:
        services: As everywhere.
        session_id: Who records.
        wanted: What.
        admit: Called when nothing else is against it, before anything is made; raises to refuse.

    Raises:
        BadInput: It cannot be recorded like this.
        OpenAlready: A recording is open in this session.
        TooMany: So many recordings with captions are open as this server carries, or so much other work.
        QuotaExceeded: The session is full.
        StoreUnavailable: The disk refuses.
    """
    _check(wanted)
    if (open_one := open_of(services, session_id)) is not None:
        raise OpenAlready(open_one)
    admit()
    note = ""
    captions = wanted.captions
    if captions and services.settings.live_workers == 0 and not live_places.count(services):
        captions, note = False, NO_CAPTIONS
    if captions:
        live_places.check_place(services)
    facts = LiveFacts(wanted.sample_rate, wanted.format, wanted.language, captions, wanted.transcript, started_at=services.clock())
    title, request = wanted.title.strip() or TITLE, request_of(wanted)
    if captions:
        job = NewJob(LIVE, title, "recording", request, files=first_files(facts))
        item_id = services.jobs.submit(session_id, job).id
        services.sessions.open_recordings.add(session_id, item_id)  # killed before: the job ends what nobody feeds
    else:
        item_id = services.sessions.create_recording(session_id, title=title, request=request, facts=facts).id
    recorder = Recorder(services, session_id, item_id, services.sessions.grow_recording(session_id, item_id))
    tell_status(services, session_id, "recording")
    log.info("event=recording_begun session=%s captions=%s rate_hz=%d", session_id, captions, wanted.sample_rate)
    return Begun(recorder, item_id, captions, note)


def resume(services: Services, session_id: str, item_id: str) -> Begun:
    """Go on with an open recording; a connection that had it loses it.

    Raises:
        NotFound: There is no such recording.
        Conflict: It has ended.
    """
    growing = services.sessions.grow_recording(session_id, item_id)
    tell_status(services, session_id, "recording")
    return Begun(Recorder(services, session_id, item_id, growing), item_id, growing.facts.captions)


def open_of(services: Services, session_id: str) -> str | None:
    """The recording of a session that is open, or None."""
    for _, item_id in services.sessions.open_recordings.ids(session_id):
        with suppress(NotFound):
            if services.sessions.recording(session_id, item_id).is_open:
                return item_id
    return None


def standing(services: Services, session_id: str, item_id: str) -> tuple[LiveFacts, float]:
    """How a recording stands, and its length so far in seconds. Raises NotFound."""
    facts = services.sessions.recording(session_id, item_id)
    known = facts.seconds_of(chunks.confirmed(services.sessions.item_path(session_id, item_id), facts.sound))
    if known is None:  # WebM: as long as it took
        known = max(0.0, (services.clock() if facts.ended_at is None else facts.ended_at) - facts.started_at)
    return facts, known


def next_seq(services: Services, session_id: str, item_id: str) -> int:
    """So many chunks are in a recording. Raises NotFound."""
    services.sessions.recording(session_id, item_id)
    return chunks.count(services.sessions.item_path(session_id, item_id))


def request_of(wanted: Begin) -> dict[str, Any]:
    """What the item asks for at the end: to be transcribed from its WAV."""
    from utils.transcription.contract import TranscriptionRequest  # late: it loads numpy, and the lifespan needs this module

    request = TranscriptionRequest(language=wanted.language, title=wanted.title)
    source = {"source": {"file": WAV}, "original_name": WAV}
    return {**request.as_dict(), **source, OF_RECORDING: True}


def text_of(services: Services, session_id: str, item: Item) -> str:
    """The final text of a recording, or "" while there is none."""
    from utils.transcription import transcript_file

    file = item.role("transcript")
    if file is None:
        return ""
    path = services.sessions.file_path(session_id, item.id, file.name)
    return transcript_file.from_bytes(path.read_bytes()).text


# ---- inside


def _check(wanted: Begin) -> None:
    if wanted.format not in SOUNDS:
        raise BadInput("The format of a recording is one of " + ", ".join(SOUNDS) + ".")
    if not RATES_HZ[0] <= wanted.sample_rate <= RATES_HZ[1]:
        raise BadInput(f"The sample rate of a recording is a number from {RATES_HZ[0]} to {RATES_HZ[1]}.")
    if wanted.language and wanted.language not in LANGUAGES:
        raise BadInput(f"The language {wanted.language[:12]!r} is not one that Whisper knows.", "Leave it empty to have it found.")
