"""Decode one sound track packet by packet and count what is missing. Runs in the limited child only.

A damaged packet costs itself. No AudioFifo: in PyAV it crashes when the layout changes. No NumPy.
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from utils.audio.decode_look import MAX_CHANNELS, RATES_HZ, Refused, id3_bytes, ogg_is_whole

RATE_HZ = 16_000
BYTES_A_SAMPLE = 2
MIN_GAP_S = 0.05  # shorter ones add up until they are as long: clocks in milliseconds tremble
MAX_GAPS = 100  # later ones are added to the last
MAX_HOLE_S = 600.0  # a jump of the clock beyond this, or back, begins a new clock (joined files) and is no hole;
RESTARTING = {"mpegts": 10.0, "mpeg": 10.0, "flv": 10.0}  # broadcasts are joined all the time
BACK_S = 0.5
UNCLOCKED = ("mp3", "aac")  # times are counted from packets there: a hole shows in the size of what cannot be decoded
MAX_LOST_S = 60.0  # a packet's share of such a hole
MAX_BREAKS = 16  # errors of the container in a row without one packet between them
MAX_WITHOUT = 5_000  # packets without sound before the first with some
PROGRESS_S = 0.1
ID3V1_BYTES = 128
WRITE_BYTES = 1 << 18
ZEROS = bytes(1 << 16)
Tell = Callable[[dict[str, Any]], None]


class Decoding:
    """Decodes one track, packet by packet. Holes become silence, so that times stay those of the recording, and are counted."""

    def __init__(
        self,
        av: Any,
        container: Any,
        track: int,
        claimed_s: float | None,
        file: io.FileIO,
        sink: int,
        most: int,
        tell: Tell,
        *,
        follow: bool = False,
    ) -> None:
        """Nothing is read yet.

        Args:
            av: PyAV.
            container: Opened.
            track: Place among the sound tracks.
            claimed_s: Length that the container claims, if that is no guess.
            file: What the container reads.
            sink: Descriptor for the sound.
            most: Samples.
            tell: Takes reports.
            follow: The recording still comes, so the sound of every packet is handed on at once.
        """
        self._av, self._container, self._file, self._sink = av, container, file, sink
        self._stream = container.streams.audio[track]
        for stream in container.streams:
            if stream.index != self._stream.index:
                stream.discard = av.stream.Discard.all  # an hour of film is not even read
        self._name = container.format.name
        self._clocked = self._name not in UNCLOCKED
        self._most, self._tell, self._claimed_s, self._follow = most, tell, claimed_s, follow
        self._waiting = bytearray()
        self._resampler: Any = None
        self._shape: tuple[str, str, int] | None = None
        self._clock: float | None = None  # where the sound so far ends, by the stream's own time
        self._gaps: list[list[float]] = []
        self._samples = self._silent = self._bad = self._without = self._changes = 0
        self._good_bytes = self._lost_bytes = 0  # of packets; lost ones since the last good one
        self._broken_off = False
        self._next_report = 0.0

    def result(self) -> dict[str, Any]:
        """Decode everything, and say how it went."""
        cut = False
        for packet in self._packets():
            cut = self._decode(packet) if packet.size else cut
            if not packet.size:
                self._decode(packet)  # what the decoder holds back
            if self._follow:
                self._drain()
            if time.monotonic() >= self._next_report:
                self._next_report = time.monotonic() + PROGRESS_S
                self._tell({"at": self._samples})
        self._flush()
        self._drain()
        if self._samples == self._silent:
            raise Refused("no_sound", bad_packets=self._bad)
        return {
            "samples": self._samples,
            "bad_packets": self._bad,
            "gaps": self._gaps,
            "lost_s": self._lost_s() if self._name == "aac" else 0.0,
            "layout_changes": self._changes,
            "broken_off": self._broken_off or cut or (self._name == "ogg" and not ogg_is_whole(self._file)),
            "rate_hz": self._shape[2] if self._shape else 0,
        }

    def _packets(self) -> Iterator[Any]:
        """All packets of the track; an error of the container is passed over as long as packets come after it."""
        breaks = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    breaks = 0 if packet.size else breaks
                    yield packet
                return
            except self._av.error.FFmpegError:
                breaks += 1
                self._broken_off = True
                if breaks > MAX_BREAKS:
                    return

    def _decode(self, packet: Any) -> bool:
        """Decode a packet; answer whether it is one that was cut off."""
        size = packet.size
        try:
            frames = packet.decode()
        except self._av.error.FFmpegError:  # this packet, not the rest
            self._bad += 1
            self._lost_bytes += size
            self._nothing_yet()
            return size > 1 and bytes(packet)[0] == 0xFF and not self._clocked  # begins as a frame does; tags do not
        if self._lost_bytes and frames:
            if not self._clocked and self._good_bytes:
                heard = (self._samples - self._silent) / RATE_HZ
                self._gap(min(self._lost_bytes / self._good_bytes * heard, MAX_LOST_S))
            self._lost_bytes = 0
        self._good_bytes += size
        if not frames:
            self._nothing_yet()
        for frame in frames:
            self._take(frame)
        return bool(packet.is_corrupt) and self._name != "wav"  # there the header tells more

    def _nothing_yet(self) -> None:
        """Another packet without sound; too many of them before the first with some, and none will come."""
        self._without += 1
        if self._without > MAX_WITHOUT and self._shape is None:
            raise Refused("no_sound", bad_packets=self._bad)

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
        if self._clocked and frame.pts is not None:
            self._align(float(frame.pts * frame.time_base))
        if self._clock is not None:
            self._clock += frame.samples / rate_hz
        frame.pts = None  # joined files jump in time, the resampler must not care
        self._emit(self._resampler.resample(frame))

    def _align(self, begin: float) -> None:
        """Follow the stream's clock: a hole becomes silence, and so does a late beginning, which is none."""
        if self._clock is None:
            late = begin - (self._container.start_time or 0) / 1e6
            if MIN_GAP_S < late < self._most_hole_s():
                (self._gap if self._bad else self._silence)(late)
            self._clock = begin
        ahead = begin - self._clock
        if ahead < -BACK_S or ahead > self._most_hole_s():
            self._clock = begin
        elif ahead > MIN_GAP_S:
            self._gap(ahead)
            self._clock = begin

    def _most_hole_s(self) -> float:
        """A longer jump is not believed: none leads far beyond the length that the container claims."""
        most_s = RESTARTING.get(self._name, MAX_HOLE_S)
        return most_s if self._claimed_s is None else min(most_s, max(0.0, self._claimed_s + 1 - self._samples / RATE_HZ))

    def _gap(self, seconds: float) -> None:
        at_s = self._samples / RATE_HZ
        last = self._gaps[-1] if self._gaps else None
        if last is not None and (at_s - sum(last) < 1 or len(self._gaps) >= MAX_GAPS):
            last[1] += seconds
        else:
            self._gaps.append([at_s, seconds])
        self._silence(seconds)

    def _silence(self, seconds: float) -> None:
        count = round(seconds * RATE_HZ)
        self._silent += count
        self._count(count)
        while count > 0:
            self._put(ZEROS[: count * BYTES_A_SAMPLE])
            count -= len(ZEROS) // BYTES_A_SAMPLE

    def _lost_s(self) -> float:
        """What bytes between the packets would have been, at the mean rate; bare AAC passes over them in silence."""
        between = os.fstat(self._file.fileno()).st_size - id3_bytes(self._file) - self._good_bytes - self._lost_bytes
        heard = (self._samples - self._silent) / RATE_HZ
        return max(0.0, between - ID3V1_BYTES) / max(1, self._good_bytes) * heard

    def _flush(self) -> None:
        if self._resampler is not None:
            self._emit(self._resampler.resample(None))

    def _emit(self, frames: list[Any]) -> None:
        for frame in frames:
            self._count(frame.samples)
            self._put(memoryview(frame.planes[0])[: frame.samples * BYTES_A_SAMPLE])

    def _put(self, data: bytes | memoryview) -> None:
        self._waiting += data
        if len(self._waiting) >= WRITE_BYTES:
            self._drain()

    def _drain(self) -> None:
        try:
            view = memoryview(bytes(self._waiting))
            while view:
                view = view[os.write(self._sink, view) :]
        except OSError as exc:
            raise Refused("too_long" if exc.errno == errno.EFBIG else "no_disk", errno=exc.errno or 0) from exc
        self._waiting.clear()

    def _count(self, samples: int) -> None:
        self._samples += samples
        if self._samples > self._most:
            raise Refused("too_long")
