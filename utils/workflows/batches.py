"""A batch that was started: how its rows stand, its files, rows spoken again or with another text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from utils.errors import BadInput, Conflict, NotFound, PreconditionFailed
from utils.jobs.check_kind import CHECK
from utils.jobs.contract import JobStatus, NewJob
from utils.services import Services
from utils.speech import plan as planning
from utils.speech.contract import SpeechRequest
from utils.speech.table.contract import MAX_CELL_CHARS
from utils.storage import archive, names
from utils.storage.archive import Entry
from utils.storage.batch_log import WISHES, Wish, append
from utils.storage.batch_readers import Reader, RowView
from utils.storage.item import Item
from utils.transcription import models
from utils.workflows import versions
from utils.workflows.answers import FileAnswer

FILTERS = ("all", "waiting", "done", "failed", "skipped", "again")
STATES = ("waiting", "done", "failed", "skipped")
AGAIN_WER = 0.1  # a row is worth hearing again when the check heard more than a tenth of its words otherwise


@dataclass(frozen=True)
class BatchView:
    """A batch as it stands.

    Attributes:
        item: The batch.
        counts: Rows by state, and as `again` those that a check heard otherwise.
        rows: The page of rows that was asked for.
        matching: How many rows the filter lets through.
        seconds: Of all finished sounds.
        size_bytes: Of all finished sounds.
    """

    item: Item
    counts: Mapping[str, int]
    rows: list[RowView]
    matching: int
    seconds: float
    size_bytes: int


def view(services: Services, session_id: str, item_id: str, *, only: str = "all", offset: int = 0, limit: int = 50) -> BatchView:
    """One page of rows and the sums of all. Raises NotFound; BadInput for an unknown filter."""
    if only not in FILTERS:
        raise BadInput(f"There is no filter {only[:20]!r}.", "Choose one of " + ", ".join(FILTERS) + ".")
    item, _, reader = _found(services, session_id, item_id)
    found = reader.standing()
    counts = {state: found.counts[state] for state in STATES}
    counts["again"] = sum(is_doubtful(row) for row in found.rows)
    if only == "again":
        matching = tuple(row for row in found.rows if is_doubtful(row))
    else:
        matching = found.rows if only == "all" else tuple(row for row in found.rows if row.state == only)
    rows = list(matching[max(0, offset) : max(0, offset) + limit])
    return BatchView(item, counts, rows, len(matching), found.seconds, found.size_bytes)


def is_doubtful(row: RowView) -> bool:
    """A check heard something else than the row's text."""
    return row.state == "done" and row.result is not None and (row.result.check_wer or 0.0) > AGAIN_WER


def check_problem(services: Services) -> str:
    """Why rows cannot be checked by transcribing here, or ""."""
    if services.settings.stt_engine == "draft":
        return "A check needs a Whisper model, which this server does not use (STT_ENGINE)."
    offer = models.offers(services.settings)[0]
    return f"A check needs a Whisper model. {offer.reason}" if offer.state == "missing" else ""


def check(services: Services, session_id: str, item_id: str) -> JobStatus:
    """Transcribe every spoken row that was not checked yet, and compare it with its text.

    Raises:
        NotFound: There is no such batch.
        BadInput: No Whisper model can be had here.
        Conflict: The batch is still open, or every row was checked.
    """
    item, _, reader = _found(services, session_id, item_id)
    if problem := check_problem(services):
        raise BadInput(problem, models.INSTALL_HINT)
    with reader.changing:
        _refuse_open(services, session_id, item_id)
        spoken = [row.result for row in reader.rows() if row.state == "done" and row.result]
        if all(result.check_wer is not None for result in spoken):
            raise Conflict("Every spoken row of this batch was checked.", "Speak a row again to have it checked again.")
        job = NewJob(CHECK, item.title, "batch", item.request, folder="bulk", item_id=item.id)
        return services.jobs.submit(session_id, job)


def _found(services: Services, session_id: str, item_id: str) -> tuple[Item, Path, Reader]:
    item = services.sessions.get_item(session_id, item_id)
    if item.kind != "batch":
        raise NotFound("There is no such batch.", "It may have been deleted.")
    folder = services.sessions.item_path(session_id, item_id)
    try:
        return item, folder, services.readers.of(folder)
    except FileNotFoundError as exc:
        raise NotFound("There is no such batch.", "It may have been deleted.") from exc


