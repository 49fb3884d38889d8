"""What a stranger's recording claims, seen through PyAV in the limited child: container, tracks, length.

Runs in the child only, and imports the standard library alone.
"""

from __future__ import annotations

import functools
import io
import os
from contextlib import suppress
from typing import Any

FORMATS = "wav,w64,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aac,aiff,amr,caf,avi,mpegts,mpeg,flv"
MAX_TRACKS = 16  # of all kinds
OPTIONS = {
    "format_whitelist": FORMATS,  # each of them opens nothing but its input
    "protocol_whitelist": "none",
    "max_streams": str(MAX_TRACKS + 1),  # FFmpeg drops further ones silently: one more shows that there were more
}
RATES_HZ = (4_000, 384_000)  # a header that says 1 Hz would make hours of a few bytes
MAX_CHANNELS = 16
MAX_TEXT_CHARS = 200
TAIL_BYTES = 1 << 17  # an Ogg page is at most 65,307 bytes
STREAMED_BYTES = 0x7FFF_0000  # a WAV of this size or more was written without knowing its end


class Refused(Exception):
    """This recording is not for us. Holds a code and numbers, never text from the file."""

    def __init__(self, code: str, **numbers: float) -> None:
        super().__init__(code)
        self.report = {"refused": code, **numbers}


class _Nameless:
    """Only what a demuxer needs of a file. By a name FFmpeg would choose the format, a playlist's too."""

    def __init__(self, file: io.FileIO) -> None:
        self.read, self.tell, self._seek = file.read, file.tell, file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file's, but a place before the beginning is answered with -1: an exception would be printed by the library."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -1


@functools.cache
def sound_decoders(av: Any) -> str:
    """Names of all decoders of sound: pictures are never decoded, not even to learn their size."""
    names = []
    for name in sorted(av.codecs_available):
        with suppress(ValueError):  # an encoder only
            if av.Codec(name, "r").type == "audio":
                names.append(name)
    return ",".join(names)


def opened(av: Any, file: io.FileIO) -> Any:
    """The recording's container.

    Raises:
        Refused: It is cut off in a way that can be told.
        FFmpegError: It is not one.
    """
    try:
        options = {**OPTIONS, "codec_whitelist": sound_decoders(av)}
        return av.open(_Nameless(file), "r", metadata_errors="ignore", options=options)
    except av.error.FFmpegError as exc:
        if _at(file, 4, 4) == b"ftyp" and b"moov" not in _top_boxes(file):
            raise Refused("no_index") from exc
        raise


def facts(container: Any, file: io.FileIO) -> dict[str, Any]:
    """What the container says of itself.

    `seconds` is None where FFmpeg only guesses it from a bit rate.
    """
    name = container.format.name
    video = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    claimed = container.duration
    guessed = name in ("aac", "amr") or (name == "mp3" and not _mp3_tells_length(file))
    seconds = claimed / 1e6 if claimed and claimed > 0 and not guessed else None
    return {
        "container": name,
        "seconds": (_wav_claim(file) or seconds) if name == "wav" else seconds,
        "has_video": bool(video),
        "tracks": [_track(index, stream) for index, stream in enumerate(container.streams.audio)],
    }


def _track(index: int, stream: Any) -> dict[str, Any]:
    context, flags = stream.codec_context, stream.disposition
    title = stream.metadata.get("title", "")
    return {
        "index": index,
        "codec": context.codec.canonical_name if context is not None else "",
        "channels": context.channels if context is not None else 0,
        "rate_hz": (stream.rate or 0) if context is not None else 0,
        "language": stream.metadata.get("language", "")[:MAX_TEXT_CHARS],
        "title": title[:MAX_TEXT_CHARS],
        "default": bool(flags & flags.default),
        "aside": bool(flags & (flags.comment | flags.visual_impaired | flags.descriptions | flags.karaoke | flags.clean_effects)),
    }


def id3_bytes(file: io.FileIO) -> int:
    """Size of the tag at the beginning."""
    head = _at(file, 0, 10)
    return (
        sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False)) + 10 if head[:3] == b"ID3" else 0
    )


def _mp3_tells_length(file: io.FileIO) -> bool:
    """Whether the first frame is a Xing, Info or VBRI header; without one FFmpeg guesses: 48.6 s were seen for 20 s."""
    first = _at(file, id3_bytes(file), 256)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _wav_claim(file: io.FileIO) -> float | None:
    """Seconds that a WAV's header claims; FFmpeg believes the file's size instead and hides that it was cut."""
    place, bytes_a_second = 12, 0
    for _ in range(32):
        kind, size = (head := _at(file, place, 8))[:4], int.from_bytes(head[4:], "little")
        if kind == b"fmt ":
            bytes_a_second = int.from_bytes(_at(file, place + 16, 4), "little")
        if kind == b"data" or len(head) < 8:
            known = kind == b"data" and bytes_a_second and size < STREAMED_BYTES
            return size / bytes_a_second if known else None
        place += 8 + size + size % 2
    return None


def ogg_is_whole(file: io.FileIO) -> bool:
    """Whether the last page says that it is the last."""
    size = os.fstat(file.fileno()).st_size
    tail = _at(file, max(0, size - TAIL_BYTES), TAIL_BYTES)
    page = tail.rfind(b"OggS")
    return page < 0 or bool(tail[page + 5 : page + 6] and tail[page + 5] & 4)


def _at(file: io.FileIO, place: int, size: int) -> bytes:
    """Some bytes, without moving the position that the demuxer reads at."""
    here = file.tell()
    try:
        file.seek(place)
        return file.read(size) or b""
    except (OSError, OverflowError, ValueError):  # a size in the file leads beyond all places
        return b""
    finally:
        file.seek(here)


def choose(tracks: list[dict[str, Any]], wanted: int | None) -> int:
    """The track to decode: the one asked for, else of those with a decoder the default one, commentaries last, else the first."""
    if not tracks:
        raise Refused("no_audio")
    if wanted is not None:
        if not 0 <= wanted < len(tracks):
            raise Refused("no_such_track", tracks=len(tracks))
        tracks = [tracks[wanted]]
    usable = [track for track in tracks if track["codec"]]
    if not usable:
        raise Refused("no_decoder")
    chosen = min(usable, key=lambda track: (track["aside"], not track["default"], track["index"]))
    low, high = RATES_HZ
    if (chosen["rate_hz"] and not low <= chosen["rate_hz"] <= high) or chosen["channels"] > MAX_CHANNELS:
        raise Refused("odd_sound", rate_hz=chosen["rate_hz"], channels=chosen["channels"])
    return int(chosen["index"])


def _top_boxes(file: io.FileIO) -> set[bytes]:
    """Names of the outermost boxes of an MP4 or MOV."""
    names, place = set(), 0
    for _ in range(64):
        head = _at(file, place, 16)
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        if len(head) < 8 or size < 8:
            break
        names.add(head[4:8])
        place += size
    return names
