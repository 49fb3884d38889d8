"""One track of many rows: their sounds decoded block by block, put at their places with real silence between, encoded once.

Every row takes exactly the time that it was measured to have when it was made, whatever its file format adds, so that chapters and
subtitles stay exact after hours. Memory does not depend on the length but for the text of the subtitles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.audio import effects, probe
from utils.audio.ahead import ahead
from utils.audio.codec import Chapter, decode_blocks, encode
from utils.audio.pcm import BLOCK_SAMPLES, Pcm
from utils.speech.finish import Report, storing, write_subtitles
from utils.speech.track_layout import Placed
from utils.subtitles import Cue

FORMATS = {"m4b": "m4a", "mp3": "mp3"}  # M4B is M4A under the name by which players of audiobooks know it
MOST_HZ = 24_000  # speech has nothing above; Opus files say 48,000 whatever went in
BLOCKS_AHEAD = 8


@dataclass(frozen=True)
class Track:
    """What was made.

    Attributes:
        files: (name, role), the sound first.
        seconds: Length.
    """

    files: tuple[tuple[str, str], ...]
    seconds: float


def merge(
    placed: Sequence[Placed],
    folder: Path,
    stem: str,
    kind: str,
    *,
    title: str,
    cues_of: Callable[[int], Iterable[Cue]],
    report: Report,
) -> Track:
    """Make `<stem>.<kind>`, `<stem>.srt` and `<stem>.vtt` in `folder`.

    Args:
        placed: At least one row, in the order of their places.
        folder: Where the files go.
        stem: Of their names.
        kind: A key of FORMATS.
        title: For the file's tags.
        cues_of: The cues of a row by its number, in seconds of its own sound.
        report: Told how much is done, and raises when the work must stop.

    Raises:
        BadSound: A row's file is damaged.
        StoreUnavailable: The disk is full.
    """
    rate_hz = _rate_of(placed)
    chapters = [
        Chapter(one.begin, following.begin if following else one.end, one.row.title)
        for one, following in zip(placed, [*placed[1:], None], strict=True)
    ]
    total = round(placed[-1].end * rate_hz)
    with storing(), closing(ahead(_blocks(placed, rate_hz), BLOCKS_AHEAD)) as blocks:
        told = _told(blocks, total, report)
        encode(told, rate_hz, folder / f"{stem}.{kind}", FORMATS[kind], tags={"title": title, "album": title}, chapters=chapters)
        subtitles = write_subtitles(folder, stem, list(_cues(placed, cues_of)))
    return Track(((f"{stem}.{kind}", "audio"), *subtitles), placed[-1].end)


def _rate_of(placed: Sequence[Placed]) -> int:
    """The highest rate among the rows; those of one engine and format have the same."""
    examples = {(one.row.engine, one.row.path.suffix): one.row.path for one in placed}
    return max(min(probe.describe(path).rate_hz, MOST_HZ) for path in examples.values())


def _blocks(placed: Iterable[Placed], rate_hz: int) -> Iterator[Pcm]:
    at = 0
    for one in placed:
        begin, end = round(one.begin * rate_hz), round(one.end * rate_hz)
        yield from _silence(begin - at)
        yield from _exactly(_sound(one, rate_hz), end - begin)
        at = end


def _sound(one: Placed, rate_hz: int) -> Iterator[Pcm]:
    blocks = decode_blocks(one.row.path, rate_hz)
    return blocks if one.faster == 1.0 else effects.apply(blocks, rate_hz, effects.speed(one.faster))


def _exactly(blocks: Iterator[Pcm], count: int) -> Iterator[Pcm]:
    """So many samples: file formats round lengths up, and none of what they add is sound."""
    for block in blocks:
        if count <= 0:
            break
        yield block[:count]
        count -= len(block)
    yield from _silence(count)


def _silence(count: int) -> Iterator[Pcm]:
    for start in range(0, count, BLOCK_SAMPLES):
        yield np.zeros(min(BLOCK_SAMPLES, count - start), dtype=np.int16)


def _told(blocks: Iterable[Pcm], total: int, report: Report) -> Iterator[Pcm]:
    done = 0
    for block in blocks:
        report(min(1.0, done / total))
        yield block
        done += len(block)


def _cues(placed: Iterable[Placed], cues_of: Callable[[int], Iterable[Cue]]) -> Iterator[Cue]:
    for one in placed:
        for cue in cues_of(one.row.number):
            yield Cue(one.begin + cue.start / one.faster, one.begin + cue.end / one.faster, cue.text)
