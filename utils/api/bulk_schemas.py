"""What goes in and out of the routes of batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from utils.api.schemas import STRICT, ItemOut, SpeechBody, Whole
from utils.errors import BadInput
from utils.speech.batch import BatchOptions
from utils.speech.contract import PAUSE_RANGE_MS
from utils.speech.table.columns import recognise, variable
from utils.speech.table.contract import ROLES, Table
from utils.speech.table.memo import Checked
from utils.speech.table.rows import Template
from utils.storage.batch_readers import RowView
from utils.workflows.batches import BatchView, row_etag
from utils.workflows.bulk import Wanted

MAX_TEMPLATE_CHARS = 5_000
MAX_PROBLEMS = 1_000  # in one answer; the sums count all


class Defaults(SpeechBody):
    """What a row leaves open."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"engine": "espeak", "format": "mp3"}]})

    text: Literal[""] = Field("", description="Always empty: the texts are in the table.")


class BulkOptions(BaseModel):
    """How a table becomes a batch; all of it may be left out."""

    model_config = ConfigDict(
        **STRICT, json_schema_extra={"examples": [{"defaults": {"engine": "espeak"}, "merged": "m4b", "skip_bad": True}]}
    )

    title: str = Field("", max_length=500, description="Empty = the name of the table's file.")
    defaults: Defaults = Field(default_factory=Defaults, description="For what the columns leave open.")
    mapping: dict[str, str] | None = Field(
        None,
        description=f"Role -> column name; roles: {', '.join(ROLES)}. null finds them by name.",
        examples=[None, {"text": "Sentence"}],
    )
    text_template: str = Field("", max_length=MAX_TEMPLATE_CHARS, description="Instead of the text column, e.g. `Dear {name}`.")
    name_template: str = Field("", max_length=200, description="Instead of the file name column.")
    paragraphs: bool | None = Field(None, description="TXT: a row is a paragraph (true), a line (false), or find out (null).")
    merged: Literal["", "m4b", "mp3"] = Field("", description="One track of all rows with chapters.")
    gap_ms: Whole = Field(
        500, ge=PAUSE_RANGE_MS[0], le=PAUSE_RANGE_MS[1], description="Milliseconds between rows of the merged track."
    )
    row_subtitles: bool = Field(False, description="SRT and VTT for every row.")
    timed: bool = Field(False, description="Put each cue of SRT or VTT at its time in the merged track.")
    check: bool = Field(False, description="Transcribe every row back afterwards and compare it with its text.")
    skip_bad: bool = Field(False, description="Start without the rows that cannot be spoken.")

    def wanted(self, table: Table | None = None) -> Wanted:
        """For the workflow; column names of the mapping become places once the table is read."""
        template = Template(replace(self.defaults.as_request(), text=""), self.text_template, self.name_template)
        options = BatchOptions(self.merged, self.gap_ms, self.row_subtitles, self.timed, self.check)
        mapping = None if self.mapping is None or table is None else _places(self.mapping, table)
        return Wanted(template, mapping, options, self.paragraphs)


def _places(mapping: dict[str, str], table: Table) -> dict[str, int]:
    places = {variable(name): index for index, name in enumerate(table.columns)}
    found = dict(recognise(table.columns))
    for role, column in mapping.items():
        if role not in ROLES:
            raise BadInput(f"There is no role {role[:20]!r} for a column.", "Choose one of " + ", ".join(ROLES) + ".")
        if variable(column) not in places:
            raise BadInput(f"The table has no column {column[:40]!r}.", "It has: " + ", ".join(table.columns)[:200] + ".")
        found[role] = places[variable(column)]
    return found


class RowProblem(BaseModel):
    """Something about a row."""

    row: int = Field(description="1 = the first row of data.", examples=[3])
    line: int = Field(description="Line of the file.", examples=[4])
    level: Literal["error", "warning"] = Field(description="A row with an error cannot be spoken.", examples=["error"])
    code: str = Field(description="Stable, for programs.", examples=["empty"])
    detail: str = Field(description="For people.", examples=["The row has no text."])


