"""The program of the child process that opens a stranger's recording. Stands alone: it imports the standard library and av.

    python -I -B decode_worker.py <job as JSON>

The recording is standard input, sound (s16le, mono, 16 kHz) goes to standard output, and reports, one JSON object a line, to
standard error:

    {"facts": {...}}             what the container says of itself, see `_facts`
    {"at": samples}              so much is decoded
    {"done": {...}}              the end of a decoding, see `_Decoding.result`; a look ends without it
    {"refused": code, ...}       the end, for one of the reasons in `recording`

A job is {"mode": "look" or "decode", "max_s": seconds, "track": place among the sound tracks or null, "memory": bytes of address
space, "cpu_s": seconds}.

FFmpeg gets a stream without a name, a list of formats and no protocol, so that a playlist can lead nowhere. The process limits
itself before it imports av; after that it cannot open anything at all any more. Packets are decoded one by one: a damaged one costs
itself. No AudioFifo: in PyAV it crashes when the layout changes.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

RATE_HZ = 16_000
BYTES_A_SAMPLE = 2
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
MIN_GAP_S = 0.02  # clocks in milliseconds tremble by less
MAX_GAPS = 100  # later ones are added to the last
MAX_BREAKS = 16  # errors of the container in a row without one packet between them
RESTARTING = ("mpegts", "mpeg", "flv")  # joined pieces begin a new clock there,
MAX_JUMP_S = 10.0  # and a longer jump than this is taken for such a seam, not for a hole
PROGRESS_S = 0.1
NEW_USER, NEW_NET = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
Tell = Callable[[dict[str, Any]], None]


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


# ---- limits ---------------------------------------------------------------------------------------------------------------------


def leave_network() -> None:
    """Go where there is no network, if the kernel lets ordinary processes do that; nothing depends on it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).unshare(NEW_USER | NEW_NET)


def limit(job: dict[str, Any]) -> None:
    """Take away from this process what the job does not need, where the system knows such limits."""
    try:
        import resource  # not on Windows, where the parent's time limit is the only one
    except ImportError:
        return
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, int(job["memory"])),
        (resource.RLIMIT_CPU, int(job["cpu_s"])),
        # The kernel keeps the cap on sound even when the decoder was taken over.
        (resource.RLIMIT_FSIZE, most_samples(job) * BYTES_A_SAMPLE),
    )
    for kind, value in wanted:
        _lower(kind, value)


def _lower(kind: int, value: int) -> None:
    import resource

    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):
        return  # macOS refuses RLIMIT_AS; the other limits still hold


def close_doors() -> None:
    """From here on no file, socket or pipe can be opened; what is open stays usable."""
    try:
        import resource
    except ImportError:
        return
    _lower(resource.RLIMIT_NOFILE, 0)


def library() -> Any:
    """PyAV, with all that it would import later, when nothing can be opened any more."""
    import av
    import av.subtitles.stream

    av.logging.set_level(None)
    return av


def most_samples(job: dict[str, Any]) -> int:
    """The cap on sound; a look writes nothing."""
    return math.ceil(job["max_s"] * RATE_HZ) if job["mode"] == "decode" else 0


# ---- looking --------------------------------------------------------------------------------------------------------------------


def _facts(container: Any, file: io.FileIO) -> dict[str, Any]:
    """What the container says of itself.

    `seconds` is None where FFmpeg only guesses it from a bit rate.
    """
    name = container.format.name
    video = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    claimed = container.duration
    guessed = name in ("aac", "amr") or (name == "mp3" and not _mp3_tells_length(file))
    return {
        "container": name,
        "seconds": claimed / 1e6 if claimed and claimed > 0 and not guessed else None,
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


def _mp3_tells_length(file: io.FileIO) -> bool:
    """Whether the first frame is a Xing, Info or VBRI header; without one FFmpeg guesses: 48.6 s were seen for 20 s."""
    here = file.tell()
    file.seek(0)
    head = file.read(10)
    tag = (
        sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False)) + 10 if head[:3] == b"ID3" else 0
    )
    file.seek(tag)
    first = file.read(256)
    file.seek(here)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _choose(tracks: list[dict[str, Any]], wanted: int | None) -> int:
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


# ---- decoding -------------------------------------------------------------------------------------------------------------------


