"""What is transcribed so far, kept line by line: the reader's text while work goes on, and where a killed job continues.

    partial.jsonl   one line a finished stretch, appended and flushed to the disk before the next one begins

A line that a kill or a full disk cut off is no line; the next write closes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import StoreUnavailable
from utils.transcription.contract import Dropped, GateReport, Segment, segment_from


@dataclass(frozen=True)
class WindowResult:
    """A finished stretch of the recording.

    Attributes:
        start: First sample.
        next: Where the following stretch begins.
        total: Samples of the whole recording, so that a line of another recording is not taken for one of this.
        segments: What was said, times from the beginning of the recording.
        gate: What the gate did in this stretch.
        language: Of the whole recording, as far as it is decided; or "".
        language_probability: 0 to 1; None when it was given, or is not decided.
        hard: There was no silence to cut in: the following stretch begins before the end of this one.
    """

    start: int
    next: int
    total: int
    segments: tuple[Segment, ...] = ()
    gate: GateReport = field(default_factory=GateReport)
    language: str = ""
    language_probability: float | None = None
    hard: bool = False


@dataclass(frozen=True)
class News:
    """What was added to a growing file: its stretches, and the offset in bytes to ask from next time."""

    results: tuple[WindowResult, ...]
    offset: int

    @property
    def segments(self) -> list[Segment]:
        """All segments of it, in order."""
        return [segment for result in self.results for segment in result.segments]


class Partial:
    """The file of one job; only one process writes to it."""

    def __init__(self, path: Path) -> None:
        """Reads and makes nothing."""
        self._path = path

    def windows(self) -> list[WindowResult]:
        """What is finished, in order, as far as each begins where the one before says; empty without a file."""
        made: list[WindowResult] = []
        for result in news(self._path).results:
            if result.start != (made[-1].next if made else 0) or (made and result.total != made[-1].total):
                break
            made.append(result)
        return made

    def append(self, result: WindowResult) -> None:
        """Add a stretch; when this returns it is on the disk.

        Raises:
            StoreUnavailable: The disk is full, read-only or refuses.
        """
        data = (json.dumps(asdict(result), ensure_ascii=False) + "\n").encode("utf-8", "replace")
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                _write(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise StoreUnavailable(
                "The text so far cannot be written to the server's disk.", "Free some space, then start the job again; it goes on."
            ) from exc

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)


def read(path: Path) -> list[Segment]:
    """All segments that are finished; cheap enough for short ones, else see `news`."""
    return news(path).segments


def news(path: Path, offset: int = 0) -> News:
    """What was added since a last look; any process may ask at any time.

    Args:
        path: The file; none is like an empty one.
        offset: Of the last answer; one behind the file's end (it was begun anew) counts as 0.
    """
    try:
        with path.open("rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
                offset = 0
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return News((), 0)
    whole = data.rfind(b"\n") + 1
    found = (_result(raw) for raw in data[:whole].split(b"\n") if raw)
    return News(tuple(result for result in found if result is not None), offset + whole)


def _write(descriptor: int, data: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size:
        os.lseek(descriptor, size - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":  # the end of a killed job
            data = b"\n" + data
    view = memoryview(data)
    while view:  # a nearly full disk takes a part, and refuses only the rest
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _result(raw: bytes) -> WindowResult | None:
    try:
        data: dict[str, Any] = json.loads(raw)
        segments = tuple(segment_from(entry) for entry in data.pop("segments"))
        return WindowResult(segments=segments, gate=gate_from(data.pop("gate")), **data)
    except (ValueError, TypeError, KeyError, AttributeError):  # torn, or of another version: it is transcribed again
        return None


def gate_from(data: dict[str, Any]) -> GateReport:
    """The inverse of `dataclasses.asdict` of a report."""
    return GateReport(**{**data, "dropped": tuple(Dropped(**entry) for entry in data.get("dropped", ()))})


def sum_of(reports: Sequence[GateReport]) -> GateReport:
    """What the gate did in several stretches together."""
    return GateReport(
        checked=sum(report.checked for report in reports),
        again=sum(report.again for report in reports),
        doubtful=sum(report.doubtful for report in reports),
        dropped=tuple(entry for report in reports for entry in report.dropped),
        speech_s=sum(report.speech_s for report in reports),
    )
