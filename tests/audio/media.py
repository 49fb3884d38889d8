"""Recordings of every kind that is accepted, made with PyAV from tones: the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import Any

import av
import numpy as np

from tests.audio import sounds

BLOCK = 4_096


@dataclass(frozen=True)
class Kind:
    """How a kind of file is made.

    Attributes:
        container: Muxer.
        codec: Encoder of the sound.
        rate_hz: Rate that the encoder takes.
        layout: Channels that the encoder takes.
        video: Encoder of moving pictures, if the container takes them.
        options: Of the encoder.
        late_s: By how much the decoded sound may be longer, from frames and delays that the container does not tell.
    """

    container: str
    codec: str
    rate_hz: int = 16_000
    layout: str = "mono"
    video: str = ""
    options: dict[str, str] = field(default_factory=dict)
    late_s: float = 0.0


KINDS = {
    "wav": Kind("wav", "pcm_s16le"),
    "w64": Kind("w64", "pcm_s16le"),
    "mp3": Kind("mp3", "libmp3lame"),
    "flac": Kind("flac", "flac"),
    "ogg": Kind("ogg", "vorbis", 44_100, "stereo", options={"strict": "experimental"}),
    "opus": Kind("ogg", "libopus", 48_000),
    "m4a": Kind("ipod", "aac", late_s=0.07),
    "aac": Kind("adts", "aac", late_s=0.13),
    "mp4": Kind("mp4", "aac", video="mpeg4", late_s=0.07),
    "mov": Kind("mov", "aac", video="mpeg4", late_s=0.07),
    "3gp": Kind("3gp", "libopencore_amrnb", 8_000, late_s=0.03),
    "webm": Kind("webm", "libopus", 48_000, video="libvpx"),
    "mkv": Kind("matroska", "flac", 44_100, "stereo", video="mpeg4"),
    "aiff": Kind("aiff", "pcm_s16be", 22_050),
    "amr": Kind("amr", "libopencore_amrnb", 8_000, late_s=0.03),
    "caf": Kind("caf", "pcm_s16le", 32_000),
    "avi": Kind("avi", "libmp3lame", 44_100, video="mpeg4", late_s=0.09),
    "ts": Kind("mpegts", "aac", 48_000, "stereo", video="mpeg2video", late_s=0.07),
    "mpg": Kind("mpeg", "mp2", 48_000, "stereo", video="mpeg1video", late_s=0.07),
    "flv": Kind("flv", "libmp3lame", 44_100, video="flv", late_s=0.09),
}


@dataclass(frozen=True)
class Part:
    """A sound track to be made: frequency of its tone, and what the container says about it."""

    hz: float = 440.0
    language: str = ""
    title: str = ""
    default: bool = False
    aside: bool = False


@cache
def make(
    key: str,
    seconds: float = 3.0,
    *,
    parts: Sequence[Part] = (Part(),),
    video: bool = False,
    rate_hz: int | None = None,
    layout: str | None = None,
    codec: str | None = None,
    level: float = 0.25,
    tags: tuple[tuple[str, str], ...] = (),
    muxing: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """A file of a kind.

    Args:
        key: Of KINDS.
        seconds: Length.
        parts: Its sound tracks; a tuple.
        video: With moving pictures beside it.
        rate_hz: Another rate than the kind's.
        layout: Another layout than the kind's.
        codec: Another encoder than the kind's.
        level: Amplitude of the tone, 1 is full scale.
        tags: Of the container.
        muxing: Options of the muxer.
    """
    kind = KINDS[key]
    rate_hz, layout, codec = rate_hz or kind.rate_hz, layout or kind.layout, codec or kind.codec
    file = BytesIO()
    with av.open(file, "w", format=kind.container, options=dict(muxing)) as out:
        out.metadata.update(tags)
        pictures = _pictures(out, kind.video, seconds) if video else None
        streams = [_stream(out, codec, rate_hz, layout, kind, part) for part in parts]
        packets = list(pictures) if pictures else []
        for stream, part in zip(streams, parts, strict=True):
            packets += _encoded(stream, rate_hz, layout, sounds.tone(part.hz, seconds, rate_hz=rate_hz, level=level))
        for packet in sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.time_base)):
            out.mux(packet)
    return file.getvalue()


def encode(key: str, sound: Any, muxing: Mapping[str, str] | None = None) -> bytes:
    """A file of a kind with this sound, int16 at the kind's rate; `muxing` are options of the muxer."""
    kind = KINDS[key]
    file = BytesIO()
    with av.open(file, "w", format=kind.container, options=dict(muxing or {})) as out:
        stream = _stream(out, kind.codec, kind.rate_hz, kind.layout, kind, Part())
        for packet in _encoded(stream, kind.rate_hz, kind.layout, sound):
            out.mux(packet)
    return file.getvalue()


