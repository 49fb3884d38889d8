"""Speech for one request, heard while it is spoken: start it, read what is new of it, and nothing of it is left."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass

from utils.errors import AppError, EngineCrashed, NotFound
from utils.jobs.contract import NewJob
from utils.jobs.say_kind import SAYING, SOUND, Told
from utils.services import Services
from utils.speech import plan as planning
from utils.speech import voices
from utils.speech.contract import SPEED_RANGE, SpeechRequest
from utils.speech.named_voices import NAMED
from utils.speech.tongue import guess
from utils.workflows import generate, passing
from utils.workflows.answers import failure_of

AT_ONCE_BYTES = 256 * 1024
CLOSED_WITHIN_S = 0.3  # if not, the worker has died after the last byte
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Wish:
    """What a program asks for.

    Attributes:
        text: As typed.
        voice: A name of OpenAI's (a key of NAMED), or the id of a voice here.
        engine: `auto`, or the name of an engine.
        language: BCP 47 tag; empty = the voice's, else what the text looks like.
        speed: Factor, 0.25 to 4.
        format: Key of a format that is streamable.
    """

    text: str
    voice: str
    engine: str = "auto"
    language: str = ""
    speed: float = 1.0
    format: str = "mp3"


def job_of(services: Services, wish: Wish) -> NewJob:
    """The work for a wish, checked.

    Raises:
        BadInput: or one of its children, with the reason.
    """
    speed = min(max(wish.speed, SPEED_RANGE[0]), SPEED_RANGE[1])
    named = NAMED.get(wish.voice)
    voice = None if named else voices.find(wish.voice)
    language = voices.find_language(wish.language or (voice.language if voice else guess(wish.text))).tag
    in_english = language.partition("-")[0] == "en" and wish.language in ("", "en")
    request = SpeechRequest(
        wish.text,
        language=language,
        engine=wish.engine,
        accent=(named.accent or None) if named and in_english else None,
        voice=voice.id if voice else None,
        speed=speed,
        format=wish.format,
    )
    planning.plan(request, max_chars=services.settings.max_text_chars)
    generate.first_engine(services, request)
    saying = {"variant": named.variant if named else "", "tempo": wish.speed / speed}
    return NewJob("say", "", "speech", {**request.as_dict(), SAYING: saying})


class Say:
    """One speech that somebody waits for. `end` it in every case. Used by one thread at a time.

    Attributes:
        told: What the worker says of it; None before the first sound.
        read_bytes: How much was read.
        is_made: All of it is there to be read.
    """

    def __init__(self, services: Services, who: str, job: NewJob) -> None:
        """Start the work.

        Raises:
            TooMany: Too many open jobs.
            QuotaExceeded: The caller has no room left.
            StoreUnavailable: The disk refuses.
        """
        self._services = services
        self._work = passing.begin(services, who)
        self._file: int | None = None
        self._ended_s = 0.0
        self.is_made = False
        self.read_bytes = 0
        self.told: Told | None = None
        try:
            self._job_id = self._work.submit(job).id
            self._folder = services.sessions.item_path(self._work.session_id, self._job_id)
        except BaseException:
            self._work.end()
            raise

    @property
    def is_whole(self) -> bool:
        """Everything was read."""
        return self._ended_s > 0

    @property
    def has_ended(self) -> bool:
        """Everything was read, and the worker is done with it."""
        return self.told is not None and self.told.ended

    def read(self) -> bytes:
        """What is new; empty when nothing is, or when all was read. Quick: looks at a file or three.

        Raises:
            AppError: What the worker met, or that it broke off after something was read.
        """
        if self.has_ended:
            return b""
        is_open = self._is_open()  # before the look at the files: what is closed writes nothing more
        told = Told.read(self._folder)
        if told is None:
            return self._nothing(is_open)
        if self._file is None:
            with suppress(FileNotFoundError):
                self._file = os.open(self._folder / SOUND, _READ)
        if self._file is None:
            return self._nothing(is_open)
        if data := os.read(self._file, AT_ONCE_BYTES):
            self.read_bytes += len(data)
            self.told, self.is_made = Told(told.engine, told.voice), told.ended
            return data
        if not self._is_the_same():
            self._begin_again()
        elif told.ended:
            self._finish(told, is_open)
        else:
            return self._nothing(is_open)
        return b""

    def _finish(self, told: Told, is_open: bool) -> None:
        """All was read. The worker is given a moment to close its books, which cannot be done any more once the item is gone."""
        self._ended_s = self._ended_s or time.monotonic()
        if not is_open or time.monotonic() - self._ended_s > CLOSED_WITHIN_S:
            self.told = told

    def end(self) -> None:
        """Stop what still runs and remove everything; once more does no harm."""
        self._close()
        self._work.end()

    def _is_open(self) -> bool:
        return self._services.sessions.markers.has(self._work.session_id, self._job_id)

    def _nothing(self, is_open: bool) -> bytes:
        """Nothing is new; if nobody works on it any more, nothing will be."""
        if is_open:
            return b""
        try:
            job = self._services.jobs.status(self._work.session_id, self._job_id)
        except NotFound as exc:
            raise EngineCrashed("The work was removed before it was done.", "Try again.") from exc
        if job.is_open:  # an open job that nobody knew of was put back into the index just now
            return b""
        if job.state == "done":
            raise AppError("The work left no sound.", "Try again.")
        raise failure_of(job)

    def _is_the_same(self) -> bool:
        """What we read from still is the item's sound."""
        try:
            return os.path.samestat(os.stat(self._folder / SOUND), os.fstat(self._file or 0))
        except FileNotFoundError:
            return False

    def _begin_again(self) -> None:
        """The worker died and another one speaks anew: from the start, if nothing of the first was heard."""
        if self.read_bytes:
            raise EngineCrashed("The speech broke off in the middle.", "Try again.")
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
