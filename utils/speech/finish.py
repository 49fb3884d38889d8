"""From raw PCM to finished files: cut the edges, speed and pitch, loudness, encode, subtitles, the picture of the wave.

The sound stays on disk and goes through in as few passes as there can be: one that looks (edges), one that measures (and changes
speed or pitch, if it must), one that sets the level and encodes. Every change of the sound is done to the marks, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from utils.audio import edges, effects, loudness
from utils.audio.codec import FORMATS, encode
from utils.audio.pcm import BLOCK_SAMPLES, Pcm, PcmFile
from utils.audio.peaks import Peaks
from utils.errors import StoreUnavailable
from utils.speech.contract import Mark
from utils.subtitles import Cue, cues_from_marks, srt, vtt, words_from_marks

_CHANGING, _MEASURING = 0.3, 0.1  # share of the time beside encoding
Report = Callable[[float], None]  # 0 to 1; raises Cancelled when the work must stop
Look = Callable[[Iterable[Pcm]], Iterable[Pcm]]


@dataclass(frozen=True)
class Finish:
    """What is still to be done to a sound.

    Attributes:
        speed: Factor, 1 when the engine did it.
        pitch: Semitones, 0 when the engine did it.
        trim: Cut silence at both ends.
        loudness: LUFS to reach, or None.
        lead_s: Silence to put before.
        tail_s: Silence to put behind.
        format: Key of `audio.codec.FORMATS`.
        tags: For the file.
    """

    speed: float
    pitch: float
    trim: bool
    loudness: float | None
    lead_s: float
    tail_s: float
    format: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Finished:
    """What was made.

    Attributes:
        files: (name, role), the sound first.
        seconds: Length of the sound.
        lufs: Its loudness, or None when it was not measured.
        marks: In seconds of the finished sound.
    """

    files: tuple[tuple[str, str], ...]
    seconds: float
    lufs: float | None
    marks: tuple[Mark, ...]


def finish(pcm: PcmFile, marks: Sequence[Mark], wanted: Finish, folder: Path, stem: str, report: Report) -> Finished:
    """Make the finished files in `folder`: sound, subtitles, and what a player draws.

    Args:
        pcm: What the engine wrote; not changed.
        marks: In seconds of `pcm`.
        wanted: What to do to it.
        folder: Where the files go, and a temporary one that is removed.
        stem: Of their names.
        report: Told how much is done, and raises when the work must stop; called every few seconds of sound.
    """
    peaks = Peaks()
    made = finish_sound(pcm, marks, wanted, folder, stem, report, look=peaks.collect)
    subtitles = write_subtitles(folder, stem, cues_from_marks(made.marks, seconds=made.seconds))
    words = [[round(word.start, 3), round(word.end, 3), word.text] for word in words_from_marks(made.marks)]
    player = {"seconds": round(made.seconds, 3), "peaks": peaks.values(), "words": words}
    _write(folder / "player.json", json.dumps(player, ensure_ascii=False, separators=(",", ":")))
    return replace(made, files=(*made.files, *subtitles, ("player.json", "peaks")))


def finish_sound(
    pcm: PcmFile, marks: Sequence[Mark], wanted: Finish, folder: Path, stem: str, report: Report, *, look: Look = iter
) -> Finished:
    """Make only the file of the sound. `look` sees its blocks pass by; the rest as in `finish`."""
    start, stop = edges.find(pcm) if wanted.trim else (0, pcm.sample_count)
    rate_hz = pcm.rate_hz
    with closing(_Level(pcm, start, stop, folder / f".{stem}.changed.pcm")) as level:
        level.prepare(wanted, report)
        lead, tail = round(wanted.lead_s * rate_hz), round(wanted.tail_s * rate_hz)
        total = lead + level.sample_count + tail
        blocks = chain(silence(lead), loudness.amplify(level.blocks(), level.gain), silence(tail))
        name = stem + FORMATS[wanted.format].suffix
        told = _told(look(blocks), total, lambda part: report(level.share + (1 - level.share) * part))
        encode(told, rate_hz, folder / name, wanted.format, tags=wanted.tags)
    seconds = total / rate_hz
    moved = _moved(marks, start / rate_hz, wanted.speed, wanted.lead_s, seconds)
    report(1.0)
    return Finished(((name, "audio"),), seconds, level.lufs, moved)


def write_subtitles(folder: Path, stem: str, cues: Sequence[Cue]) -> tuple[tuple[str, str], ...]:
    """Write `<stem>.srt` and `<stem>.vtt`; their names and role."""
    _write(folder / f"{stem}.srt", srt(cues))
    _write(folder / f"{stem}.vtt", vtt(cues))
    return (f"{stem}.srt", "subtitles"), (f"{stem}.vtt", "subtitles")


@contextmanager
def storing() -> Iterator[None]:
    """What the system says about the disk becomes StoreUnavailable; an OSError of somebody's library stays as it is."""
    try:
        yield
    except OSError as exc:
        if exc.errno is None:
            raise
        raise StoreUnavailable(
            "The sound could not be stored: the disk is full or cannot be written.", "Free some space and try again."
        ) from exc