class CheckOut(BaseModel):
    """The dry run: what would be made. Nothing was."""

    kind: str = Field(description="`csv`, `tsv`, `xlsx`, `jsonl`, `txt`, `srt` or `vtt`.", examples=["csv"])
    encoding: str = Field(description="Of the text, as found out.", examples=["utf-8"])
    columns: list[str] = Field(description="Names, in order.", examples=[["text", "filename"]])
    mapping: dict[str, str] = Field(
        description="Role -> column name, as understood.", examples=[{"text": "text", "filename": "filename"}]
    )
    notes: list[str] = Field(description="What was assumed while reading.", examples=[[]])
    rows: int = Field(description="Rows of data.", examples=[500])
    good: int = Field(description="Of those: can be spoken.", examples=[499])
    bad: int = Field(description="Of those: cannot.", examples=[1])
    same: int = Field(description="Rows that repeat an earlier one; they are spoken once.", examples=[12])
    characters: int = Field(description="Of all good rows.", examples=[21400])
    requests: int = Field(description="Requests to Google if Google speaks.", examples=[503])
    sound_s: float = Field(description="Estimated length of all rows in seconds.", examples=[1530.0])
    problems: list[RowProblem] = Field(description=f"The first {MAX_PROBLEMS}.")

    @classmethod
    def of(cls, checked: Checked) -> CheckOut:
        """From the workflow's answer."""
        table, check = checked.table, checked.check
        problems = [
            RowProblem(row=row.number, line=row.line, level=problem.level, code=problem.code, detail=problem.sentence)
            for row in check.rows
            for problem in row.problems
        ]
        return cls(
            kind=table.kind,
            encoding=table.encoding,
            columns=list(table.columns),
            mapping={role: table.columns[place] for role, place in checked.mapping.items()},
            notes=list(table.notes),
            rows=len(check.rows),
            good=check.good,
            bad=check.bad,
            same=check.same,
            characters=check.characters,
            requests=check.requests,
            sound_s=check.sound_s,
            problems=problems[:MAX_PROBLEMS],
        )


class RowOut(BaseModel):
    """A row of a batch as it stands."""

    number: int = Field(description="1 = the first row of data.", examples=[1])
    name: str = Field(description="Of its file, without the ending.", examples=["0001-greeting"])
    text: str = Field(description="What is spoken.", examples=["Good morning."])
    etag: str = Field(description="Version of the text, for `If-Match`.", examples=['"18a3f0c9d2b4e6f81234"'])
    state: Literal["waiting", "done", "failed", "skipped"] = Field(
        description="`skipped`: left out, until it gets another text.", examples=["done"]
    )
    result: dict[str, Any] | None = Field(
        description="How it ended the last time: state, engine, language, voice, seconds, size_bytes, error; null = not yet.",
        examples=[{"state": "done", "engine": "espeak", "language": "en-US", "seconds": 0.9, "size_bytes": 14400, "error": None}],
    )
    url: str | None = Field(
        description="Where its sound is, or null.",
        examples=["/api/v1/items/20261121-120000-greetings-1a2b/rows/1/audio"],
    )

    @classmethod
    def of(cls, item_id: str, row: RowView) -> RowOut:
        """From a row of the reader."""
        result = row.result
        base = f"/api/v1/items/{item_id}/rows/{row.plan.number}/audio"
        told = None
        if result is not None:
            told = {
                name: getattr(result, name) for name in ("state", "attempts", "engine", "fallback", "language", "voice", "seconds")
            }
            told |= {
                "characters": result.characters,
                "size_bytes": result.size_bytes,
                "over_s": result.over_s,
                "error": result.error,
            }
        elif row.state == "skipped":
            told = {"state": "skipped", "error": {"code": "bad_table", "sentence": row.plan.skip}}
        return cls(
            number=row.plan.number,
            name=row.plan.name,
            text=row.text,
            etag=row_etag(row),
            state=row.state,
            result=told,
            url=base if result and result.file else None,
        )


class RowPage(BaseModel):
    """One page of a batch's rows and the sums of all."""

    item: ItemOut = Field(description="The batch.")
    counts: dict[str, int] = Field(
        description="Of all rows, by state, and as `again` those that a check heard otherwise.",
        examples=[{"waiting": 0, "done": 497, "failed": 3, "skipped": 0, "again": 0}],
    )
    seconds: float = Field(description="Of all finished sounds.", examples=[1502.4])
    rows: list[RowOut] = Field(description="Of this page.")
    total: int = Field(description="Rows that the filter lets through.", examples=[500])
    page: int = Field(description="1 = the first.", examples=[1])
    per_page: int = Field(description="Most rows of a page.", examples=[50])

    @classmethod
    def of(cls, view: BatchView, page: int, per_page: int) -> RowPage:
        """From the workflow's answer."""
        rows = [RowOut.of(view.item.id, row) for row in view.rows]
        return cls(
            item=ItemOut.of(view.item),
            counts=dict(view.counts),
            seconds=view.seconds,
            rows=rows,
            total=view.matching,
            page=page,
            per_page=per_page,
        )


class RowEdit(BaseModel):
    """Another text for one row."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"text": "Good evening."}]})

    text: str = Field(
        min_length=1, max_length=5_000, description="What to speak instead, in characters.", examples=["Good evening."]
    )
