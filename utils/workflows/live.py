"""Recordings in the browser: begin one, take its sound, go on with it, end it, and see to those that nobody ends.

The truth is on disk (`storage.recordings`). A `Recorder` is one connection's hold on a recording; whoever holds it last wins.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from utils.errors import AppError, BadInput, Conflict, NotFound, TooMany
from utils.jobs import live_slots
from utils.jobs.contract import NewJob
from utils.jobs.live_kind import LIVE, LIVE_POOL, OF_RECORDING, RECORD, WAV
from utils.jobs.status import Health
from utils.services import Services
from utils.storage.item import Item
from utils.storage.live_facts import SOUNDS, LiveFacts
from utils.storage.recordings import Growing, first_files
from utils.workflows.tongues import LANGUAGES

RATES_HZ = (8_000, 48_000)
MOST_CHUNK_BYTES = 64 * 1024
TITLE = "Recording"
NO_CAPTIONS = "This server makes no captions while you speak (LIVE_WORKERS=0); the transcript is made at the end."
QUOTA_EVERY_BYTES = 2 * 2**20
LONGEST = 2.0  # times LIVE_MAX_HOURS, pauses included
FAST, SLACK_S = 3.0, 60.0  # sound may come so many times faster than it was spoken, and so many seconds earlier
WEBM_BYTES_A_SECOND, WEBM_SLACK_BYTES = 64_000, 4 * 2**20
log = logging.getLogger(__name__)


class TooFast(AppError):
    """More sound came than can have been spoken."""

    code, status = "too_fast", 429


class LimitReached(AppError):
    """The recording is as long as LIVE_MAX_HOURS allows, and has ended."""

    code, status = "recording_too_long", 413


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


@dataclass(frozen=True)
class Taken:
    """What became of some chunks.

    Attributes:
        acked: All chunks up to this number are on disk; -1 = none yet.
        resend_from: The chunk that is missing, when later ones came; else None.
    """

    acked: int
    resend_from: int | None = None


class Recorder:
    """One connection's hold on a recording. Used by one thread at a time; `tick` and `close` by any."""

    def __init__(self, services: Services, session_id: str, item_id: str, growing: Growing) -> None:
        self._services = services
        self.session_id = session_id
        self.item_id = item_id
        self.facts: LiveFacts = growing.facts
        self._growing = growing
        self._writing = threading.Lock()
        self._lock = threading.Lock()  # of its own: flushing to the disk may take long, and nobody waits for it
        self._checked_bytes = growing.file.size_bytes
        self._synced_bytes = growing.file.size_bytes
        self._closed = False

    @property
    def next_seq(self) -> int:
        """Number of the chunk that is missing next."""
        return self._growing.file.next_seq

    @property
    def seconds(self) -> float:
        """Length so far; of WebM the time since its begin, which is more."""
        known = self.facts.seconds_of(self._growing.file.size_bytes)
        return max(0.0, self._services.clock() - self.facts.started_at) if known is None else known

    def take(self, chunks: Sequence[tuple[int | None, bytes]]) -> Taken:
        """Write chunks that are new. Those that are there already are skipped, those behind a gap are not taken.

        Raises:
            BadInput: A chunk is no sound of this recording.
            TooFast: More than can have been spoken.
            LimitReached: It was the last; the recording has ended.
            QuotaExceeded: The session is full; the recording has ended.
            StoreUnavailable: The disk refuses; nothing of this counts.
        """
        with self._writing:
            if self._closed:
                return Taken(-1)
            return self._take(chunks)

    def _take(self, chunks: Sequence[tuple[int | None, bytes]]) -> Taken:
        wanted, fresh, resend = self.next_seq, list[bytes](), None
        for number, chunk in chunks:
            if number is None or number == wanted:
                self._check_chunk(chunk)
                fresh.append(chunk)
                wanted += 1
            elif number > wanted:
                resend = wanted
                break
        if fresh:
            self._check_room(sum(map(len, fresh)))
            self._write(fresh)
            if self.seconds >= self._services.settings.live_max_hours * 3600:
                end(self._services, self.session_id, self.item_id, "limit")
                hours = self._services.settings.live_max_hours
                raise LimitReached(f"The recording is {hours:g} hours long, the most allowed (LIVE_MAX_HOURS).", "Begin a new one.")
        return Taken(self.next_seq - 1, resend)

    def mark(self) -> float:
        """Mark this moment; its second."""
        seconds = self.seconds
        self._services.sessions.change_recording(self.session_id, self.item_id, lambda facts: facts.marked(seconds))
        return seconds

    def tick(self) -> str:
        """About every second, by any thread: have what was written survive a power failure; why it is not ours any more, or ""."""
        limit_s = self._services.settings.live_max_hours * 3600
        with self._lock:
            if self._closed:
                return ""
            if not self._growing.is_there:
                return "gone"
            if not self._growing.is_ours:
                return "taken_over"
            if self._services.clock() - self.facts.started_at > LONGEST * limit_s:
                return "limit"
            size = self._growing.file.size_bytes
            with suppress(OSError):  # the next write tells the person
                if size != self._synced_bytes:
                    self._growing.file.sync()
                    self._synced_bytes = size
                else:
                    self._growing.file.beat()
        return ""

    def close(self) -> None:
        """Let go; once more does no harm."""
        with self._writing, self._lock:
            if not self._closed:
                self._closed = True
                self._growing.close()

    def _write(self, fresh: list[bytes]) -> None:
        from utils.storage.faults import unavailable

        try:
            self._growing.file.append(fresh)
        except OSError as exc:
            raise unavailable(exc) from exc

    def _check_chunk(self, chunk: bytes) -> None:
        if not 0 < len(chunk) <= MOST_CHUNK_BYTES:
            raise BadInput(f"A chunk of sound has 1 to {MOST_CHUNK_BYTES:,} bytes.", "Send more and smaller ones.")
        if self.facts.format == "pcm_s16le" and len(chunk) % 2:
            raise BadInput("A chunk of PCM ends within a sample.", "Send whole samples of two bytes.")

    def _check_room(self, more_bytes: int) -> None:
        """Is there room, and can it have been spoken since the begin?"""
        size, services = self._growing.file.size_bytes + more_bytes, self._services
        since_s = max(0.0, services.clock() - self.facts.started_at)
        known = self.facts.seconds_of(size)
        most_webm = WEBM_BYTES_A_SECOND * since_s + WEBM_SLACK_BYTES
        if (known is not None and known > FAST * since_s + SLACK_S) or (known is None and size > most_webm):
            raise TooFast("More sound has come than can have been spoken since the recording began.", "Send it as it is spoken.")
        if size - self._checked_bytes < QUOTA_EVERY_BYTES:
            return
        try:
            services.sessions.check_quota(self.session_id, size)  # recording.wav will be as long
        except AppError:
            end(services, self.session_id, self.item_id, "full")
            raise
        self._checked_bytes = size


