"""One connection's hold on a recording: its sound is checked and written here, before it is acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from utils.errors import AppError, BadInput
from utils.services import Services
from utils.storage.live_facts import LiveFacts
from utils.storage.recordings import Growing
from utils.workflows.live_ending import end

MOST_CHUNK_BYTES = 64 * 1024
QUOTA_EVERY_BYTES = 2 * 2**20
LONGEST = 2.0  # times LIVE_MAX_HOURS, pauses included
FAST, SLACK_S = 3.0, 60.0  # sound may come so many times faster than it was spoken, and so many seconds earlier
WEBM_BYTES_A_SECOND, WEBM_SLACK_BYTES = 64_000, 4 * 2**20


class TooFast(AppError):
    """More sound came than can have been spoken."""

    code, status = "too_fast", 429


class LimitReached(AppError):
    """The recording is as long as LIVE_MAX_HOURS allows, and has ended."""

    code, status = "recording_too_long", 413


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
            if self._growing.has_ended:
                return "ended"
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

    def end(self, why: str = "stop") -> LiveFacts:
        """End the recording while nobody else can write, then let go. Raises as `live_ending.end`."""
        with self._writing:
            facts = end(self._services, self.session_id, self.item_id, why)
        self.close()
        return facts

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
