"""Read sound that we made, or that the speech service sent. Strangers' files never come here."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from utils.audio.faults import BadSound, reading
from utils.audio.formats import DEMUXERS, FORMATS, Format
from utils.audio.frames import to_block
from utils.audio.pcm import Pcm
from utils.audio.waveform import Waveform

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

MAX_SECONDS = 600.0  # decode_trusted holds all of it in memory: 600 s at 24 kHz are 29 MB
_RATES_HZ = (4_000, 384_000)  # a damaged header that says 1 Hz would make hours of a few bytes
_MAX_CHANNELS = 16
_BY_SUFFIX = {form.suffix: form for form in FORMATS.values()}


class _Nameless:
    """Only what a demuxer needs of a file. A name would make the media library guess the format from it."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.tell, self._seek = file.read, file.tell, file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file's, but a place before the beginning is answered with -1: an exception would be printed by the library."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -1


def open_container(file: BinaryIO, form: Format | None) -> InputContainer:
    """Open for reading: no name, no protocols, no formats but our own; the caller closes both.

    Errors are the media library's: call it inside `faults.reading`.
    """
    import av

    options = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "none", "max_streams": "8"}
    if form is not None:
        options["format_whitelist"] = form.demuxer
        if form.demuxer == "s16le":
            options |= {"sample_rate": str(form.rates_hz[0]), "ch_layout": "mono"}
    return av.open(_Nameless(file), "r", format=form and form.demuxer, options=options, metadata_errors="ignore")  # type: ignore[call-overload,no-any-return]


def format_of(source: Path | bytes, key: str | None) -> Format | None:
    """The format to force: the one asked for, else the one that our own file's suffix names, else None (look at the bytes)."""
    if key is not None:
        return FORMATS[key]
    return _BY_SUFFIX.get(source.suffix.lower()) if isinstance(source, Path) else None


def decode_blocks(source: Path | bytes, rate_hz: int, *, format: str | None = None) -> Iterator[Pcm]:
    """Decode to mono int16 at `rate_hz`, block by block, memory flat.

    Args:
        source: A file or its bytes.
        rate_hz: Rate of the blocks.
        format: A key of FORMATS to force. Without it a file's suffix decides, and bytes are looked at.

    Raises:
        BadSound: the bytes are no sound, or broken somewhere.
    """
    for _, block in _decoded(source, rate_hz, format):
        yield block


def _decoded(source: Path | bytes, rate_hz: int | None, format: str | None) -> Iterator[tuple[int, Pcm]]:
    """Blocks with their rate, which is the file's own when `rate_hz` is None."""
    import av

    form = format_of(source, format)
    what = f"The {form.label} data" if form else "The data"
    with source.open("rb") if isinstance(source, Path) else BytesIO(source) as file:
        with reading(what):
            container = open_container(file, form)
        with container:
            with reading(what):
                stream = sound_stream(container, what)
                target_hz = rate_hz or stream.rate
                convert = av.AudioResampler("s16", "mono", target_hz)
            frames = chain(container.decode(stream), [None])  # None drains the resampler
            while True:
                with reading(what):  # not around the yield: what the caller raises is the caller's
                    frame = next(frames, StopIteration)
                    if frame is StopIteration:
                        return
                    ready = [to_block(part) for part in convert.resample(frame)]  # type: ignore[arg-type]
                for block in ready:
                    yield target_hz, block


def sound_stream(container: InputContainer, what: str) -> AudioStream:
    """The first stream of sound.

    Raises:
        BadSound: there is none, or its header makes no sense.
    """
    streams = container.streams.audio
    stream = streams[0] if streams else None
    # Without a decoder for what a damaged header names, the stream has no codec context.
    if (
        stream is None
        or stream.codec_context is None
        or not _RATES_HZ[0] <= stream.rate <= _RATES_HZ[1]
        or stream.channels > _MAX_CHANNELS
    ):
        raise BadSound(f"{what} holds no sound that can be used.", "Make it again, or choose another format.")
    return stream


def decode_trusted(
    source: Path | bytes, rate_hz: int | None = None, *, format: str | None = None, max_seconds: float = MAX_SECONDS
) -> Waveform:
    """Decode a short sound into memory: what we made, or a piece from the speech service.

    Args:
        source: A file or its bytes.
        rate_hz: Rate of the result; None keeps the source's.
        format: A key of FORMATS to force; always given for bytes from outside, so that no other reader ever sees them.
        max_seconds: Longer sound is refused, not cut.

    Returns:
        int16 samples, at least one.

    Raises:
        BadSound: the bytes are no sound, broken somewhere, or too long; no error of the media library gets past it.
    """
    blocks: list[Pcm] = []
    count, found_hz = 0, rate_hz or 0
    for found_hz, block in _decoded(source, rate_hz, format):
        blocks.append(block)
        count += len(block)
        if count > max_seconds * found_hz:
            raise BadSound(f"The sound is longer than the {max_seconds:g} seconds allowed here.", "Use a shorter one.")
    if not count:
        raise BadSound("The data holds no sound.", "Make it again, or choose another format.")
    return Waveform(np.concatenate(blocks), found_hz)
