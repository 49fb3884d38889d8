"""The file formats that we write. Plain data: importing this loads no sound library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Format:
    """One file format and how speech is put into it.

    Attributes:
        key: Our name of it.
        label: For people.
        suffix: Of a file name, with its dot.
        media_type: For HTTP.
        about: What it is good for, a few words for a help text.
        playable: Browsers play it.
        chapters: It can carry chapters. (Ogg could, but the media library writes times from half a second on a second too late.)
        tags: It can carry title, artist and the like.
        streamable: It can be written in one go, by whoever never goes back.
        container: Name of the muxer.
        demuxer: Name of the reader, forced when we read our own files.
        encoder: Name of the encoder.
        options: Of the encoder.
        container_options: Of the muxer.
        bit_rate: Bits a second asked for, or None where the encoder decides (lossless, or constant quality).
        rates_hz: Sample rates that the encoder takes; empty means any.
        sample_format: What the encoder is fed with, or None for its own choice.
    """

    key: str
    label: str
    suffix: str
    media_type: str
    about: str
    container: str
    demuxer: str
    encoder: str
    playable: bool = True
    chapters: bool = False
    tags: bool = True
    streamable: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    bit_rate: int | None = None
    rates_hz: tuple[int, ...] = ()
    sample_format: str | None = None

    def rate_hz(self, source_hz: int) -> int:
        """The sample rate of a file made from `source_hz`: the same, else the next higher one that the encoder takes."""
        if not self.rates_hz or source_hz in self.rates_hz:
            return source_hz
        return min((rate for rate in self.rates_hz if rate > source_hz), default=max(self.rates_hz))


# Figures: 120 s of speech at 22,050 Hz, one core; LSD is the log-spectral distance over 40 mel bands, smaller is better.
# MP3: constant quality V3 with LAME's fast search gives 65 kbit/s, LSD 1.8 dB, 190 x real time; 64 kbit/s constant at the
# library's default gives LSD 2.3 dB at 89 x. A Xing header keeps length and seeking exact. 118 is FFmpeg's FF_QP2LAMBDA.
_LAME = {"compression_level": "7", "flags": "+qscale", "global_quality": str(3 * 118)}
# Opus: complexity 0 gives 39 kbit/s, LSD 2.8 dB, 450 x; complexity 10 gives 33 kbit/s, LSD 3.2 dB, 94 x.
_OPUS = {"compression_level": "0"}
# AAC: the fast coder gives 73 kbit/s, LSD 2.0 dB, 270 x; the default one 75 kbit/s, LSD 2.3 dB, 52 x.
_AAC = {"aac_coder": "fast"}
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_AAC_RATES = (*_MP3_RATES, 64_000, 88_200, 96_000)

_ALL = (
    Format(
        "mp3", "MP3", ".mp3", "audio/mpeg", "plays everywhere", "mp3", "mp3", "libmp3lame", chapters=True,
        options=_LAME, container_options={"id3v2_version": "3"}, rates_hz=_MP3_RATES, sample_format="s16p",
    ),
    Format(
        "wav", "WAV", ".wav", "audio/wav", "uncompressed, for editing", "wav", "wav", "pcm_s16le",
        container_options={"rf64": "auto"}, sample_format="s16",
    ),
    Format(
        "opus", "Opus", ".opus", "audio/ogg", "smallest files", "ogg", "ogg", "libopus",
        options=_OPUS, bit_rate=32_000, rates_hz=(48_000,), sample_format="s16",
    ),
    Format("flac", "FLAC", ".flac", "audio/flac", "lossless, half the size of WAV", "flac", "flac", "flac", sample_format="s16"),
    Format(
        "m4a", "M4A", ".m4a", "audio/mp4", "for Apple devices, with chapters", "ipod", "mov", "aac", chapters=True,
        streamable=False, options=_AAC,
        container_options={"movflags": "+faststart"}, bit_rate=64_000, rates_hz=_AAC_RATES, sample_format="fltp",
    ),
    Format(
        "aac", "AAC", ".aac", "audio/aac", "bare AAC stream, no tags", "adts", "aac", "aac", playable=False, tags=False,
        options=_AAC, bit_rate=64_000, rates_hz=_AAC_RATES, sample_format="fltp",
    ),
    # Nothing in the file says its rate, so it is always the one that programs expect of speech services: 24,000 Hz.
    Format(
        "pcm", "Raw PCM (16-bit, 24 kHz, mono)", ".pcm", "audio/pcm", "bare samples for programs", "s16le", "s16le", "pcm_s16le",
        playable=False, tags=False, rates_hz=(24_000,), sample_format="s16",
    ),
)  # fmt: skip
FORMATS: Mapping[str, Format] = MappingProxyType({form.key: form for form in _ALL})
DEMUXERS = tuple(sorted({form.demuxer for form in _ALL} - {"s16le"}))  # raw PCM fits any bytes, so it is never guessed


@dataclass(frozen=True)
class Chapter:
    """A named stretch of a long sound; `start` and `end` in seconds."""

    start: float
    end: float
    title: str