class _Decoding:
    """Decodes one track, packet by packet, and counts what is missing."""

    def __init__(self, av: Any, container: Any, track: int, sink: int, most: int, tell: Tell) -> None:
        self._av, self._container = av, container
        self._stream = container.streams.audio[track]
        self._restarting = container.format.name in RESTARTING
        self._sink, self._most, self._tell = sink, most, tell
        self._resampler: Any = None
        self._shape: tuple[str, str, int] | None = None
        self._clock: float | None = None  # where the sound so far ends, by the stream's own time
        self._gaps: list[list[float]] = []
        self._samples = self._bad = self._changes = 0
        self._broken_off = False
        self._next_report = 0.0

    def result(self) -> dict[str, Any]:
        """Decode everything, and say how it went."""
        with open(self._sink, "wb", buffering=1 << 18, closefd=False) as self._out:
            for packet in self._packets():
                try:
                    frames = packet.decode()
                except self._av.error.FFmpegError:  # this packet, not the rest
                    self._bad += 1
                    continue
                for frame in frames:
                    self._take(frame)
                if time.monotonic() >= self._next_report:
                    self._next_report = time.monotonic() + PROGRESS_S
                    self._tell({"at": self._samples})
            self._flush()
        if not self._samples:
            raise Refused("no_sound", bad_packets=self._bad)
        rate_hz = self._shape[2] if self._shape else 0
        return {
            "samples": self._samples,
            "bad_packets": self._bad,
            "gaps": self._gaps,
            "layout_changes": self._changes,
            "broken_off": self._broken_off,
            "rate_hz": rate_hz,
        }

    def _packets(self) -> Iterator[Any]:
        """All packets of the track; an error of the container is passed over as long as packets come after it."""
        breaks = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size or breaks <= MAX_BREAKS:
                        yield packet
                    if packet.size:
                        breaks = 0
                return
            except self._av.error.FFmpegError:
                breaks += 1
                self._broken_off = True
                if breaks > MAX_BREAKS:
                    return

    def _take(self, frame: Any) -> None:
        rate_hz, layout = frame.sample_rate, frame.layout
        shape = (frame.format.name, layout.name, rate_hz)
        if shape != self._shape:
            if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1] or layout.nb_channels > MAX_CHANNELS:
                raise Refused("odd_sound", rate_hz=rate_hz, channels=layout.nb_channels)
            self._changes += self._shape is not None
            self._flush()
            self._shape = shape
            self._resampler = self._av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        if frame.pts is not None:
            begin = float(frame.pts * frame.time_base)
            if self._clock is not None and begin - self._clock > MIN_GAP_S:
                self._missing(begin - self._clock)
            self._clock = begin + frame.samples / rate_hz
        frame.pts = None  # joined files jump in time, the resampler must not care
        self._emit(self._resampler.resample(frame))

    def _missing(self, seconds: float) -> None:
        if self._restarting and seconds > MAX_JUMP_S:
            return
        at_s = self._samples / RATE_HZ
        if self._gaps and (at_s - self._gaps[-1][0] < 1 or len(self._gaps) >= MAX_GAPS):
            self._gaps[-1][1] += seconds
        else:
            self._gaps.append([at_s, seconds])

    def _flush(self) -> None:
        if self._resampler is not None:
            self._emit(self._resampler.resample(None))

    def _emit(self, frames: list[Any]) -> None:
        for frame in frames:
            self._samples += frame.samples
            if self._samples > self._most:
                raise Refused("too_long")
            self._out.write(memoryview(frame.planes[0])[: frame.samples * BYTES_A_SAMPLE])


def work(job: dict[str, Any], source: int, sink: int, tell: Tell) -> None:
    """Carry out a job in this process, which has its limits already, and report how it went.

    Args:
        job: See the head of this file.
        source: Descriptor of the recording, at its beginning.
        sink: Descriptor for the sound.
        tell: Takes a report.
    """
    try:
        av = library()
        close_doors()
    except (ImportError, MemoryError, OSError):  # our installation or the memory limit, not the recording
        tell({"refused": "no_library"})
        return
    try:
        tell(_carry_out(av, job, io.FileIO(source, "rb", closefd=False), sink, tell))
    except Refused as refused:
        tell(refused.report)
    except MemoryError:
        tell({"refused": "too_big"})
    except OSError as exc:
        # FFmpeg's errors are OSErrors as well; only those of our own writing are about the disk.
        ours = not isinstance(exc, av.error.FFmpegError)
        tell(
            {
                "refused": "no_disk" if ours and exc.errno != errno.EFBIG else "too_long" if ours else "unreadable",
                "errno": exc.errno,
            }
        )
    except Exception as exc:  # noqa: BLE001 - many classes were seen, from EOFError to UnicodeDecodeError: all mean the same
        tell({"refused": "unreadable", "class": type(exc).__name__})


def _carry_out(av: Any, job: dict[str, Any], file: io.FileIO, sink: int, tell: Tell) -> dict[str, Any]:
    with av.open(_Nameless(file), "r", metadata_errors="ignore", options=OPTIONS) as container:
        if len(container.streams) > MAX_TRACKS:
            raise Refused("too_many_tracks")
        facts = _facts(container, file)
        if job["mode"] == "look":
            _choose(facts["tracks"], None)
            return {"facts": facts}
        track = _choose(facts["tracks"], job["track"])
        tell({"facts": facts, "track": track})
        return {"done": _Decoding(av, container, track, sink, most_samples(job), tell).result()}


def main(argument: str) -> None:
    """Do one job on the standard streams."""
    job = json.loads(argument)
    reports = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # the library's own words go nowhere
    leave_network()
    limit(job)
    work(job, 0, 1, lambda report: write(reports, report))


def write(descriptor: int, report: dict[str, Any]) -> None:
    """Write a report as a line; a socket or pipe takes it whole, or as soon as somebody reads."""
    os.write(descriptor, json.dumps(report).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
