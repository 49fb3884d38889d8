"""What a sound file of ours is, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from utils.audio import tags
from utils.audio.decoder import format_of, open_container
from utils.audio.faults import BadSound, reading
from utils.audio.formats import Chapter

_MICROSECONDS = 1_000_000  # unit of a container's duration


@dataclass(frozen=True)
class Sound:
    """Facts about a file.

    Attributes:
        seconds: Length as the container tells it; for a bare AAC stream an estimate from its bit rate.
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
        if not container.streams.audio:
            raise BadSound("The file holds no sound.", "Choose another file.")
        stream = container.streams.audio[0]
        if container.duration is not None:
            seconds = container.duration / _MICROSECONDS
        else:
            seconds = float((stream.duration or 0) * (stream.time_base or 0))
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
