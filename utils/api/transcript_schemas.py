"""What goes in and out of the routes of recordings and transcripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from utils.api.schemas import MAX_TITLE_CHARS, STRICT, ItemOut, JobOut, Problem, Whole
from utils.errors import BadInput
from utils.transcription.contract import Segment, TranscriptionRequest
from utils.workflows.transcripts import TranscriptView

MAX_IDS = 32
MAX_SEGMENTS = 50_000
MAX_SEGMENT_CHARS = 5_000


class Uploaded(BaseModel):
    """A recording that was kept."""

    item: ItemOut = Field(description="Of the kind `upload`.")
    session: str = Field(description="Id of the session that it belongs to.", examples=["7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11"])


class TranscriptionOptions(BaseModel):
    """How recordings become text; all of it may be left out."""

    model_config = STRICT

    model: str = Field("", max_length=200, description="One that GET /api/v1/transcriptions/options lists; empty = WHISPER_MODEL.")
    engine: Literal["auto", "whisper", "draft"] = Field(
        "auto", description="`auto`: Whisper, or the built-in draft engine when no model can be had."
    )
    language: str = Field("", max_length=12, description="A language that Whisper knows, such as `en`; empty = found out.")
    task: Literal["transcribe", "translate"] = Field("transcribe", description="`translate`: any language to English text.")
    prompt: str = Field("", max_length=4_000, description="Sets style and spelling.")
    hotwords: str = Field("", max_length=4_000, description="Names and terms that are likely to occur.")
    vad: bool = Field(True, description="Leave out what holds no voice.")
    batch: bool = Field(True, description="Several stretches at once, faster; false = one after the other.")
    word_timestamps: bool = Field(True, description="Times of single words, too.")
    beam_size: Whole = Field(5, ge=1, le=10, description="How many readings are followed side by side; more is slower.")
    multilingual: bool = Field(False, description="The language may change inside the recording.")
    track: Whole | None = Field(
        None, ge=0, le=15, description="Track of sound, 0 = the first; null = the default one.", examples=[None, 0]
    )
    preset: str = Field("netflix", max_length=20, description="Subtitles: `netflix`, `bbc`, `reels` or `plain`.")
    keep_source: bool = Field(True, description="False = forget the recording when the text is there.")
    title: str = Field("", max_length=MAX_TITLE_CHARS, description="Empty = the file's name; only for a single recording.")
    reference: str = Field("", max_length=200_000, description="What should have been said: the answer then tells the error rate.")

    def as_request(self) -> TranscriptionRequest:
        """The value that the workflows take."""
        return TranscriptionRequest.from_dict(self.model_dump())


class TranscriptionBody(TranscriptionOptions):
    """Recordings that are items already, and how they become text."""

    model_config = ConfigDict(
        **STRICT,
        json_schema_extra={"examples": [{"item_id": "20261121-120000-interview-1a2b", "language": "en", "preset": "bbc"}]},
    )

    item_id: str = Field("", max_length=100, description="An upload, a recording, speech, or another transcript.")
    item_ids: list[Annotated[str, Field(max_length=100)]] = Field([], max_length=MAX_IDS, description="Several of them.")


def options_of(fields: Mapping[str, str]) -> TranscriptionOptions:
    """The options in the fields of a form; empty ones count as left out. Raises BadInput."""
    try:
        return TranscriptionOptions.model_validate({name: text for name, text in fields.items() if text != ""}, strict=False)
    except ValidationError as exc:
        raise _misfit(exc) from exc


def body_of(data: bytes) -> TranscriptionBody:
    """A JSON body. Raises BadInput."""
    try:
        return TranscriptionBody.model_validate_json(data or b"{}")
    except ValidationError as exc:
        raise _misfit(exc) from exc


def _misfit(exc: ValidationError) -> BadInput:
    first = exc.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:100] or "body"
    return BadInput(f"The request does not fit ({place}: {first['msg'][:200]}).", "See /api/docs for what is allowed.")


class RefusedOut(BaseModel):
    """A file that is no recording."""

    name: str = Field(description="Of the file, as it was sent.", examples=["notes.pdf"])
    problem: Problem = Field(description="Why.")


class Transcriptions(BaseModel):
    """Jobs and the transcripts that they fill, in the order of the recordings."""

    jobs: list[JobOut] = Field(description="One a recording.")
    items: list[ItemOut] = Field(description="One a recording.")
    refused: list[RefusedOut] = Field([], description="Files of the form that are no recordings; the others go on without them.")


class OfferOut(BaseModel):
    """A model."""

    name: str = Field(description="To be sent as `model`.", examples=["base"])
    label: str = Field(description="For people.", examples=["Whisper base"])
    state: Literal["here", "fetchable", "missing"] = Field(
        description="On this server's disk; to be had from the hub at first use; neither.", examples=["here"]
    )
    reason: str = Field(description="Why it is missing, or empty.", examples=[""])
    multilingual: bool | None = Field(description="Knows more than English; null = not known.", examples=[True])
    can_translate: bool | None = Field(description="Into English; null = not known.", examples=[True])
    size_bytes: int | None = Field(description="Of its files; null = not known.", examples=[145217532])


class OptionsOut(BaseModel):
    """What can be chosen here."""

    engine: str = Field(description="What `auto` comes to now: `whisper` or `draft`.", examples=["whisper"])
    note: str = Field(description="Why it is the draft engine, or empty.", examples=[""])
    models: list[OfferOut] = Field(description="All that can be named.")
    languages: dict[str, str] = Field(description="Tag -> name.", examples=[{"en": "English"}])
    max_upload_bytes: int = Field(description="Largest recording (MAX_UPLOAD_MB).", examples=[524288000])
    max_media_s: float = Field(description="Longest recording in seconds (MAX_MEDIA_HOURS).", examples=[43200.0])


class WordOut(BaseModel):
    """A timed word; its text begins with a space where the language writes one."""

    start: float = Field(description="Seconds from the beginning.", examples=[0.5])
    end: float = Field(description="Seconds from the beginning.", examples=[0.9])
    text: str = Field(description="With its punctuation.", examples=[" Good"])
    probability: float | None = Field(None, description="0 to 1, or null.", examples=[0.98])


class SegmentOut(BaseModel):
    """A stretch of text."""

    index: int = Field(description="In the whole text, from 0.", examples=[0])
    start: float = Field(description="Seconds from the beginning.", examples=[0.5])
    end: float = Field(description="Seconds from the beginning.", examples=[1.9])
    text: str = Field(description="Of all its words.", examples=["Good morning."])
    words: list[WordOut] = Field(description="Empty without word timestamps, and after a correction that moved them.")
    language: str = Field(description="As Whisper names it, such as `en`.", examples=["en"])
    doubt: str = Field(description="Why it may be wrong, or empty.", examples=[""])


class ComparisonOut(BaseModel):
    """With what should have been said."""

    wer: float = Field(description="Word error rate, 0 = the same.", examples=[0.05])
    words: int = Field(description="Of what should have been said.", examples=[120])
    substitutions: int = Field(description="Words heard as others.", examples=[4])
    deletions: int = Field(description="Words not heard.", examples=[1])
    insertions: int = Field(description="Words heard that nobody said.", examples=[1])


class TranscriptOut(BaseModel):
    """A page of a transcript. Its ETag is for `PUT`."""

    item_id: str = Field(description="Its item.", examples=["20261121-120000-interview-1a2b"])
    title: str = Field(description="Of the item.", examples=["Interview"])
    state: str = Field(description="Of its job: `queued`, `running`, `done`, `failed` or `cancelled`.", examples=["done"])
    language: str = Field(description="As Whisper names it; empty while nothing was heard.", examples=["en"])
    language_probability: float | None = Field(description="0 to 1; null when the language was told.", examples=[0.99])
    engine: str = Field(description="`whisper` or `draft`; empty while nothing was heard.", examples=["whisper"])
    model: str = Field(description="Which heard it.", examples=["base"])
    task: str = Field(description="`transcribe` or `translate`.", examples=["transcribe"])
    seconds: float = Field(description="Length of the recording in seconds.", examples=[61.5])
    draft: bool = Field(description="Heard by the draft engine: expect many wrong words.")
    revision: int = Field(
        description="Grows with every change of the corrections, undoing included; 0 = there was none.", examples=[0]
    )
    edited: bool = Field(description="The text is not what was heard.")
    notes: list[str] = Field(description="What a reader should know, in sentences.", examples=[[]])
    comparison: ComparisonOut | None = Field(description="With what should have been said, if that was told.", examples=[None])
    gate: dict[str, Any] = Field(
        description="Stretches checked, heard again, marked as doubtful; what was left out; seconds of speech.",
        examples=[{"checked": 14, "again": 1, "doubtful": 0, "dropped": [], "speech_s": 55.2}],
    )
    segments: list[SegmentOut] = Field(description="Of this page.")
    total: int = Field(description="Segments that match, of all pages.", examples=[1])

    @classmethod
    def of(cls, view: TranscriptView) -> TranscriptOut:
        """From the workflow's answer."""
        found = view.transcript
        compared = view.comparison
        names = ("wer", "words", "substitutions", "deletions", "insertions")
        return cls(
            item_id=view.item.id,
            title=view.item.title,
            state=view.state,
            language=found.language if found else "",
            language_probability=found.language_probability if found else None,
            engine=found.engine if found else "",
            model=found.model if found else "",
            task=found.task if found else "",
            seconds=found.seconds if found else 0.0,
            draft=bool(found and found.is_draft),
            revision=view.revision,
            edited=view.edited,
            notes=view.notes,
            comparison=ComparisonOut(**{name: getattr(compared, name) for name in names}) if compared else None,
            gate=asdict(found.gate) if found else {},
            segments=[_segment(index, segment) for index, segment in view.segments],
            total=view.total,
        )


def _segment(index: int, segment: Segment) -> SegmentOut:
    words = [WordOut(start=word.start, end=word.end, text=word.text, probability=word.probability) for word in segment.words]
    return SegmentOut(
        index=index,
        start=segment.start,
        end=segment.end,
        text=segment.text,
        words=words,
        language=segment.language,
        doubt=segment.doubt,
    )


class SegmentIn(BaseModel):
    """A corrected stretch of text; what a GET told beside these is not needed and left out."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, strict=True)

    start: float = Field(ge=0, description="Seconds from the beginning.", examples=[0.5])
    end: float = Field(ge=0, description="Seconds from the beginning, not before `start`.", examples=[1.9])
    text: str = Field(max_length=MAX_SEGMENT_CHARS, description="As it should read.", examples=["Good morning."])


class TranscriptIn(BaseModel):
    """The whole corrected text."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"segments": [{"start": 0.5, "end": 1.9, "text": "Good morning."}]}]}
    )

    segments: list[SegmentIn] = Field(max_length=MAX_SEGMENTS, description="In the order of their times.")


class Revised(BaseModel):
    """After a correction."""

    revision: int = Field(description="Grows with every change of the corrections, undoing included.", examples=[1])
