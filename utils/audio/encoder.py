"""Write sound into a file, block by block: memory stays flat whatever the length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from utils.audio import tags as file_tags
from utils.audio.faults import BadSound, writing
from utils.audio.formats import FORMATS, Chapter, Format
from utils.audio.frames import from_blocks
from utils.audio.pcm import Pcm
from utils.errors import AppError, UnknownFormat

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

STREAM_BUFFER_BYTES = 4096  # what is written at once at most: half a second of MP3


def find(key: str) -> Format:
    """The format named `key`.

    Raises:
        UnknownFormat: there is none.
    """
    try:
        return FORMATS[key]
    except KeyError:
        known = ", ".join(FORMATS)
        raise UnknownFormat(f"The format {key[:40]!r} is not one that is written here.", f"Choose one of {known}.") from None


def encode(
    blocks: Iterable[Pcm],
    rate_hz: int,
    path: Path,
    format: str,
    *,
    tags: Mapping[str, str] | None = None,
    chapters: Sequence[Chapter] = (),
) -> None:
    """Encode mono PCM into a new file. A file left behind by an error is incomplete and to be thrown away.

    Decoded again, WAV, FLAC, Opus and raw PCM have exactly the length that went in, and MP3 too, but for 2 ms of silence where the
    sound ends just behind a frame. M4A is longer by less than one AAC frame (1,024 samples) and ADTS by less than two, because
    nothing in it tells the encoder's delay.

    Args:
        blocks: One-dimensional int16 arrays of any length; taken one at a time.
        rate_hz: Rate of the blocks. Where the format does not take it, the sound is resampled.
        path: The file to write; its suffix does not matter.
        format: A key of FORMATS.
        tags: Any of `title`, `artist`, `album`, `comment`, `language` (BCP 47). Formats without tags leave them out.
        chapters: In order, not overlapping. Formats without chapters leave them out.

    Raises:
        UnknownFormat: no such format.
        BadSound: there is not one sample, or the encoder refuses them.
        StoreUnavailable: the disk is full or cannot be written.
    """
    import av

    form = find(format)
    first = _first(blocks := iter(blocks))
    name, options = str(path.absolute()), dict(form.container_options)  # a relative name could be taken for a protocol
    with writing(form.label), av.open(name, "w", format=form.container, options=options) as out:
        stream = _add_stream(out, form, rate_hz)
        if form.tags:
            file_tags.put(out, stream, form, tags or {})
        if form.chapters and chapters:
            out.set_chapters(_as_dicts(chapters))  # before the first packet: the header is written then
        _through(out, stream, form, chain([first], blocks), rate_hz)


def encode_stream(blocks: Iterable[Pcm], rate_hz: int, out: BinaryIO, format: str) -> None:
    """Encode mono PCM into something that is read while it is written: nothing is ever gone back to.

    So the head of the sound does not tell its length: WAV says "as long as it gets" (0xFFFFFFFF), FLAC 0, MP3 has no Xing header.
    The rest as in `encode`.

    Args:
        blocks: As in `encode`; the first one should come soon, for what is on hand is written at once.
        rate_hz: Rate of the blocks.
        out: Only written to, in small pieces.
        format: A key of FORMATS that is `streamable`.

    Raises:
        UnknownFormat: no such format, or it cannot be written in one go.
        BadSound: there is not one sample, or the encoder refuses them.
        StoreUnavailable: the disk is full or cannot be written.
        AppError: what `out` refuses.
    """
    import av

    form = find(format)
    if not form.streamable:
        raise UnknownFormat(f"{form.label} cannot be written while it is spoken.", "Choose another format.")
    first = _first(blocks := iter(blocks))
    forward = _Forward(out)
    try:
        with (
            writing(form.label),
            av.open(forward, "w", format=form.container, buffer_size=STREAM_BUFFER_BYTES) as container,
        ):
            stream = _add_stream(container, form, rate_hz)
            _through(container, stream, form, chain([first], blocks), rate_hz)
    except BadSound:
        if forward.refusal is not None:  # the muxer only knows that it could not write
            raise forward.refusal from None
        raise


class _Forward:
    """A file without a way back; the muxers look whether there is one."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.refusal: AppError | None = None

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        try:
            while len(left):
                left = left[self._out.write(left) :]
        except AppError as exc:
            self.refusal = exc
            raise
        return len(data)


def _through(out: OutputContainer, stream: AudioStream, form: Format, blocks: Iterable[Pcm], rate_hz: int) -> None:
    """All blocks through the encoder into the container."""
    import av

    convert = av.AudioResampler(form.sample_format, "mono", form.rate_hz(rate_hz))
    for frame in chain(from_blocks(blocks, rate_hz), [None]):  # None drains the resampler
        for ready in convert.resample(frame):
            out.mux(stream.encode(ready))
    out.mux(stream.encode(None))


def _first(blocks: Iterator[Pcm]) -> Pcm:
    for block in blocks:
        if len(block):
            return block
    raise BadSound("There is no sound to write.", "Check that the text has something to speak.")


def _add_stream(out: OutputContainer, form: Format, rate_hz: int) -> AudioStream:
    made = out.add_stream(form.encoder, rate=form.rate_hz(rate_hz), options=dict(form.options), layout="mono")
    stream = cast("AudioStream", made)
    if form.sample_format:
        stream.codec_context.format = form.sample_format  # the setter takes a name
    if form.bit_rate:
        stream.codec_context.bit_rate = form.bit_rate
    return stream


def _as_dicts(chapters: Sequence[Chapter]) -> list[Any]:
    return [
        {
            "id": number,
            "start": round(chapter.start * 1000),
            "end": round(chapter.end * 1000),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": file_tags.clean(chapter.title)},
        }
        for number, chapter in enumerate(chapters)
    ]
