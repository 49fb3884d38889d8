"""Transcripts: look at one while it grows and after, correct it, take it away in any form."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from utils.errors import AppError, BadInput, Conflict, NotFound, PreconditionFailed
from utils.jobs.contract import JobStatus
from utils.jobs.transcribe_files import INCOMPLETE, OLDER_ROLE, current, edits_name, footage
from utils.services import Services
from utils.storage import archive as archives
from utils.storage import names
from utils.storage.archive import Entry
from utils.storage.item import Item
from utils.storage.manifest import safe_cell
from utils.transcription import edit_file, transcript_file
from utils.transcription.contract import DOUBTFUL_BELOW, Segment, Transcript
from utils.transcription.edits import Edit, EditFile, Replace, chars
from utils.transcription.presets import DEFAULT, CueRules
from utils.transcription.presets import rules as rules_of
from utils.workflows import texts, versions

if TYPE_CHECKING:
    from utils.transcription.compare import Comparison
    from utils.transcription.cues import CueSheet

ONLY = ("all", "doubtful")
MOST_SHOWN = 500  # segments in one answer
MOST_COMPARED = 10**10  # characters said x heard: the longest text that is spoken by default; more stops all threads for seconds


@dataclass(frozen=True)
class TranscriptView:
    """A page of a transcript.

    Attributes:
        item: As it stands.
        state: Of the work: `queued`, `running`, `done`, `failed` or `cancelled`.
        job: How the work stands, or None when there is no record of it.
        transcript: All that is known but the segments; None while nothing can be read.
        segments: (index in the whole text, segment) of this page.
        total: Segments that match, of all pages.
        revision: Grows with every change of the corrections; what `edit` wants to hear.
        etag: Of the text, quotes included; "" while it grows.
        edited: Somebody corrected it.
        notes: Sentences about the whole: draft quality, losses, what was left out.
        comparison: With what should have been said, for a check by transcribing.
        can_redo: A correction was taken back and can be done again.
    """

    item: Item
    state: str
    job: JobStatus | None
    transcript: Transcript | None
    segments: list[tuple[int, Segment]]
    total: int
    revision: int
    etag: str
    edited: bool
    notes: list[str]
    comparison: Comparison | None = None
    can_redo: bool = False


@dataclass(frozen=True)
class Rendered:
    """A transcript in one of its forms."""

    data: bytes = field(repr=False)
    media_type: str
    download_name: str
    etag: str


def view(
    services: Services,
    session_id: str,
    item_id: str,
    *,
    offset: int = 0,
    limit: int = 100,
    q: str = "",
    original: bool = False,
    only: str = "all",
) -> TranscriptView:
    """A page of the text, while it grows and after.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_id: Of the transcript.
        offset: Matching segments to leave out at the start.
        limit: Most segments in the answer, at most MOST_SHOWN.
        q: Words that a segment must hold, letter case aside.
        original: Without corrections.
        only: One of ONLY.

    Raises:
        NotFound: There is no such item.
        BadInput: It is no transcript, or `only` is unknown.
    """
    if only not in ONLY:
        raise BadInput("What to show is one of " + ", ".join(ONLY) + ".")
    text = texts.read(services, session_id, item_id, original=original)
    found = text.transcript
    matching = [pair for pair in enumerate(found.segments if found else ()) if _matches(pair[1], q.casefold().split(), only)]
    start = max(0, offset)
    return TranscriptView(
        item=text.item,
        state=text.state,
        job=text.job,
        transcript=replace(found, segments=()) if found else None,
        segments=matching[start : start + min(max(0, limit), MOST_SHOWN)],
        total=len(matching),
        revision=text.revision,
        etag=text.etag,
        edited=text.edited,
        can_redo=text.can_redo,
        notes=notes(text.item, found),
        comparison=_comparison(text.item, found) if found and not text.is_growing else None,
    )


def is_doubtful(segment: Segment) -> bool:
    """Worth a second look: the gate marked it, or one of its words is unsure."""
    if segment.doubt:
        return True
    return any(word.probability is not None and word.probability < DOUBTFUL_BELOW for word in segment.words)


def _matches(segment: Segment, words: Sequence[str], only: str) -> bool:
    if only == "doubtful" and not is_doubtful(segment):
        return False
    text = segment.text.casefold() if words else ""
    return all(word in text for word in words)


def _comparison(item: Item, transcript: Transcript) -> Comparison | None:
    reference = str(item.request.get("reference", ""))
    if not reference or len(reference) * chars(transcript.segments) > MOST_COMPARED:
        return None
    from utils.transcription.compare import compare

    return compare(reference, transcript.text, transcript.language or str(item.request.get("language", "")))


def notes(item: Item, transcript: Transcript | None) -> list[str]:
    """What people must know about the whole text, the weightiest first."""
    from utils.transcription.models import DRAFT_NOTE

    if transcript is None:
        return []
    said = [DRAFT_NOTE] if transcript.is_draft else []
    if item.result.get("fallback"):
        said.append(str(item.result["fallback"]))
    done_s = transcript.options.get("done_s")
    if transcript.options.get(INCOMPLETE) and done_s is not None and not _is_running(item):
        said.append(f"The text ends at {footage(float(done_s))} of {footage(transcript.seconds)}: the work was stopped there.")
    said += [str(loss) for loss in item.result.get("losses", ())]
    if not transcript.segments and not transcript.options.get(INCOMPLETE) and item.result:
        said.append("No speech was found in this recording.")
    dropped = transcript.gate.dropped
    if dropped:
        places = ", ".join(footage(entry.start) for entry in dropped[:5]) + (" and more" if len(dropped) > 5 else "")
        said.append(f"{len(dropped)} stretches of text were left out because no voice is there: at {places}.")
    if any(file.role == OLDER_ROLE for file in item.files):
        said.append("An older text with its corrections is kept beside this one.")
    return said


def _is_running(item: Item) -> bool:
    return not item.result


# ---- corrections ------------------------------------------------------------------------------------------------------


def edit(services: Services, session_id: str, item_id: str, revision: int, edit: Edit) -> int:
    """Correct the text; the text as it was heard stays beside the corrections.

    Returns:
        The new revision.

    Raises:
        PreconditionFailed: There were corrections since `revision`, of another tab.
        BadInput: The correction does not fit the text.
        Conflict: The text still grows.
    """

    def change(edits: EditFile, etag: str) -> EditFile:
        return edits.add(edit, revision)

    return _changed(services, session_id, item_id, change)[0]


def undo(services: Services, session_id: str, item_id: str, revision: int | None = None) -> int:
    """Take the last correction back. Raises Conflict when there is none; the rest as `edit`."""

    def change(edits: EditFile, etag: str) -> EditFile:
        return edits.undo(edits.revision if revision is None else revision)

    return _changed(services, session_id, item_id, change)[0]


def redo(services: Services, session_id: str, item_id: str, revision: int | None = None) -> int:
    """Do again what was taken back last. Raises Conflict when there is nothing; the rest as `edit`."""

    def change(edits: EditFile, etag: str) -> EditFile:
        return edits.redo(edits.revision if revision is None else revision)

    return _changed(services, session_id, item_id, change)[0]


def step(services: Services, session_id: str, item_id: str, *, back: bool, if_match: str | None = None) -> str:
    """As `undo` (`back`) or `redo`, for programs; the new ETag. Raises PreconditionFailed when `if_match` names another text."""

    def change(edits: EditFile, etag: str) -> EditFile:
        if if_match is not None and not versions.matches(if_match, etag):
            raise _changed_meanwhile()
        return edits.undo(edits.revision) if back else edits.redo(edits.revision)

    return _changed(services, session_id, item_id, change)[1]


def put(services: Services, session_id: str, item_id: str, data: Sequence[Mapping[str, Any]], if_match: str) -> str:
    """Replace all segments by a program's own.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_id: Of the transcript.
        data: Segments: `start`, `end`, `text`.
        if_match: The ETag that the program has read; "*" = whatever is there.

    Returns:
        The new ETag.
    """
    segments = tuple(Segment(float(entry["start"]), float(entry["end"]), str(entry["text"])) for entry in data)

    def change(edits: EditFile, etag: str) -> EditFile:
        if not versions.matches(if_match, etag):
            raise _changed_meanwhile()
        return edits.add(Replace(segments), edits.revision)

    return _changed(services, session_id, item_id, change)[1]


def _changed_meanwhile() -> PreconditionFailed:
    return PreconditionFailed("The text was changed meanwhile, perhaps in another tab.", "Load it again and repeat your change.")


def _changed(services: Services, session_id: str, item_id: str, change: Callable[[EditFile, str], EditFile]) -> tuple[int, str]:
    """Change the corrections of the text that counts now, alone; the new revision and ETag."""
    text, _ = texts.finished(services, session_id, item_id, original=True)
    if not text.name:
        raise Conflict("The text still grows.", "Wait for the end of the transcription.")
    with services.sessions.alone(session_id, item_id) as folder:
        now = current(services.sessions.get_item(session_id, item_id))
        if now is None or now.name != text.name:  # the recording was transcribed anew
            raise _changed_meanwhile()
        path, name = folder / text.name, edits_name(text.name)
        data = transcript_file.read(path)
        edits = edit_file.load(folder / name)
        made = replace(change(edits, texts.etag_of(path, edits)), base=transcript_file.digest(data))
        texts.corrected(services, transcript_file.from_bytes(data), made)  # what does not fit is refused here
        services.sessions.write_file(session_id, item_id, name, made.to_bytes())
        return made.revision, texts.etag_of(path, made)


# ---- forms ------------------------------------------------------------------------------------------------------------


def sheet(
    services: Services, session_id: str, item_id: str, preset: str = "", limits: Mapping[str, float | None] | None = None
) -> CueSheet:
    """Cues by a preset, with the report of what could not be kept. Raises NotFound, BadInput."""
    from utils.transcription import cues

    text, transcript = texts.finished(services, session_id, item_id)
    rules = _rules(text.item, preset, limits)
    with services.door.making(chars(transcript.segments)):
        return cues.make(transcript, rules)


def render(
    services: Services,
    session_id: str,
    item_id: str,
    key: str,
    *,
    preset: str = "",
    limits: Mapping[str, float | None] | None = None,
    times: bool = False,
    word_times: bool = False,
    original: bool = False,
) -> Rendered:
    """The text in one of the forms of `formats.FORMATS`.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_id: Of the transcript; of one that grows: what there is.
        key: Which form.
        preset: Of subtitles; "" = the one of the item.
        limits: A person's own, by the names of `presets.rules`.
        times: With times, where the form leaves it open.
        word_times: Times of words inside cues, where the form has a place for them.
        original: Without corrections.
    """
    text, transcript = texts.finished(services, session_id, item_id, original=original)
    rules = _rules(text.item, preset, limits)
    with services.door.making(chars(transcript.segments)):
        return _rendered(text, transcript, key, rules, times=times, word_times=word_times)


def _rendered(text: texts.Text, transcript: Transcript, key: str, rules: CueRules, *, times: bool, word_times: bool) -> Rendered:
    from utils.transcription import formats

    form = formats.FORMATS.get(key)
    if form is None:
        raise BadInput("There is no such form of a transcript.", "Choose one of " + ", ".join(formats.FORMATS) + ".")
    data = formats.render(transcript, key, rules, times=times, word_times=word_times, title=text.item.title)
    return Rendered(data, form.media_type, names.download_name(text.item.title, form.suffix), text.etag)


def _rules(item: Item, preset: str, limits: Mapping[str, float | None] | None) -> CueRules:
    return rules_of(preset or str(item.request.get("preset", "")) or DEFAULT, **dict(limits or {}))


def archive(services: Services, session_id: str, item_ids: Iterable[str], keys: Sequence[str], preset: str = "") -> list[Entry]:
    """Transcripts in several forms for one ZIP, with a manifest; those without text are only in the manifest."""
    found: list[tuple[str, bytes, float]] = []
    lines = [["title", "state", "language", "engine", "seconds", "words", "doubtful", "wer", "files", "notes"]]
    for item_id in dict.fromkeys(item_ids):
        text = texts.read(services, session_id, item_id)
        with services.door.making(chars(text.transcript.segments) if text.transcript else 0):
            made = _forms(text, dict.fromkeys(keys), preset)
        found += [(name, data, text.item.updated_at) for name, data in made]
        lines.append(_line(text, [name for name, _ in made]))
    unique = archives.unique(name for name, _, _ in found)
    files = [Entry(name, data, when) for name, (_, data, when) in zip(unique, found, strict=True)]
    return [*files, Entry("manifest.csv", _csv(lines), services.clock())]


def _forms(text: texts.Text, keys: Iterable[str], preset: str) -> list[tuple[str, bytes]]:
    if text.transcript is None:
        return []
    rules = _rules(text.item, preset, None)
    made = [_rendered(text, text.transcript, key, rules, times=False, word_times=False) for key in keys]
    return [(one.download_name, one.data) for one in made]


def _line(text: texts.Text, files: Sequence[str]) -> list[str]:
    result, found = text.item.result, text.transcript
    error = text.job.error if text.job else None
    said = notes(text.item, found) or ([str(error.get("sentence", ""))] if error else [])
    facts = [str(result.get(key, "")) for key in ("language", "engine_label", "seconds", "words", "doubtful", "wer")]
    return [text.item.title, text.state, *facts, " ".join(files), " ".join(said)]


def _csv(lines: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([safe_cell(cell) for cell in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def listen(services: Services, session_id: str, item_id: str) -> str | None:
    """Address of the sound for the player, or None when there is none that a browser plays."""
    item = services.sessions.get_item(session_id, item_id)
    file = item.role("audio") or item.role("source")
    told = item.request.get("source") or {}
    if file is None and told.get("item"):
        try:
            item = services.sessions.get_item(session_id, str(told["item"]))
        except AppError:
            return None
        file = item.file(str(told.get("file", "")))
    if file is None or not file.media_type.startswith("audio/"):
        return None
    try:
        services.sessions.file_path(session_id, item.id, file.name)
    except NotFound:
        return None
    return f"/api/v1/items/{item.id}/files/{file.name}?inline=1"