def late(key: str, seconds: float, *, late_s: float) -> bytes:
    """A film whose sound begins later than its pictures."""
    kind = KINDS[key]
    file = BytesIO()
    with av.open(file, "w", format=kind.container) as out:
        packets = list(_pictures(out, kind.video, seconds + late_s))
        stream = _stream(out, kind.codec, kind.rate_hz, kind.layout, kind, Part())
        for packet in _encoded(stream, kind.rate_hz, kind.layout, sounds.tone(440, seconds, rate_hz=kind.rate_hz)):
            shift = round(late_s / packet.time_base)
            packet.pts, packet.dts = (packet.pts or 0) + shift, (packet.dts or 0) + shift
            packets.append(packet)
        for packet in sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.time_base)):
            out.mux(packet)
    return file.getvalue()


def subtitled(key: str, seconds: float) -> bytes:
    """A file with written words beside the sound, as films have them."""
    kind = KINDS[key]
    file, words = BytesIO(), b"1\n00:00:00,500 --> 00:00:01,000\nhello\n\n"
    with av.open(file, "w", format=kind.container) as out, av.open(BytesIO(words), "r", format="srt") as text:
        copy = out.add_stream_from_template(text.streams[0])
        stream = _stream(out, kind.codec, kind.rate_hz, kind.layout, kind, Part())
        for packet in text.demux(text.streams[0]):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
        for packet in _encoded(stream, kind.rate_hz, kind.layout, sounds.tone(440, seconds, rate_hz=kind.rate_hz)):
            out.mux(packet)
    return file.getvalue()


def _stream(out: Any, codec: str, rate_hz: int, layout: str, kind: Kind, part: Part) -> Any:
    stream = out.add_stream(codec, rate=rate_hz, layout=layout, options=dict(kind.options))
    if part.language:
        stream.metadata["language"] = part.language
    if part.title:
        stream.metadata["title"] = part.title
    kinds = av.stream.Disposition
    stream.disposition = kinds.default * part.default | kinds.comment * part.aside
    return stream


def _encoded(stream: Any, rate_hz: int, layout: str, tone: Any) -> Iterator[Any]:
    context = stream.codec_context
    convert = av.AudioResampler(context.format, layout, rate_hz, frame_size=context.frame_size or 1_024)
    frames: list[Any] = [_frame(tone[at : at + BLOCK], at, rate_hz) for at in range(0, len(tone), BLOCK)]
    for frame in [*frames, None]:
        for ready in convert.resample(frame):
            yield from stream.encode(ready)
    yield from stream.encode(None)


def _frame(block: Any, at: int, rate_hz: int) -> Any:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
    return frame


def _pictures(out: Any, codec: str, seconds: float) -> Iterator[Any]:
    stream = out.add_stream(codec, rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    random = np.random.default_rng(3)
    for at in range(round(seconds * 25)):
        frame = av.VideoFrame.from_ndarray(random.integers(0, 255, (48, 64, 3), dtype=np.uint8), format="rgb24")
        frame.pts, frame.time_base = at, Fraction(1, 25)
        yield from stream.encode(frame)
    yield from stream.encode(None)
