"""What goes in and out of the routes, with units, limits and examples. Pydantic only here, where bytes enter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

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


def _whole(value: object) -> object:
    """JSON has one kind of number: 2.0 is whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Body(BaseModel):
    """What somebody sends. Unknown fields and values of another kind are errors: a mistake does not pass in silence."""

    model_config = STRICT


class Problem(BaseModel):
    """An error, as RFC 9457 has it. Programs decide on `code`."""

    type: str = Field(description="`urn:sotto:problem:` and the code.", examples=["urn:sotto:problem:not_found"])
    title: str = Field(description="The code in words.", examples=["Not found"])
    status: int = Field(description="The HTTP status, once more.", examples=[404])
    code: str = Field(description="Stable, for programs.", examples=["not_found"])
    detail: str = Field(description="What happened and why.", examples=["There is no such item."])
    hint: str = Field(description="What to do, or empty.", examples=[""])
    instance: str | None = Field(
        None, description="Id of a defect, also in the server's log.", examples=["urn:uuid:0f8f5ad1-27b1-4f61-b5cb-3d7a2f2c2a55"]
    )
    errors: list[FieldProblem] | None = Field(None, description="Which fields are wrong.")
    rows: list[int] | None = Field(None, description="Numbers of the rows of a table that cannot be spoken.", examples=[[2, 7]])


class FieldProblem(BaseModel):
    """One wrong field of a request."""

    field: str = Field(description="Its name, with dots into the inner ones.", examples=["speed"])
    problem: str = Field(description="What is wrong with it.", examples=["Input should be less than or equal to 2"])


# ---- sessions -----------------------------------------------------------------------------------------------------


