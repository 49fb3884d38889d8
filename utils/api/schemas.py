"""What goes in and out of the routes, with units, limits and examples. Pydantic only here, where bytes enter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from utils.jobs.contract import JobStatus
from utils.speech.contract import (
    DEFAULT_LOUDNESS_LUFS,
    LOUDNESS_RANGE_LUFS,
    PAUSE_RANGE_MS,
    PITCH_RANGE,
    SPEED_RANGE,
    SpeechRequest,
    Voice,
)
from utils.storage.item import Item
from utils.workflows.generate import Estimate
from utils.workflows.sessions import Opened

MAX_TITLE_CHARS = 500  # cut to 120 bytes by the store
MAX_DICTIONARY = 500

Seconds = Annotated[float, Field(description="Seconds since 1970-01-01 00:00 UTC.", examples=[1763712000.0])]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    """What somebody sends: unknown fields are an error, so that a typing mistake does not pass in silence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Problem(BaseModel):
    """An error, as RFC 9457 has it. Programs decide on `code`."""

    type: str = Field(examples=["urn:sotto:problem:not_found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not_found"])
    detail: str = Field(description="What happened and why.", examples=["There is no such item."])
    hint: str = Field(description="What to do, or empty.", examples=[""])
    instance: str | None = Field(None, description="Id of a defect, also in the server's log.")
    errors: list[FieldProblem] | None = Field(None, description="Which fields are wrong.")


class FieldProblem(BaseModel):
    """One wrong field of a request."""

    field: str = Field(examples=["speed"])
    problem: str = Field(examples=["Input should be less than or equal to 2"])


# ---- sessions -----------------------------------------------------------------------------------------------------


class SessionOpened(BaseModel):
    """A new session and its credential, which is shown this once."""

    session_id: str = Field(examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])
    token: str = Field(description="Send it as `Authorization: Bearer <token>`.")
    created_at: Seconds
    expires_at: Seconds | None = Field(description="When it is removed if nothing happens in it; null = never.")

    @classmethod
    def of(cls, opened: Opened) -> SessionOpened:
        """From the workflow's answer."""
        return cls(session_id=opened.session_id, token=opened.token, created_at=opened.created_at, expires_at=opened.expires_at)


class SessionInfo(BaseModel):
    """The session that the request named."""

    current_session_id: str
    created_at: Seconds
    last_activity: Seconds
    status: str = Field(description="`idle`, `recording`, `processing`, `complete` or `error`.", examples=["idle"])
    permanent: bool = Field(description="Never removed by age or count.")
    size_bytes: int = Field(description="On disk.", examples=[48213])
    item_count: int = Field(examples=[1])
    expires_at: Seconds | None


class SessionChange(_Body):
    """What can be changed of a session."""

    permanent: bool


# ---- items and jobs -----------------------------------------------------------------------------------------------


class FileOut(BaseModel):
    """A finished file of an item."""

    name: str = Field(examples=["hello-world.mp3"])
    media_type: str = Field(examples=["audio/mpeg"])
    size_bytes: int = Field(examples=[48213])
    role: str = Field(
        description="`audio`, `subtitles`, `peaks`, `source`, `transcript`, `table` or `manifest`.", examples=["audio"]
    )
    url: str = Field(description="Where to fetch it.")


class ItemOut(BaseModel):
    """One thing made or uploaded."""

    id: str = Field(examples=["20261121-120000-hello-world-1a2b"])
    kind: str = Field(examples=["speech"])
    title: str = Field(examples=["Hello world"])
    created_at: Seconds
    updated_at: Seconds
    permanent: bool = Field(description="Never removed by retention.")
    request: dict[str, Any] = Field(description="What was asked.")
    result: dict[str, Any] = Field(description="What came of it: engine, voice, seconds and more; empty while it is being made.")
    size_bytes: int
    files: list[FileOut]

    @classmethod
    def of(cls, item: Item) -> ItemOut:
        """From a stored item."""
        base = f"/api/v1/items/{item.id}/files/"
        files = [FileOut(**asdict(file), url=base + quote(file.name)) for file in item.files]
        return cls(
            id=item.id,
            kind=item.kind,
            title=item.title,
            created_at=item.created_at,
            updated_at=item.updated_at,
            permanent=item.permanent,
            request=item.request,
            result=item.result,
            size_bytes=item.size_bytes,
            files=files,
        )


class ItemPage(BaseModel):
    """One page of items, newest first."""

    items: list[ItemOut]
    total: int = Field(description="Of all pages.", examples=[1])
    page: int = Field(examples=[1])
    per_page: int = Field(examples=[50])


class ItemChange(_Body):
    """What can be changed of an item; a field left out stays as it is."""

    title: str | None = Field(None, max_length=MAX_TITLE_CHARS, examples=["Hello again"])
    permanent: bool | None = None


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(examples=["engine_unreachable"])
    status: int = Field(description="The HTTP status that fits.", examples=[503])
    detail: str
    hint: str = ""