def row_file(services: Services, session_id: str, item_id: str, number: int) -> FileAnswer:
    """The sound of one row. Raises NotFound when there is none (yet)."""
    _, folder, reader = _found(services, session_id, item_id)
    row = reader.row(number)
    if row is None or row.result is None or not row.result.file:
        raise NotFound("This row has no sound.", "It may still be waiting, or it failed.")
    path = _sound(folder, row)
    if path is None:
        raise NotFound("The sound of this row is gone.", "Speak the row again.")
    return FileAnswer.of(path, _media_type(path), row.plan.name + path.suffix)


def _sound(folder: Path, row: RowView) -> Path | None:
    if row.result is None or not names.is_file_name(row.result.file):
        return None
    path = folder / row.result.file
    return path if path.is_file() and not path.is_symlink() else None


def _media_type(path: Path) -> str:
    from utils.audio.formats import FORMATS

    return next((form.media_type for form in FORMATS.values() if form.suffix == path.suffix), "application/octet-stream")


def zip_entries(services: Services, session_id: str, item_id: str) -> list[Entry]:
    """What the ZIP of a batch holds now: finished rows with their subtitles, the merged track, the manifest."""
    from utils.storage.manifest import manifest_csv

    item, folder, reader = _found(services, session_id, item_id)
    rows = reader.rows()
    found: list[tuple[str, Path]] = []
    for row in rows:
        sound = _sound(folder, row)
        if sound is None:
            continue
        beside = [sound.with_suffix(suffix) for suffix in (".srt", ".vtt")]
        found += [(row.plan.name + path.suffix, path) for path in [sound, *beside] if path == sound or path.is_file()]
    for file in item.files:
        path = folder / file.name
        if file.role != "manifest" and path.is_file():
            found.append((names.download_name(item.title, path.suffix), path))
    entries = archive.entries(found)
    return [*entries, Entry("manifest.csv", manifest_csv(rows), services.clock())]


def retry_failed(services: Services, session_id: str, item_id: str) -> JobStatus:
    """Speak the failed rows again, and those that a cancel left. Raises NotFound, Conflict when nothing is left to do."""
    item, folder, reader = _found(services, session_id, item_id)
    with reader.changing:
        _refuse_open(services, session_id, item_id)
        rows = reader.rows()
        failed = [row.plan.number for row in rows if row.state == "failed"]
        if not failed and not any(row.state == "waiting" for row in rows):
            raise Conflict("Every row of this batch is spoken.", "Change a row's text to speak it again.")
        append(folder, WISHES, [Wish(number) for number in failed], durable=True)
        return _go_on(services, session_id, item)


def row_etag(row: RowView) -> str:
    """The version of a row's text."""
    return versions.tag(f"{row.plan.number} {row.text}")


def edit_row(
    services: Services, session_id: str, item_id: str, number: int, text: str, *, if_match: str | None = None
) -> JobStatus:
    """Give one row another text and speak only that one; a row that was left out is in from then on.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_id: Of the batch.
        number: Of the row.
        text: Instead of the row's own.
        if_match: Only if the row's text still is one of these versions (`row_etag`).

    Raises:
        PreconditionFailed: The row has another text by now.
        NotFound: There is no such batch or row.
        BadInput: The text cannot be spoken.
        Conflict: The batch is still being spoken.
    """
    item, folder, reader = _found(services, session_id, item_id)
    row = reader.row(number)
    if row is None:
        raise NotFound("There is no such row.", "Look at the rows of the batch.")
    if len(text) > MAX_CELL_CHARS:
        raise BadInput(f"The text has {len(text):,} characters, allowed are {MAX_CELL_CHARS:,} a row.", "Shorten it.")
    request = SpeechRequest.from_dict({**item.request.get("defaults", {}), **row.plan.request, "text": text})
    planning.plan(request, max_chars=services.settings.max_text_chars)
    with reader.changing:
        _refuse_open(services, session_id, item_id)
        now = reader.row(number)
        if if_match is not None and not (now and versions.matches(if_match, row_etag(now))):
            raise PreconditionFailed("The row was changed meanwhile.", "Load it again and repeat your change.")
        append(folder, WISHES, [Wish(number, text)], durable=True)
        return _go_on(services, session_id, item)


def _refuse_open(services: Services, session_id: str, item_id: str) -> None:
    if services.jobs.status(session_id, item_id).is_open:
        raise Conflict("The batch is still being spoken.", "Wait for its end, or cancel it.")


def _go_on(services: Services, session_id: str, item: Item) -> JobStatus:
    return services.jobs.submit(session_id, NewJob("batch", item.title, "batch", item.request, folder="bulk", item_id=item.id))
