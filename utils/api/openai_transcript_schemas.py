"""What goes in and out of OpenAI's routes for recordings, for the document of the API. The answers are made by `formats_openai`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MODEL_ABOUT = (
    "OpenAI's names (`whisper-1`, `gpt-4o-transcribe`, `gpt-4o-mini-transcribe`, `gpt-transcribe`) mean this server's own choice; "
    "`draft` the built-in recogniser; any other name must be one that `GET /v1/models` lists."
)
LANGUAGE_ABOUT = "Language of the recording, a code such as `en`, or its name in English. Left out: it is found out."
PROMPT_ABOUT = "Sets style and spelling. Of a long one only the end counts, about 60 words."


class TranslationForm(BaseModel):
    """A recording to be put into English."""

    file: str = Field(
        description="The recording, in any common format, at most MAX_UPLOAD_MB. Its name and media type do not matter.",
        json_schema_extra={"format": "binary"},
    )
    model: str = Field(description=MODEL_ABOUT, max_length=200, examples=["whisper-1"])
    language: str | None = Field(None, description=LANGUAGE_ABOUT, examples=["de"])
    prompt: str | None = Field(None, description=PROMPT_ABOUT, examples=["Sotto, eSpeak NG."])
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = Field(
        "json", description="`verbose_json` has times, `srt` and `vtt` are subtitles."
    )
    temperature: float = Field(
        0, ge=0, le=1, description="Where decoding begins; it goes up by itself where a text fails its checks.", examples=[0]
    )


class TranscriptionForm(TranslationForm):
    """A recording to be written down."""

    stream: bool = Field(
        False, description="Answer with events while the text grows; goes with the response_format `json` and `text`."
    )
    timestamp_granularities: list[Literal["word", "segment"]] = Field(
        ["segment"], description="Which times `verbose_json` holds. Also as `timestamp_granularities[]`."
    )
    include: list[Literal["logprobs"]] = Field(
        [], description="`logprobs`: how sure the engine was of each word; only in `json`. Also as `include[]`."
    )
    keywords: list[str] = Field([], description="Names and terms that are likely to occur. Also as `keywords[]`.")
    languages: list[str] = Field(
        [], description="Possible languages: a single one is taken, of several the engine finds out which. Also as `languages[]`."
    )
    chunking_strategy: str | None = Field(
        None, description="`auto` or the type `server_vad`; taken and without effect, cuts are always made in silence."
    )


class Duration(BaseModel):
    """What was listened to."""

    type: Literal["duration"] = Field(description="Always this.")
    seconds: float = Field(description="Seconds of sound.", examples=[6.47])


class LanguageHeard(BaseModel):
    """A language of the recording."""

    code: str = Field(description="As Whisper names it.", examples=["en"])


class Logprob(BaseModel):
    """How sure the engine was of a word."""

    token: str = Field(description="A word with the space before it.", examples=[" kitchen."])
    logprob: float = Field(description="Natural logarithm of its probability.", examples=[-0.02])
    bytes: list[int] = Field(description="Of the token in UTF-8.", examples=[list(b" kitchen.")])


class TranscriptionJson(BaseModel):
    """The text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "Turn on the light in the kitchen. Thank you very much.",
                    "languages": [{"code": "en"}],
                    "usage": {"type": "duration", "seconds": 6.47},
                }
            ]
        }
    )

    text: str = Field(description="All of it.")
    languages: list[LanguageHeard] | None = Field(None, description="Empty where nobody spoke; not in translations.")
    logprobs: list[Logprob] | None = Field(None, description="Only when asked for by `include`.")
    usage: Duration | None = Field(None, description="Not in translations.")


class SegmentHeard(BaseModel):
    """A stretch of text. Times in seconds from the beginning of the recording."""

    id: int = Field(description="Its number, from 0.", examples=[0])
    seek: int = Field(description="Its start in hundredths of a second.", examples=[50])
    start: float = Field(description="Seconds.", examples=[0.5])
    end: float = Field(description="Seconds.", examples=[2.4])
    text: str = Field(description="Without space at its ends.", examples=["Turn on the light in the kitchen."])
    tokens: list[int] = Field(description="Always empty.", examples=[[]])
    temperature: float = Field(description="At which it was decoded.", examples=[0.0])
    avg_logprob: float = Field(description="Mean logarithm of the probabilities of its words.", examples=[-0.21])
    compression_ratio: float = Field(description="How often it repeats itself; above 2.4 is doubtful.", examples=[1.1])
    no_speech_prob: float = Field(description="Probability that nobody spoke.", examples=[0.01])


class WordHeard(BaseModel):
    """A word. Times in seconds."""

    word: str = Field(description="Without the space before it.", examples=["Turn"])
    start: float = Field(description="Seconds.", examples=[0.5])
    end: float = Field(description="Seconds.", examples=[0.8])


class TranscriptionVerbose(BaseModel):
    """The text with times."""

    task: Literal["transcribe", "translate"] = Field(description="What was done.")
    language: str = Field(
        description="Its name in English, in small letters; of a translation `english`; empty where nobody spoke.",
        examples=["english"],
    )
    duration: float = Field(description="Seconds of sound.", examples=[6.47])
    text: str = Field(description="All of it.", examples=["Turn on the light in the kitchen."])
    words: list[WordHeard] | None = Field(None, description="Only when asked for by `timestamp_granularities`.")
    segments: list[SegmentHeard] | None = Field(None, description="Unless only words were asked for.")
    usage: Duration = Field(description="How much sound it was.")


def form_body(form: type[BaseModel]) -> dict[str, Any]:
    """The `requestBody` of a route that reads its form itself."""
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form.model_json_schema()}}}}


def answers(*, events: bool) -> dict[int | str, dict[str, Any]]:
    """The good answers, by `response_format` and `stream`."""
    text: dict[str, Any] = {"schema": {"type": "string"}}
    kinds = ["text/plain", "application/x-subrip", "text/vtt", *(["text/event-stream"] if events else [])]
    about = "The text in the form that was asked for."
    if events:
        about += (
            " As events: `transcript.text.delta` with what was added, at last `transcript.text.done` with the whole text; an error "
            "on the way comes as an event that holds `error`."
        )
    return {200: {"description": about, "content": {kind: text for kind in kinds}}}