class JobOut(BaseModel):
    """How a job stands. Its id is that of the item that it fills."""

    id: str
    kind: str = Field(examples=["speech"])
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    title: str
    progress: float = Field(description="0 to 1.", examples=[0.5])
    done: float = Field(description="Units finished: pieces, rows.")
    total: float = Field(description="Units in all; 0 while unknown.")
    note: str = Field(description="One sentence for the person who waits, or empty.")
    position: int = Field(description="Place in the queue, 1 = next; 0 when not waiting.")
    eta_s: float | None = Field(description="Estimated seconds until the end.")
    error: JobError | None
    submitted_at: Seconds
    started_at: Seconds | None
    ended_at: Seconds | None
    attempt: int = Field(description="1 for the first try.")

    @classmethod
    def of(cls, job: JobStatus) -> JobOut:
        """From the status that the job layer gives."""
        values: dict[str, Any] = {field.name: getattr(job, field.name) for field in fields(job) if field.name in cls.model_fields}
        return cls(**values | {"error": _job_error(job.error)})


def _job_error(error: Mapping[str, Any] | None) -> JobError | None:
    if error is None:
        return None
    return JobError(
        code=error.get("code", "internal"),
        status=error.get("status", 500),
        detail=error.get("sentence", "The work failed."),
        hint=error.get("hint", ""),
    )


class JobList(BaseModel):
    """Jobs of a session, newest first."""

    jobs: list[JobOut]


class Made(BaseModel):
    """A job and the item that it fills."""

    job: JobOut
    item: ItemOut


# ---- speech -------------------------------------------------------------------------------------------------------


class SpeechBody(_Body):
    """Text to be spoken, and how."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"text": "Good morning.", "language": "en-GB", "engine": "espeak", "format": "mp3"}]},
    )

    text: str = Field(min_length=1, description="At most MAX_TEXT_CHARS characters; `[pause:1.5s]` makes a pause.")
    language: str = Field("en-US", min_length=2, max_length=35, description="BCP 47 tag.")
    engine: str = Field("auto", min_length=1, max_length=32, description="`auto`, `gtts` or `espeak`.")
    accent: str | None = Field(None, max_length=32, description="Accent of Google's voices, from GET /api/v1/voices.")
    voice: str | None = Field(None, max_length=128, description="Id from GET /api/v1/voices; null = the engine's own.")
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1], description="Factor; the pitch stays.")
    pitch: float = Field(0.0, ge=PITCH_RANGE[0], le=PITCH_RANGE[1], description="Semitones; the speed stays.")
    pause_ms: int = Field(
        0, ge=PAUSE_RANGE_MS[0], le=PAUSE_RANGE_MS[1], description="Milliseconds of silence added between sentences."
    )
    paragraph_ms: int = Field(
        400, ge=PAUSE_RANGE_MS[0], le=PAUSE_RANGE_MS[1], description="Milliseconds of silence added between paragraphs."
    )
    loudness: float | None = Field(
        DEFAULT_LOUDNESS_LUFS,
        ge=LOUDNESS_RANGE_LUFS[0],
        le=LOUDNESS_RANGE_LUFS[1],
        description="Integrated loudness in LUFS (EBU R 128); null leaves the level alone.",
    )
    trim: bool = Field(True, description="Cut silence at both ends.")
    format: str = Field("mp3", max_length=16, description="`mp3`, `wav`, `opus`, `flac`, `m4a`, `aac` or `pcm`.")
    title: str = Field("", max_length=MAX_TITLE_CHARS, description="Empty = the first words of the text.")
    dictionary: list[tuple[Word, Word]] = Field([], max_length=MAX_DICTIONARY, description="Pairs: word, spoken as.")

    def as_request(self) -> SpeechRequest:
        """The value that the workflows take."""
        return SpeechRequest(**self.model_dump() | {"dictionary": tuple(self.dictionary)})


class EstimateOut(BaseModel):
    """What a generation would be, before it starts."""

    characters: int = Field(description="Of the text as sent.")
    limit: int = Field(description="Most characters allowed (MAX_TEXT_CHARS).")
    spoken_text: str = Field(description="What will be spoken.")
    requests: int = Field(description="Requests to Google if Google speaks.")
    sound_s: float = Field(description="Estimated length in seconds.")
    engine: str = Field(description="The engine that is tried first.")
    problem: Problem | None = Field(description="Why it could not be started, or null.")

    @classmethod
    def of(cls, estimate: Estimate, problem: dict[str, Any] | None) -> EstimateOut:
        """From the workflow's answer and the problem document of its error."""
        values = {name: getattr(estimate, name) for name in ("characters", "limit", "spoken_text", "requests", "sound_s", "engine")}
        return cls(**values, problem=Problem(**problem) if problem else None)


class VoiceOut(BaseModel):
    """One speaker of one engine."""

    id: str = Field(examples=["espeak:en-us+f3"])
    engine: str = Field(examples=["espeak"])
    name: str = Field(examples=["English (America), female 3"])
    language: str = Field(examples=["en-US"])

    @classmethod
    def of(cls, voice: Voice) -> VoiceOut:
        """From a voice of the catalogue."""
        return cls(id=voice.id, engine=voice.engine, name=voice.name, language=voice.language)


class LanguageOut(BaseModel):
    """A language that can be spoken."""

    tag: str = Field(examples=["en-US"])
    name: str = Field(examples=["English (United States)"])
    engines: list[str] = Field(description="Which engines speak it.", examples=[["gtts", "espeak"]])


class AccentOut(BaseModel):
    """One of Google's accents of a language."""

    accent: str = Field(examples=["co.uk"])
    name: str = Field(examples=["United Kingdom"])


class Voices(BaseModel):
    """Languages, and the voices and accents of the one that was asked for."""

    languages: list[LanguageOut]
    voices: list[VoiceOut]
    accents: list[AccentOut]


Problem.model_rebuild()
