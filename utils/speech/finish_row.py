"""A row's sound finished: plain data in, files and plain data out, so that it can be done in another process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utils.audio.pcm import PcmFile
from utils.errors import Cancelled
from utils.speech.contract import Mark
from utils.speech.finish import Finish, finish_sound, storing, write_subtitles
from utils.subtitles import Cue, cues_from_marks


@dataclass(frozen=True)
class RowFiles:
    """What to make beside the sound.

    Attributes:
        subtitles: SRT and VTT files.
        cues: The cues themselves, for a merged track.
    """

    subtitles: bool = False
    cues: bool = False


@dataclass(frozen=True)
class FinishTask:
    """What is to be done to a row's sound.

    Attributes:
        pcm: As it was spoken.
        marks: In seconds of `pcm`.
        wanted: What to do to it.
        folder: Where the files go.
        stem: Of their names.
        files: What to make beside the sound.
    """

    pcm: PcmFile
    marks: tuple[Mark, ...]
    wanted: Finish
    folder: Path
    stem: str
    files: RowFiles


@dataclass(frozen=True)
class FinishedRow:
    """What was made.

    Attributes:
        files: Names in the folder, the sound first.
        seconds: Length of the sound.
        cues: In seconds of the sound; empty unless asked for.
    """

    files: tuple[str, ...]
    seconds: float
    cues: tuple[Cue, ...] = ()


def finish_row(task: FinishTask, stopped: Callable[[], bool] = lambda: False) -> FinishedRow:
    """Make the row's files. Raises Cancelled soon after `stopped` says so; StoreUnavailable, BadSound."""

    def report(_: float) -> None:
        if stopped():
            raise Cancelled("The work was stopped.")

    report(0.0)
    with storing():
        made = finish_sound(task.pcm, task.marks, task.wanted, task.folder, task.stem, report)
        files = task.files
        cues = cues_from_marks(made.marks, seconds=made.seconds) if files.subtitles or files.cues else []
        beside = write_subtitles(task.folder, task.stem, cues) if files.subtitles else ()
    names = tuple(name for name, _ in (*made.files, *beside))
    return FinishedRow(names, round(made.seconds, 6), tuple(cues) if files.cues else ())
