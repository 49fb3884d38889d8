"""What a batch keeps on disk beside its files: the planned rows, later wishes, and how each row ended.

    rows.jsonl    one line a row, written once when the batch is made
    wishes.jsonl  appended: a row's text was edited, or it shall be spoken again
    done.jsonl    appended: a row ended; the last line of a number counts

A row is to be spoken when it has no line in done.jsonl that knows of its newest wish. So the files tell after any kill what is
finished and what is not: a row's sound is published before its line is appended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from utils.storage.faults import no_item, told

ROWS, WISHES, DONE = "rows.jsonl", "wishes.jsonl", "done.jsonl"


@dataclass(frozen=True)
class PlannedRow:
    """A row as it was when the batch was made.

    Attributes:
        number: As in the table.
        name: File name without suffix, clean and unique in the batch, number first.
        request: What differs from the batch's own request, as of SpeechRequest.as_dict().
        start: Seconds at which it shall be heard, or None.
        end: Seconds at which it should have ended, or None.
        skip: Why it was left out at the start, or empty. It is, until somebody gives it another text.
    """

    number: int
    name: str
    request: dict[str, Any]
    start: float | None = None
    end: float | None = None
    skip: str = ""

    @property
    def text(self) -> str:
        """Its text, before any edit."""
        return str(self.request.get("text", ""))


@dataclass(frozen=True)
class RowResult:
    """How a row ended.

    Attributes:
        number: As in the table.
        state: `done` or `failed`.
        wish: How many wishes there were for this row when it was spoken.
        attempts: How often it was tried in all.
        file: Name of its sound, or empty.
        engine: Name of the engine that really spoke.
        fallback: Why it was another than the first choice, or empty.
        language: Tag of what was spoken.
        voice: Id of the voice.
        seconds: Length of the sound.
        characters: That were spoken.
        requests: Sent to a service.
        size_bytes: Of the sound.
        over_s: Timed speech: by how much it runs over its cue.
        faster: Timed speech: by which factor it was sped up to fit.
        error: AppError.as_dict() of a failed row, or None.
        cues_at: Where the row's cues begin in cues.jsonl, or None.
        check_wer: Word error rate of a later check by transcribing; None until there is one.
        heard: What that check heard.
    """

    number: int
    state: str
    wish: int = 0
    attempts: int = 1
    file: str = ""
    engine: str = ""
    fallback: str = ""
    language: str = ""
    voice: str = ""
    seconds: float = 0.0
    characters: int = 0
    requests: int = 0
    size_bytes: int = 0
    over_s: float = 0.0
    faster: float = 1.0
    error: dict[str, Any] | None = None
    cues_at: int | None = None
    check_wer: float | None = None
    heard: str = ""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RowResult:
        """From a line; fields of newer versions are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})


@dataclass(frozen=True)
class Wish:
    """Somebody wants a row spoken again; with another text unless that is None."""

    number: int
    text: str | None = None


def rows_data(rows: list[PlannedRow]) -> bytes:
    """The content of rows.jsonl."""
    return "".join(line(asdict(row)) for row in rows).encode("utf-8")


def line(data: dict[str, Any]) -> str:
    """One line of a log; defaults such as None and empty texts are left out to keep it small."""
    return json.dumps({k: v for k, v in data.items() if v is not None and v != ""}, ensure_ascii=False) + "\n"


def read_rows(folder: Path) -> list[PlannedRow]:
    """The planned rows."""
    return [PlannedRow(**{"name": "", "request": {}, **data}) for data in _lines((folder / ROWS).read_bytes())]


def append(folder: Path, name: str, entries: list[RowResult] | list[Wish], *, durable: bool = False) -> None:
    """Add whole lines to a log; what a kill or a full disk cut off is skipped by readers and closed by the next write.

    Raises:
        NotFound: The batch is gone.
        StoreUnavailable: The disk is full, read-only or refuses; only whole lines that were written count.
    """
    data = "".join(line(asdict(entry)) for entry in entries).encode("utf-8")
    with told(no_item()):
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size:
                os.lseek(descriptor, size - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    data = b"\n" + data
            view = memoryview(data)
            while view:  # a nearly full disk takes a part, and refuses only the rest
                view = view[os.write(descriptor, view) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for raw in data.split(b"\n"):
        if raw:
            try:
                found = json.loads(raw)
            except ValueError:  # cut off by a kill
                continue
            if isinstance(found, dict) and "number" in found:
                yield found


class Log:
    """An appended file, read again only from where the last look ended. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self._path = path
        self._seen = (0, 0)  # inode, bytes taken

    def news(self) -> tuple[list[dict[str, Any]], bool]:
        """Lines added since the last call, and whether the file is another one now (then these are all of it)."""
        try:
            with self._path.open("rb") as file:
                facts = os.fstat(file.fileno())
                inode, taken = self._seen
                anew = inode != facts.st_ino or taken > facts.st_size
                if anew:
                    taken = 0
                file.seek(taken)
                data = file.read()
        except FileNotFoundError:
            anew, self._seen = self._seen != (0, 0), (0, 0)
            return [], anew
        whole = data.rfind(b"\n") + 1
        self._seen = (facts.st_ino, taken + whole)
        return list(_lines(data[:whole])), anew


class Progress:
    """Wishes and results of a batch as they stand; `refresh` reads only what is new. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self._wishes, self._done = Log(folder / WISHES), Log(folder / DONE)
        self.wishes: dict[int, tuple[int, str | None]] = {}  # number -> how many, newest text
        self.results: dict[int, RowResult] = {}
        self.touched: set[int] | None = None  # rows that the last refresh told something new about; None: perhaps all

    def refresh(self) -> Progress:
        """Take in what was appended since the last call."""
        wishes, wishes_anew = self._wishes.news()
        if wishes_anew:
            self.wishes = {}
        for data in wishes:
            count, text = self.wishes.get(data["number"], (0, None))
            self.wishes[data["number"]] = (count + 1, data.get("text", text))
        results, results_anew = self._done.news()
        if results_anew:
            self.results = {}
        for data in results:
            result = RowResult.from_dict({"state": "failed", **data})
            self.results[result.number] = result
        self.touched = None if wishes_anew or results_anew else {data["number"] for data in (*wishes, *results)}
        return self

    def is_left_out(self, row: PlannedRow) -> bool:
        """It could not be spoken at the start, and nobody has mended it since."""
        return bool(row.skip) and self.wishes.get(row.number, (0, None))[1] is None

    def is_open(self, row: PlannedRow) -> bool:
        """The row is still to be spoken."""
        if self.is_left_out(row):
            return False
        result = self.results.get(row.number)
        return result is None or result.wish < self.wishes.get(row.number, (0, None))[0]

    def text(self, row: PlannedRow) -> str:
        """The row's text with the newest edit."""
        edited = self.wishes.get(row.number, (0, None))[1]
        return row.text if edited is None else edited