def begin(services: Services, session_id: str, wanted: Begin) -> Begun:
    """Make the item of a recording and hold it.

    Raises:
        BadInput: It cannot be recorded like this.
        Conflict: A recording is open in this session.
        TooMany: So many recordings with captions are open as this server carries, or so much other work.
        QuotaExceeded: The session is full.
        StoreUnavailable: The disk refuses.
    """
    _check(wanted)
    _check_none_open(services, session_id)
    note = ""
    captions = wanted.captions
    if captions and services.settings.live_workers == 0 and not _places(services):
        captions, note = False, NO_CAPTIONS
    if captions:
        _check_place(services)
    facts = LiveFacts(wanted.sample_rate, wanted.format, wanted.language, captions, wanted.transcript, started_at=services.clock())
    title, request = wanted.title.strip() or TITLE, request_of(wanted)
    if captions:
        job = NewJob(LIVE, title, "recording", request, files=first_files(facts))
        item_id = services.jobs.submit(session_id, job).id
        services.sessions.open_recordings.add(
            session_id, item_id
        )  # killed before: the job ends it, as it ends all that nobody feeds
    else:
        item_id = services.sessions.create_recording(session_id, title=title, request=request, facts=facts).id
    recorder = Recorder(services, session_id, item_id, services.sessions.grow_recording(session_id, item_id))
    _tell_status(services, session_id, "recording")
    log.info("event=recording_begun session=%s captions=%s rate_hz=%d", session_id, captions, wanted.sample_rate)
    return Begun(recorder, item_id, captions, note)


