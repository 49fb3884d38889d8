"""What a sound file of ours is, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from utils.audio import tags
from utils.audio.decoder import format_of, open_container, sound_stream
from utils.audio.faults import reading
from utils.audio.formats import Chapter

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_MICROSECONDS = 1_000_000  # unit of a container's duration
_AAC_FRAME_SAMPLES = 1_024


@dataclass(frozen=True)
class Sound:
    """Facts about a file.

    Attributes:
        seconds: Length as the container tells it; of a bare AAC stream with the encoder's delay.
        rate_hz: Samples a second.
        channels: 1 for all that we make.
        codec: The media library's name, e.g. `mp3`, `opus`, `aac`, `flac`, `pcm_s16le`.
        tags: Any of title, artist, album, comment, language.
        chapters: In order.
    """

    seconds: float
    rate_hz: int
    channels: int
    codec: str
    tags: dict[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()


def describe(path: Path, *, format: str | None = None) -> Sound:
    """Describe a trusted file; the suffix, or `format` (a key of FORMATS), says how to read it.

    Raises:
        BadSound: it is not a sound file.
    """
    with path.open("rb") as file, reading("The file"), open_container(file, format_of(path, format)) as container:
        stream = sound_stream(container, "The file")
        seconds = _seconds(container, stream)
        return Sound(
            seconds=seconds,
            rate_hz=stream.rate,
            channels=stream.channels,
            codec=stream.codec_context.name,
            tags=tags.get(container),
            chapters=tuple(
                Chapter(
                    float(chapter["start"] * chapter["time_base"]),  # type: ignore[operator]
                    float(chapter["end"] * chapter["time_base"]),  # type: ignore[operator]
                    chapter["metadata"].get("title", ""),
                )
                for chapter in container.chapters()
            ),
        )


def _seconds(container: InputContainer, stream: AudioStream) -> float:
    if container.format.name == "aac":  # a bare stream tells no length, and the estimate from its bit rate is far off
        return sum(1 for packet in container.demux(stream) if packet.size) * _AAC_FRAME_SAMPLES / stream.rate
    if container.duration is not None:
        return container.duration / _MICROSECONDS
    return float((stream.duration or 0) * (stream.time_base or 0))