class SessionOpened(BaseModel):
    """A new session and its credential, which is shown this once."""

    session_id: str = Field(description="Names the session and opens nothing.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])
    token: str = Field(
        description="Send it as `Authorization: Bearer <token>`.",
        examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11.w0nJ3h1kq2b5V8xT6mZr4yUcE7sAaLpDfGiOjKtNvXo"],
    )
    created_at: Seconds
    expires_at: Seconds | None = Field(description="When it is removed if nothing happens in it; null = never.")

    @classmethod
    def of(cls, opened: Opened) -> SessionOpened:
        """From the workflow's answer."""
        return cls(session_id=opened.session_id, token=opened.token, created_at=opened.created_at, expires_at=opened.expires_at)


class SessionInfo(BaseModel):
    """The session that the request named."""

    current_session_id: str = Field(description="Its id.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])
    created_at: Seconds
    last_activity: Seconds
    status: str = Field(description="`idle`, `recording`, `processing`, `complete` or `error`.", examples=["idle"])
    permanent: bool = Field(description="Never removed by age or count.")
    size_bytes: int = Field(description="On disk.", examples=[48213])
    item_count: int = Field(description="Items in it.", examples=[1])
    expires_at: Seconds | None = Field(description="When it is removed if nothing happens in it; null = never.")


class SessionChange(Body):
    """What can be changed of a session."""

    permanent: bool = Field(description="True keeps it whatever its age; false lets it go with the others.", examples=[True])


# ---- items and jobs -----------------------------------------------------------------------------------------------


class FileOut(BaseModel):
    """A finished file of an item."""

    name: str = Field(description="In the address, and when it is saved.", examples=["hello-world.mp3"])
    media_type: str = Field(description="As in Content-Type.", examples=["audio/mpeg"])
    size_bytes: int = Field(description="Length in bytes.", examples=[48213])
    role: str = Field(
        description="`audio`, `subtitles`, `peaks`, `source`, `transcript`, `table` or `manifest`.", examples=["audio"]
    )
    url: str = Field(
        description="Where to fetch it.", examples=["/api/v1/items/20261121-120000-hello-world-1a2b/files/hello-world.mp3"]
    )


class ItemOut(BaseModel):
    """One thing made or uploaded."""

    id: str = Field(description="Also the id of the job that fills it.", examples=["20261121-120000-hello-world-1a2b"])
    kind: str = Field(description="`speech`, `batch`, `transcript`, `recording` or `upload`.", examples=["speech"])
    title: str = Field(description="What people call it.", examples=["Hello world"])
    created_at: Seconds
    updated_at: Seconds
    permanent: bool = Field(description="Never removed by retention.")
    request: dict[str, Any] = Field(
        description="What was asked; its fields are those of the request that made it.",
        examples=[{"text": "Hello world.", "language": "en-GB", "engine": "espeak", "format": "mp3"}],
    )
    result: dict[str, Any] = Field(
        description="What came of it: engine, voice, seconds and more; empty while it is being made.",
        examples=[{"engine": "espeak", "voice": "espeak:en-gb-x-rp", "language": "en-GB", "seconds": 1.2}],
    )
    size_bytes: int = Field(description="Of its folder on disk.", examples=[51877])
    files: list[FileOut] = Field(description="What is finished and can be fetched.")

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

    items: list[ItemOut] = Field(description="Of this page.")
    total: int = Field(description="Of all pages.", examples=[1])
    page: int = Field(description="1 = the first.", examples=[1])
    per_page: int = Field(description="Most items of a page.", examples=[50])


class ItemChange(Body):
    """What can be changed of an item; a field left out stays as it is."""

    title: str | None = Field(
        None, max_length=MAX_TITLE_CHARS, description="Cut to 120 bytes; null leaves it as it is.", examples=["Hello again"]
    )
    permanent: bool | None = Field(None, description="Never removed by retention; null leaves it as it is.", examples=[True])


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(description="As in a problem document.", examples=["engine_unreachable"])
    status: int = Field(description="The HTTP status that fits.", examples=[503])
    detail: str = Field(description="What happened and why.", examples=["Google cannot be reached."])
    hint: str = Field("", description="What to do, or empty.", examples=["Choose eSpeak NG."])


class JobOut(BaseModel):
    """How a job stands. Its id is that of the item that it fills."""

    id: str = Field(description="The same as that of its item.", examples=["20261121-120000-hello-world-1a2b"])
    kind: str = Field(description="What work it is: `speech`, `batch`, `transcribe` or one of their parts.", examples=["speech"])
    state: Literal["queued", "running", "done", "failed", "cancelled"] = Field(
        description="The last three are final, unless it is run again.", examples=["running"]
    )
    title: str = Field(description="Of the item.", examples=["Hello world"])
    progress: float = Field(description="0 to 1.", examples=[0.5])
    done: float = Field(description="Units finished: pieces, rows.", examples=[2])
    total: float = Field(description="Units in all; 0 while unknown.", examples=[4])
    note: str = Field(description="One sentence for the person who waits, or empty.", examples=[""])
    position: int = Field(description="Place in the queue, 1 = next; 0 when not waiting.", examples=[0])
    eta_s: float | None = Field(description="Estimated seconds until the end.", examples=[3.5])
    error: JobError | None = Field(description="Why it failed, or null.", examples=[None])
    submitted_at: Seconds
    started_at: Seconds | None = Field(description="When its last try began.")
    ended_at: Seconds | None = Field(description="When it was over, or null.", examples=[None])
    attempt: int = Field(description="1 for the first try.", examples=[1])

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

    jobs: list[JobOut] = Field(description="Open ones and those that are over.")


class Made(BaseModel):
    """A job and the item that it fills."""

    job: JobOut = Field(description="The work.")
    item: ItemOut = Field(description="What it makes.")


# ---- speech -------------------------------------------------------------------------------------------------------


class SpeechBody(Body):
    """Text to be spoken, and how."""

    model_config = ConfigDict(
        **STRICT,
        json_schema_extra={"examples": [{"text": "Good morning.", "language": "en-GB", "engine": "espeak", "format": "mp3"}]},
    )

    text: str = Field(
        min_length=1, description="At most MAX_TEXT_CHARS characters; `[pause:1.5s]` makes a pause.", examples=["Good morning."]
    )
    language: str = Field("en-US", min_length=2, max_length=35, description="BCP 47 tag.")
    engine: str = Field("auto", min_length=1, max_length=32, description="`auto`, `gtts` or `espeak`.")
    accent: str | None = Field(
        None, max_length=32, description="Accent of Google's voices, from GET /api/v1/voices.", examples=[None, "co.uk"]
    )
    voice: str | None = Field(
        None, max_length=128, description="Id from GET /api/v1/voices; null = the engine's own.", examples=[None, "espeak:en-us+f3"]
    )
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1], description="Factor; the pitch stays.")
    pitch: float = Field(0.0, ge=PITCH_RANGE[0], le=PITCH_RANGE[1], description="Semitones; the speed stays.")
    pause_ms: Whole = Field(
        0, ge=PAUSE_RANGE_MS[0], le=PAUSE_RANGE_MS[1], description="Milliseconds of silence added between sentences."
    )
    paragraph_ms: Whole = Field(
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
    dictionary: list[Annotated[tuple[Word, Word], Strict(False)]] = Field(
        [], max_length=MAX_DICTIONARY, description="Pairs: word, spoken as."
    )

    def as_request(self) -> SpeechRequest:
        """The value that the workflows take."""
        return SpeechRequest(**self.model_dump() | {"dictionary": tuple(self.dictionary)})


class EstimateOut(BaseModel):
    """What a generation would be, before it starts."""

    characters: int = Field(description="Of the text as sent.", examples=[13])
    limit: int = Field(description="Most characters allowed (MAX_TEXT_CHARS).", examples=[100000])
    spoken_text: str = Field(description="What will be spoken.", examples=["Good morning."])
    requests: int = Field(description="Requests to Google if Google speaks.", examples=[1])
    sound_s: float = Field(description="Estimated length in seconds.", examples=[0.9])
    engine: str = Field(description="The engine that is tried first.", examples=["espeak"])
    problem: Problem | None = Field(description="Why it could not be started, or null.", examples=[None])

    @classmethod
    def of(cls, estimate: Estimate, problem: dict[str, Any] | None) -> EstimateOut:
        """From the workflow's answer and the problem document of its error."""
        values = {name: getattr(estimate, name) for name in ("characters", "limit", "spoken_text", "requests", "sound_s", "engine")}
        return cls(**values, problem=Problem(**problem) if problem else None)


class VoiceOut(BaseModel):
    """One speaker of one engine."""

    id: str = Field(description="To be sent as `voice`.", examples=["espeak:en-us+f3"])
    engine: str = Field(description="Who has it.", examples=["espeak"])
    name: str = Field(description="For people.", examples=["English (America), female 3"])
    language: str = Field(description="BCP 47 tag.", examples=["en-US"])

    @classmethod
    def of(cls, voice: Voice) -> VoiceOut:
        """From a voice of the catalogue."""
        return cls(id=voice.id, engine=voice.engine, name=voice.name, language=voice.language)


class LanguageOut(BaseModel):
    """A language that can be spoken."""

    tag: str = Field(description="BCP 47 tag, to be sent as `language`.", examples=["en-US"])
    name: str = Field(description="In English.", examples=["English (United States)"])
    engines: list[str] = Field(description="Which engines speak it.", examples=[["gtts", "espeak"]])


class AccentOut(BaseModel):
    """One of Google's accents of a language."""

    accent: str = Field(description="To be sent as `accent`.", examples=["co.uk"])
    name: str = Field(description="For people.", examples=["United Kingdom"])


class Voices(BaseModel):
    """Languages, and the voices and accents of the one that was asked for."""

    languages: list[LanguageOut] = Field(description="All that can be spoken here.")
    voices: list[VoiceOut] = Field(description="Of the language that was asked for.")
    accents: list[AccentOut] = Field(description="Google's, of that language.")


Problem.model_rebuild()
