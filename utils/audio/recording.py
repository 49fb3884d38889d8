"""Recordings of strangers: look at them and decode them, in a limited child process only.

Everything that opens a user's sound file goes through here. What comes out is mono s16le PCM at 16 kHz on disk, of which
`samples` copies one stretch at a time, and a report that tells what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from utils.audio.decode_faults import ACCEPTED, disk_full, refusal
from utils.audio.decode_process import ColdChild, Job, Report, Starter, run
from utils.audio.decode_report import Facts, Gap, SoundReport, Track, facts_from, report_from
from utils.audio.decode_warm import starter
from utils.audio.pcm import PcmFile
from utils.errors import AppError, StoreUnavailable

__all__ = ["ACCEPTED", "RATE_HZ", "Decoded", "Facts", "Gap", "SoundReport", "Track", "decode", "inspect", "samples"]

log = logging.getLogger(__name__)
RATE_HZ = 16_000  # what every transcription engine hears
FULL_SCALE = 32_768


@dataclass(frozen=True)
class Decoded:
    """A decoded recording.

    Attributes:
        pcm: Mono, 16 kHz, on disk; at least one sample.
        report: How it went.
    """

    pcm: PcmFile
    report: SoundReport


def inspect(source: Path, *, start: Starter | None = None) -> Facts:
    """What the recording's container claims. Not more: a damaged file may look whole.

    Args:
        source: The file.
        start: How the child is started; None leaves it to this module.

    Raises:
        UnreadableSound: It is not a recording that could be decoded here.
        StoreUnavailable: The file cannot be read.
    """
    with _opened(source) as file:
        report = _run(Job("look"), file, None, start, hear=lambda _: 0.0, check=lambda: None)
    try:
        return facts_from(report["facts"])
    except (KeyError, TypeError, ValueError) as exc:
        raise _error(report, 0.0) from exc


def decode(
    source: Path,
    pcm: Path,
    *,
    max_seconds: float,
    track: int | None = None,
    progress: Callable[[float, float | None], None] = lambda done_s, expected_s: None,
    check: Callable[[], None] = lambda: None,
    start: Starter | None = None,
) -> Decoded:
    """Decode a recording. If that fails, `pcm` does not exist.

    Args:
        source: The file.
        pcm: Where the sound goes; replaced if it exists.
        max_seconds: Longer recordings are refused, whatever their header says.
        track: The sound track, from 0; None takes the default one, commentaries last.
        progress: Told the seconds decoded so far, and expected or None.
        check: Called at least 10 times a second; what it raises kills the child and passes.
        start: How the child is started; None leaves it to this module.

    Raises:
        UnreadableSound: There is no sound in it that can be decoded here.
        RecordingTooLong: It is longer than `max_seconds`.
        StoreUnavailable: The file cannot be read, or the sound cannot be written.
    """
    with _opened(source) as file:
        hearing = _Hearing(progress, max_seconds)
        try:
            report = _run(Job("decode", max_seconds, track), file, pcm, start, hear=hearing.take, check=check)
            return hearing.decoded(report, PcmFile(pcm, RATE_HZ))
        except BaseException:
            pcm.unlink(missing_ok=True)
            raise


def _run(
    job: Job,
    source: BinaryIO,
    pcm: Path | None,
    start: Starter | None,
    *,
    hear: Callable[[Report], float],
    check: Callable[[], None],
) -> Report:
    """Have a child do the job; and another one, in an interpreter of its own, when the warm process broke down meanwhile."""
    report: Report = {}
    for begin in (start or starter(), ColdChild):
        source.seek(0)
        with ExitStack() as opened:
            sink = None if pcm is None else opened.enter_context(_sink(pcm))
            running = begin(job, source, sink)
        report = run(running, hear=hear, check=check)
        if report.get("refused") != "vanished":
            break
        log.warning("the process that decodes a recording vanished, mode %s", job.mode)
    return report


def _sink(pcm: Path) -> BinaryIO:
    try:
        pcm.unlink(missing_ok=True)  # nobody else writes into this one
        return pcm.open("wb")
    except OSError as exc:
        raise disk_full() from exc


class _Hearing:
    """Takes in what the child reports, and believes it as little as the file."""

    def __init__(self, progress: Callable[[float, float | None], None], max_seconds: float) -> None:
        self._progress, self._max_seconds = progress, max_seconds
        self._facts: Facts | None = None
        self._track = 0

    def take(self, report: Report) -> float:
        """One report on the way; answers the seconds decoded so far."""
        try:
            if "facts" in report:
                self._facts, self._track = facts_from(report["facts"]), int(report["track"])
            seconds = min(max(float(report.get("at", 0)) / RATE_HZ, 0.0), self._max_seconds)
        except (KeyError, TypeError, ValueError) as exc:
            raise refusal({"refused": "died"}, self._max_seconds) from exc
        self._progress(seconds, self._facts.seconds if self._facts else None)
        return seconds

    def decoded(self, report: Report, pcm: PcmFile) -> Decoded:
        """The last report, and the sound."""
        if "done" not in report or self._facts is None or not pcm.sample_count:
            raise _error(report, self._max_seconds)
        try:
            return Decoded(pcm, report_from(self._facts, self._track, report["done"], pcm.seconds))
        except (KeyError, TypeError, ValueError, IndexError) as exc:
            raise refusal({"refused": "died"}, self._max_seconds) from exc


def samples(pcm: PcmFile, start: int, stop: int) -> NDArray[np.float32]:
    """A stretch of decoded sound; only this stretch is copied.

    Args:
        pcm: The sound.
        start: First sample.
        stop: The sample behind the last one; beyond the end there is nothing.

    Returns:
        One dimension, -1 to 1.
    """
    stop = min(stop, pcm.sample_count)
    if start >= stop:
        return np.zeros(0, np.float32)
    mapped = np.memmap(pcm.path, "<i2", "r", offset=(pcm.begin + start) * 2, shape=(stop - start,))
    scaled: NDArray[np.float32] = np.multiply(mapped, np.float32(1 / FULL_SCALE), dtype=np.float32)
    return scaled


def _opened(source: Path) -> BinaryIO:
    try:
        file = source.open("rb")
    except OSError as exc:
        raise StoreUnavailable("The recording cannot be read from the disk.", "Upload it again.") from exc
    if not file.seek(0, 2):
        file.close()
        raise refusal({"refused": "empty"}, 0.0)
    file.seek(0)
    return file


def _error(report: Report, max_seconds: float) -> AppError:
    return refusal(report if "refused" in report else {"refused": "died"}, max_seconds)
