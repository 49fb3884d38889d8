"""Many texts from a table: look at it, say what would be made and what is wrong, start it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePath

from utils.errors import AppError, BadInput, BadTable
from utils.jobs.contract import JobStatus, NewJob
from utils.services import Services
from utils.speech import plan as planning
from utils.speech.batch import BatchOptions
from utils.speech.contract import Part, SpeechRequest
from utils.speech.table import check as checking
from utils.speech.table import read as reading
from utils.speech.table.columns import recognise
from utils.speech.table.contract import Row
from utils.speech.table.memo import Checked
from utils.speech.table.rows import Template, render
from utils.storage import names
from utils.storage.batch_log import ROWS, PlannedRow, rows_data
from utils.workflows.batches import check_problem
from utils.workflows.generate import first_engine

NUMBER_DIGITS = 4
SHOWN_BAD = 5
TRIED = "One."  # a text that everybody can speak


@dataclass(frozen=True)
class Upload:
    """A table as somebody sent it."""

    name: str
    data: bytes = field(repr=False)

    @property
    def suffix(self) -> str:
        """Lower-case suffix, or `.csv`."""
        return PurePath(self.name).suffix.lower() or ".csv"


@dataclass(frozen=True)
class Wanted:
    """What shall be made of a table.

    Attributes:
        mapping: Role -> index of the column; None finds the columns by name.
        template: Defaults for what a row leaves open, texts with variables.
        options: Of the whole batch.
        paragraphs: TXT only: a row is a paragraph, a line, or None = find out.
    """

    template: Template
    mapping: Mapping[str, int] | None = None
    options: BatchOptions = field(default_factory=BatchOptions)
    paragraphs: bool | None = None


def check(services: Services, session_id: str, upload: Upload, wanted: Wanted) -> Checked:
    """The dry run: read the table and say what would be made. Nothing is.

    Raises:
        BadTable: The file cannot be read as a table.
        TooLarge: It is over its limit.
        UnsupportedMedia: It is no table.
        BadInput: An option of the batch is not allowed.
        TooMany: Other tables are being read, for a long time.
    """
    wanted.options.checked()
    key = _key(session_id, upload, wanted)
    known = services.checker.get(key)
    if known is None:
        with services.checker.turn():
            table = reading.read(upload.data, upload.name, max_rows=services.settings.max_table_rows, paragraphs=wanted.paragraphs)
            mapping = dict(recognise(table.columns) if wanted.mapping is None else wanted.mapping)
            rows = render(table, mapping, wanted.template)
            known = Checked(table, mapping, _checked(services, rows))
            services.checker.put(key, known)
    return known


def _checked(services: Services, rows: Sequence[Row]) -> checking.Check:
    def count(request: SpeechRequest, parts: Sequence[Part]) -> int:
        return services.engines[first_engine(services, request)].requests(parts)

    return checking.check(rows, max_chars=services.settings.max_text_chars, count_requests=count)


def _key(session_id: str, upload: Upload, wanted: Wanted) -> str:
    what = [
        session_id,
        upload.suffix,
        wanted.paragraphs,
        wanted.template.text,
        wanted.template.name,
        wanted.template.defaults.as_dict(),
    ]
    mapping = None if wanted.mapping is None else sorted(wanted.mapping.items())
    return hashlib.sha256(json.dumps([*what, mapping]).encode() + hashlib.sha256(upload.data).digest()).hexdigest()


def start(
    services: Services, session_id: str, upload: Upload, wanted: Wanted, *, title: str = "", skip_bad: bool = False
) -> JobStatus:
    """Check once more and start the batch.

    Raises:
        BadTable: Rows cannot be spoken and `skip_bad` is off, or no row can be.
        TooMany: Too many open jobs.
        QuotaExceeded: No room left in this session.
    """
    checked = check(services, session_id, upload, wanted)
    if wanted.options.check and (problem := check_problem(services)):
        raise BadInput(problem, "Start the batch without the check.")
    found = checked.check
    if not found.good:
        raise BadTable("None of the rows can be spoken.", "Look at the problems, correct the table and send it again.")
    if found.bad and not skip_bad:
        numbers = [str(row.number) for row in found.rows if row.bad or row.request is None]
        shown = ", ".join(numbers[:SHOWN_BAD]) + (" and more" if len(numbers) > SHOWN_BAD else "")
        raise BadTable(f"{found.bad} of {len(found.rows)} rows cannot be spoken: {shown}.", "Correct them, or start without them.")
    request = {
        "defaults": wanted.template.defaults.as_dict(),
        "options": wanted.options.as_dict(),
        "source": names.clean_title(upload.name),
        "text_template": wanted.template.text,
        "name_template": wanted.template.name,
        "rows": len(found.rows),
        "good": found.good,
    }
    files = {
        f"source{_source_suffix(upload)}": upload.data,
        ROWS: rows_data(planned(found.rows, wanted.template.defaults, partial(_can_speak, services))),
    }
    shown_title = names.clean_title(title) or PurePath(names.clean_title(upload.name)).stem or "Batch"
    job = NewJob("batch", shown_title, "batch", request, folder="bulk", cost=_cost(found), files=files)
    return services.jobs.submit(session_id, job)


def _source_suffix(upload: Upload) -> str:
    return upload.suffix if upload.suffix in reading.SUFFIXES else ".txt"


def _cost(found: checking.Check) -> int:
    """Slices of a worker that the batch will take, about: a minute of sound by eSpeak is quick, requests to Google are not."""
    return 1 + int(found.requests / 100 + found.sound_s / 3600)


def planned(
    rows: Sequence[Row], defaults: SpeechRequest, can_speak: Callable[[SpeechRequest], bool] = lambda request: True
) -> list[PlannedRow]:
    """Rows as they are kept in the batch: a name of their own, and only what differs from the defaults.

    Args:
        rows: As they were checked.
        defaults: What holds where a row says nothing.
        can_speak: Whether a request is one that can be spoken here.
    """
    digits = max(NUMBER_DIGITS, len(str(len(rows))))
    base = defaults.as_dict()
    kept = []
    for row in rows:
        name = f"{row.number:0{digits}d}"
        if row.name:
            name = names.download_name(f"{name}-{row.name}", "")
        request, skip = row.request, ""
        if request is None:
            request = _mendable(row.draft or defaults, defaults, can_speak)
            skip = " ".join(problem.sentence for problem in row.problems if problem.level == "error") or "The row cannot be spoken."
        own = {key: value for key, value in request.as_dict().items() if value != base.get(key)}
        kept.append(PlannedRow(row.number, name, {"text": request.text, **own}, row.start, row.end, skip))
    return kept


def _mendable(draft: SpeechRequest, defaults: SpeechRequest, can_speak: Callable[[SpeechRequest], bool]) -> SpeechRequest:
    """A row that is left out, such that another text is all it needs: who cannot speak it is replaced by the batch's own choice."""
    if can_speak(replace(draft, text=TRIED)):
        return draft
    mended = replace(defaults, text=draft.text, title=draft.title)
    return mended if draft.language == defaults.language else replace(mended, language=draft.language, voice=None, accent=None)


def _can_speak(services: Services, request: SpeechRequest) -> bool:
    try:
        planning.plan(request)
        first_engine(services, request)
    except AppError:
        return False
    return True