class _Level:
    """The sound after speed and pitch, and the gain that brings it to its loudness. Close it: it may own a temporary file."""

    def __init__(self, pcm: PcmFile, start: int, stop: int, changed: Path) -> None:
        self._pcm, self._start, self._stop = pcm, start, stop
        self._changed = changed
        self.share = 0.0  # of the whole finish
        self.gain = 1.0
        self.lufs: float | None = None

    def prepare(self, wanted: Finish, report: Report) -> None:
        """Do what must be done before the sound can be encoded, in one pass; nothing, if nothing must."""
        chains = chains_of(wanted)
        if not chains and wanted.loudness is None:
            return
        self.share = (_CHANGING if chains else 0.0) + (_MEASURING if wanted.loudness is not None else 0.0)
        told = _told(self.blocks(), self.sample_count, lambda part: report(self.share * part))
        blocks: Iterable[Pcm] = effects.apply(told, self._pcm.rate_hz, *chains)
        if chains:
            blocks = _kept(blocks, self._changed)
        if wanted.loudness is None:
            for _ in blocks:
                pass
        else:
            measured = loudness.measure(blocks, self._pcm.rate_hz)
            self.gain = loudness.gain(measured, wanted.loudness)
            self.lufs = round(measured.lufs + 20 * math.log10(self.gain), 1)
        if chains:
            self._pcm = PcmFile(self._changed, self._pcm.rate_hz)
            self._start, self._stop = 0, self._pcm.sample_count

    @property
    def sample_count(self) -> int:
        return self._stop - self._start

    def blocks(self) -> Iterator[Pcm]:
        return self._pcm.blocks(self._start, self._stop)

    def close(self) -> None:
        self._changed.unlink(missing_ok=True)


def chains_of(wanted: Finish) -> list[effects.Chain]:
    """The effects that are still to be applied."""
    return [*effects.speeds(wanted.speed), *([effects.pitch(wanted.pitch)] if wanted.pitch else [])]


def _told(blocks: Iterable[Pcm], total: int, report: Report) -> Iterator[Pcm]:
    """Pass blocks on and report after each what part of `total` samples went by."""
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        report(min(1.0, done / total) if total else 1.0)


def _kept(blocks: Iterable[Pcm], path: Path) -> Iterator[Pcm]:
    """Pass blocks on and write them to a file."""
    with path.open("wb") as file:
        for block in blocks:
            file.write(block.astype("<i2", copy=False).tobytes())
            yield block


def silence(count: int) -> Iterator[Pcm]:
    """So many samples of it."""
    for start in range(0, count, BLOCK_SAMPLES):
        yield np.zeros(min(BLOCK_SAMPLES, count - start), dtype=np.int16)


def _moved(marks: Iterable[Mark], cut_s: float, speed: float, lead_s: float, seconds: float) -> tuple[Mark, ...]:
    """Marks in seconds of the finished sound."""

    def at(time_s: float) -> float:
        return min(max(0.0, time_s - cut_s) / speed + lead_s, seconds)

    return tuple(replace(mark, start=at(mark.start), end=at(mark.end)) for mark in marks)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