def resume(services: Services, session_id: str, item_id: str) -> Begun:
    """Go on with an open recording; a connection that had it loses it.

    Raises:
        NotFound: There is no such recording.
        Conflict: It has ended.
    """
    growing = services.sessions.grow_recording(session_id, item_id)
    _tell_status(services, session_id, "recording")
    return Begun(Recorder(services, session_id, item_id, growing), item_id, growing.facts.captions)


def end(services: Services, session_id: str, item_id: str, why: str = "stop") -> LiveFacts:
    """End a recording: what is to be made of it begins. Ended before, it stays as it was. Raises NotFound, StoreUnavailable."""
    now = services.clock()
    facts = services.sessions.change_recording(session_id, item_id, lambda facts: facts.ended(now, why))
    _tell_status(services, session_id, "processing")
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


def open_of(services: Services, session_id: str) -> str | None:
    """The recording of a session that is open, or None."""
    for _, item_id in services.sessions.open_recordings.ids(session_id):
        with suppress(NotFound):
            if services.sessions.recording(session_id, item_id).is_open:
                return item_id
    return None


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


def places(services: Services) -> dict[str, int]:
    """How many recordings with captions can be open at one time, and how many are."""
    return {"places": _places(services), "open": _taken(services)}


# ---- inside


def _places(services: Services) -> int:
    """On all machines together; before a worker has told, as this server's settings say."""
    settings = services.settings
    found = live_slots.told(settings.queue_dir, services.clock())
    if found is not None:
        return found
    return live_slots.FIRST if settings.live_workers < 0 else settings.live_workers


def _taken(services: Services) -> int:
    health = getattr(services.jobs, "health", None)
    if health is None:
        return 0
    found: Health = health()
    pool = found.pools.get(LIVE_POOL, {})
    return pool.get("waiting", 0) + pool.get("running", 0)


def _check_place(services: Services) -> None:
    most = _places(services)
    if _taken(services) >= most:
        sentence = f"So many people are recording with captions as this server can follow: {most} (LIVE_WORKERS)."
        raise TooMany(sentence, "Record without captions, or wait until somebody has stopped.", retry_after_s=30.0)


def _check(wanted: Begin) -> None:
    if wanted.format not in SOUNDS:
        raise BadInput("The format of a recording is one of " + ", ".join(SOUNDS) + ".")
    if not RATES_HZ[0] <= wanted.sample_rate <= RATES_HZ[1]:
        raise BadInput(f"The sample rate of a recording is a number from {RATES_HZ[0]} to {RATES_HZ[1]}.")
    if wanted.language and wanted.language not in LANGUAGES:
        raise BadInput(f"The language {wanted.language[:12]!r} is not one that Whisper knows.", "Leave it empty to have it found.")


def _check_none_open(services: Services, session_id: str) -> None:
    if open_of(services, session_id) is not None:
        raise Conflict("A recording is open in this session.", "Stop it first, or go on with it.")


def _last_kind(services: Services, session_id: str, item_id: str) -> str:
    """The kind of the item's last job, "" when it never had one."""
    try:
        return services.jobs.status(session_id, item_id).kind
    except NotFound:
        return ""


def _tell_status(services: Services, session_id: str, status: str) -> None:
    """A disk that refuses must not keep a recording from beginning or ending."""
    with suppress(AppError):
        services.sessions.update_session(session_id, status=status)
