"""The text of a transcript's item as it stands: finished, corrected, growing, or left by work that was broken off."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from utils.errors import AppError, BadInput, NotFound
from utils.jobs.contract import JobStatus
from utils.jobs.transcribe_files import (
    INCOMPLETE,
    current,
    edits_name,
    listed,
    part_name,
    partial_name,
    result_of,
    run_of,
    so_far,
    transcript_data,
)
from utils.services import Services
from utils.storage.item import Item
from utils.transcription import edit_file, transcript_file
from utils.transcription.contract import Transcript
from utils.transcription.edits import EditFile, edited, effort

NO_TEXT = "There is no text yet."


@dataclass(frozen=True)
class Text:
    """A text and where it comes from.

    Attributes:
        item: Its item.
        state: Of the job: `queued`, `running`, `done`, `failed` or `cancelled`.
        job: How the work stands, or None when there is no record of it.
        transcript: With corrections unless the original was asked for; None while nothing can be read.
        revision: Grows with every correction, and with every one that is taken back or done again.
        etag: Of this revision, quotes included; "" while the text grows.
        is_growing: Work goes on and more will come.
        name: File of the text that corrections belong to, or "" while it grows.
        edited: Corrections count now, so there is one to take back.
        can_redo: A correction was taken back and can be done again.
    """

    item: Item
    state: str
    job: JobStatus | None
    transcript: Transcript | None
    revision: int = 0
    etag: str = ""
    is_growing: bool = False
    name: str = ""
    edited: bool = False
    can_redo: bool = False


def read(services: Services, session_id: str, item_id: str, *, original: bool = False) -> Text:
    """The text as it stands. Raises NotFound; BadInput when the item is no transcript."""
    item = services.sessions.get_item(session_id, item_id)
    if item.kind != "transcript":
        raise BadInput("This item is no transcript.", "Choose a transcript, or transcribe it.")
    job = _job(services, session_id, item_id)
    state = job.state if job else "done"
    folder = services.sessions.item_path(session_id, item_id)
    is_open = job is not None and job.is_open
    text = current(item)
    if is_open and (text is None or item.result.get(INCOMPLETE)):
        return Text(item, state, job, _growing(services, item, folder), is_growing=True)
    if text is None:
        item = _settled(services, session_id, item, folder)
        text = current(item)
    if text is None:
        return Text(item, state, job, None)
    return _stored(services, Text(item, state, job, None, is_growing=is_open, name=text.name), folder, original=original)


def finished(services: Services, session_id: str, item_id: str, *, original: bool = False) -> tuple[Text, Transcript]:
    """As `read`, for whoever needs a text. Raises NotFound when there is none yet."""
    text = read(services, session_id, item_id, original=original)
    if text.transcript is None:
        raise NotFound(NO_TEXT, "Wait for the transcription, or start it again.")
    return text, text.transcript


def _job(services: Services, session_id: str, item_id: str) -> JobStatus | None:
    try:
        return services.jobs.status(session_id, item_id)
    except NotFound:
        return None


def _stored(services: Services, text: Text, folder: Path, *, original: bool) -> Text:
    path = folder / text.name
    stamp = _stamp(path)
    plain = services.texts.get((str(path), stamp), lambda: transcript_file.load(path))
    edits = edit_file.load(folder / edits_name(text.name))
    etag = etag_of(path, edits)
    shown = plain
    if edits.done and not original:
        shown = services.texts.get((str(path), etag), lambda: corrected(services, plain, edits))
    text = replace(text, edited=bool(edits.done), can_redo=bool(edits.undone))
    return replace(text, transcript=shown, revision=edits.revision, etag=etag)


def corrected(services: Services, plain: Transcript, edits: EditFile) -> Transcript:
    """A text with its corrections. Raises BadInput when they do not fit; TooMany when it is long and others are being made."""
    with services.door.making(effort(plain, edits)):
        return edited(plain, edits)


def etag_of(path: Path, edits: EditFile) -> str:
    """Of a stored text with its corrections, quotes included: a text that was heard anew has another one."""
    mtime_ns, size_bytes = _stamp(path) or (0, 0)
    return f'"{edits.etag}-{mtime_ns:x}-{size_bytes:x}"'


def _growing(services: Services, item: Item, folder: Path) -> Transcript | None:
    path = folder / partial_name(run_of(item.request))
    stamp = _stamp(path)
    if not stamp:
        return None
    found = services.texts.get((str(path), stamp), lambda: _so_far(folder, item.request))
    return found if found.engine or found.segments else None


def _so_far(folder: Path, request: Mapping[str, Any]) -> Transcript:
    found = so_far(folder, request)
    return found[0] if found else Transcript((), "", None, "", "", 0.0)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_size


def _settled(services: Services, session_id: str, item: Item, folder: Path) -> Item:
    """What broken-off work has left becomes the item's text: its worker was killed, or stopped over its head, before it could."""
    found = so_far(folder, item.request)
    if found is None:
        return item
    transcript, facts = found
    run = run_of(item.request)
    data = transcript_data(transcript)
    with suppress(AppError):  # a full disk: it can be read all the same, the next time
        services.sessions.write_file(session_id, item.id, part_name(run), data)
        files = listed(item, part_name(run), len(data))
        return services.sessions.update_item(session_id, item.id, files=files, result=result_of(transcript, facts))
    return item
