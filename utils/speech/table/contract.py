"""What a table is once it was read: columns, rows of text cells, and what is wrong with each."""

from __future__ import annotations

from dataclasses import dataclass

from utils.speech.contract import SpeechRequest

MAX_CELL_CHARS = 5_000  # longest text of one row; longer texts belong on the Speak page
MAX_COLUMNS = 100
ROLES = ("text", "filename", "language", "voice", "engine", "accent", "speed", "pitch", "format", "pause", "title")


@dataclass(frozen=True)
class Problem:
    """Something about one row that the person should know before the start.

    Attributes:
        level: `error`: the row cannot be spoken as it is; `warning`: it can.
        code: Stable identifier, e.g. `empty`, `unknown_voice`.
        sentence: What and why.
    """

    level: str
    code: str
    sentence: str


@dataclass(frozen=True)
class TableRow:
    """One row of data.

    Attributes:
        number: 1 for the first row of data.
        line: Line of the file where it begins (row of the sheet in XLSX), counted from 1.
        cells: One text a column.
        problems: Flaws found while reading.
        start: Seconds at which it shall be heard (SRT and VTT), or None.
        end: Seconds at which it should have ended, or None.
    """

    number: int
    line: int
    cells: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        kind: csv, tsv, xlsx, jsonl, txt, srt or vtt.
        columns: Names as they stand in the file.
        rows: All rows of data that are not empty.
        encoding: Of the file, empty for XLSX.
        delimiter: Between cells, empty where there is none.
        notes: Sentences about the whole file.
    """

    kind: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    encoding: str = ""
    delimiter: str = ""
    notes: tuple[str, ...] = ()

    @property
    def timed(self) -> bool:
        """The rows carry times."""
        return self.kind in ("srt", "vtt")


@dataclass(frozen=True)
class Row:
    """A row made ready to be spoken.

    Attributes:
        number: As in the table.
        line: As in the table.
        name: File name wished for, without suffix; not yet cleaned or unique.
        request: What would be spoken, or None when a problem forbids it.
        problems: Errors and warnings.
        start: Seconds, or None.
        end: Seconds, or None.
        draft: As far as it was understood; what is wrong is left out. From it a row is mended that cannot be spoken.
    """

    number: int
    line: int
    name: str
    request: SpeechRequest | None
    problems: tuple[Problem, ...] = ()
    start: float | None = None
    end: float | None = None
    draft: SpeechRequest | None = None

    @property
    def bad(self) -> bool:
        """It cannot be spoken."""
        return any(problem.level == "error" for problem in self.problems)
