"""What goes in and out of OpenAI's routes for speech and models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from utils.audio.formats import FORMATS
from utils.speech.named_voices import NAMED

SPEED_RANGE = (0.25, 4.0)
MAX_VOICE_CHARS = 100

VoiceName = Annotated[str, Field(min_length=1, max_length=MAX_VOICE_CHARS)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class VoiceId(_Given):
    """A voice by its id, as OpenAI's client sends voices that somebody made."""

    id: VoiceName = Field(description="As `voice`.", examples=["espeak:en+f3"])


class SpeechIn(_Given):
    """A text to be spoken."""

    model: str = Field(
        description="`tts-1`, `tts-1-hd`, `gpt-4o-mini-tts`, `sotto` and `auto` mean this server's own choice; `gtts` or "
        "`espeak` one engine.",
        min_length=1,
        max_length=200,
        examples=["tts-1"],
    )
    input: str = Field(description="The text, at most MAX_TEXT_CHARS; `[pause:1.5s]` is a pause.", examples=["Good morning."])
    voice: VoiceName | VoiceId = Field(
        description=f"{', '.join(f'`{name}`' for name in NAMED)}, which speak every language; or the id of a voice of "
        "`GET /api/v1/voices`, which speaks with its own engine.",
        examples=["alloy"],
    )
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field(
        "mp3", description="`pcm` is 24,000 Hz, 16 bit, mono, without a header."
    )
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1], description="Factor; the pitch stays.", examples=[1.0])
    stream_format: Literal["audio", "sse"] = Field(
        "audio", description="`sse`: events `speech.audio.delta` with a part of the sound in Base64, at last `speech.audio.done`."
    )
    instructions: str | None = Field(
        None, max_length=10_000, description="Taken and without effect: the engines here follow none.", examples=[None]
    )
    language: str | None = Field(
        None,
        max_length=35,
        description="BCP 47 tag; not OpenAI's. Left out: the voice's own, else what the letters of the text look like, else en.",
        examples=["en-GB"],
    )


class ModelOut(BaseModel):
    """One model on offer."""

    id: str = Field(description="What a request calls it.", examples=["tts-1"])
    object: Literal["model"] = Field("model", description="Always this.")
    created: int = Field(description="Seconds since 1970-01-01 00:00 UTC; the same for all.", examples=[1763683200])
    owned_by: str = Field(description="Always `sotto`.", examples=["sotto"])


class ModelsOut(BaseModel):
    """All models on offer."""

    object: Literal["list"] = Field("list", description="Always this.")
    data: list[ModelOut] = Field(description="Those for speech first.")


_SOUND: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_KINDS = sorted({form.media_type for form in FORMATS.values() if form.streamable})
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The sound, in the format that was asked for; or events with it. Short sound has a `Content-Length`.",
        "content": {**{kind: _SOUND for kind in _KINDS}, "text/event-stream": {"schema": {"type": "string"}}},
    }
}
