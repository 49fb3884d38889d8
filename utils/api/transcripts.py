"""Routes of transcripts: read, correct, take away."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response

from utils.api import conditional
from utils.api.identity import Caller, Here
from utils.api.intake import HEAD
from utils.api.items import private_headers
from utils.api.items import version as item_version
from utils.api.streamed import Streamed
from utils.api.transcript_schemas import Revised, TranscriptIn, TranscriptOut
from utils.errors import AppError
from utils.services import Services
from utils.storage import archive
from utils.workflows import files, transcripts, versions

router = APIRouter(tags=["transcripts"])

FORMS = ("txt", "srt", "vtt", "tsv", "json", "lrc", "docx")
MAX_OFFSET = 1_000_000
AROUND = re.compile(r'\.[0-9a-f]+"')
_TEXT, _BYTES = {"schema": {"type": "string"}}, {"schema": {"type": "string", "format": "binary"}}
_KINDS: dict[str, Any] = {"text/plain": _TEXT, "application/x-subrip": _TEXT, "text/vtt": _TEXT, "text/tab-separated-values": _TEXT}
_KINDS |= {"application/json": {"schema": {"type": "object", "additionalProperties": True}, "example": {"segments": []}}}
_KINDS |= {"application/vnd.openxmlformats-officedocument.wordprocessingml.document": _BYTES}
_FILE: dict[int | str, dict[str, object]] = {200: {"description": "The file.", "content": _KINDS}}
_ZIP: dict[int | str, dict[str, object]] = {200: {"description": "The archive.", "content": {"application/zip": _BYTES}}}
Original = Annotated[bool, Query(description="Without corrections.")]


class PreconditionRequired(AppError):
    """A change without If-Match could overwrite another one."""

    code, status = "precondition_required", 428


@router.get(
    "/items/{item_id}/transcript", summary="The text of a transcript", response_model=TranscriptOut, responses=conditional.KNOWN
)
def get_transcript(
    item_id: str,
    services: Here,
    session_id: Caller,
    response: Response,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
    limit: Annotated[int, Query(ge=0, le=transcripts.MOST_SHOWN)] = transcripts.MOST_SHOWN,
    q: Annotated[str, Query(max_length=200, description="Only segments that hold these words.")] = "",
    only: Annotated[Literal["all", "doubtful"], Query()] = "all",
    original: Original = False,
    if_none_match: conditional.IfNoneMatch = None,
) -> TranscriptOut | Response:
    """Paged; while the work goes on, what there is so far, without ETag. The ETag names the version, for `PUT`, undo and redo."""
    view = transcripts.view(services, session_id, item_id, offset=offset, limit=limit, q=q, original=original, only=only)
    response.headers["Cache-Control"] = "private, no-store"
    if not view.etag:
        return TranscriptOut.of(view)
    return conditional.told(TranscriptOut.of(view), if_none_match, response, _etag(view.etag, view))


def _etag(text: str, view: transcripts.TranscriptView) -> str:
    """The text's version and, behind a dot, that of what is told around it; a correction only asks for the first."""
    around = versions.tag(f"{item_version(view.item)} {view.state}").strip('"')
    return f'{text[:-1]}.{around}"'


def _of_text(if_match: str | None) -> str | None:
    return None if if_match is None else AROUND.sub('"', if_match)


@router.put("/items/{item_id}/transcript", summary="Replace the text by a corrected one")
def put_transcript(
    item_id: str,
    body: TranscriptIn,
    services: Here,
    session_id: Caller,
    response: Response,
    if_match: Annotated[
        str | None, Header(max_length=conditional.MAX_CHARS, description="ETag of the corrected text, or `*`.")
    ] = None,
) -> Revised:
    """What was heard stays beside it: `original=true` reads it, `undo` brings it back. 412 when somebody else was quicker."""
    files.get(services, session_id, item_id)  # what is not there is not there, whatever else is missing
    if not if_match:
        raise PreconditionRequired("The request does not say which version it corrects.", "Send the ETag of the GET in If-Match.")
    segments = [segment.model_dump() for segment in body.segments]
    etag = transcripts.put(services, session_id, item_id, segments, _of_text(if_match) or "")
    return _revised(services, session_id, item_id, etag, response)


def _revised(services: Services, session_id: str, item_id: str, etag: str, response: Response) -> Revised:
    view = transcripts.view(services, session_id, item_id, limit=0)
    response.headers["ETag"] = _etag(etag, view)
    return Revised(revision=view.revision)


@router.post("/items/{item_id}/transcript/undo", summary="Take the last correction back", responses=conditional.CHANGED)
def undo_correction(
    item_id: str, services: Here, session_id: Caller, response: Response, if_match: conditional.IfMatch = None
) -> Revised:
    """A conflict when there is none."""
    etag = transcripts.step(services, session_id, item_id, back=True, if_match=_of_text(if_match))
    return _revised(services, session_id, item_id, etag, response)


@router.post("/items/{item_id}/transcript/redo", summary="Do a correction again that was taken back", responses=conditional.CHANGED)
def redo_correction(
    item_id: str, services: Here, session_id: Caller, response: Response, if_match: conditional.IfMatch = None
) -> Revised:
    """A conflict when there is none."""
    etag = transcripts.step(services, session_id, item_id, back=False, if_match=_of_text(if_match))
    return _revised(services, session_id, item_id, etag, response)


@router.get("/items/{item_id}/transcript.{form}", summary="A transcript as a file", response_class=Response, responses=_FILE)
def transcript_file(
    item_id: str,
    form: Annotated[str, Path(description="One of " + ", ".join(FORMS) + ".")],
    services: Here,
    session_id: Caller,
    preset: Annotated[str, Query(max_length=20, description="`netflix`, `bbc`, `reels` or `plain`; empty = the item's own.")] = "",
    max_chars: Annotated[float | None, Query(description="Characters a line.")] = None,
    max_lines: Annotated[float | None, Query(description="Lines a cue.")] = None,
    max_cps: Annotated[float | None, Query(description="Characters a second; 0 = no limit.")] = None,
    min_s: Annotated[float | None, Query(description="Shortest time of a cue.")] = None,
    max_s: Annotated[float | None, Query(description="Longest time of a cue.")] = None,
    gap_s: Annotated[float | None, Query(description="Least time between two cues.")] = None,
    times: Annotated[bool, Query(description="TXT and DOCX with times.")] = False,
    word_times: Annotated[bool, Query(description="VTT with the times of words.")] = False,
    original: Original = False,
) -> Response:
    """Rendered from the text as it stands, corrections included; while the work goes on, what there is so far."""
    limits = {"max_chars": max_chars, "max_lines": max_lines, "max_cps": max_cps, "min_s": min_s, "max_s": max_s, "gap_s": gap_s}
    made = transcripts.render(
        services,
        session_id,
        item_id,
        form,
        preset=preset,
        limits=limits,
        times=times,
        word_times=word_times,
        original=original,
    )
    return Response(made.data, media_type=made.media_type, headers=private_headers(made.download_name))


@router.get("/transcripts.zip", summary="Several transcripts in several forms as one ZIP", response_class=Response, responses=_ZIP)
def transcripts_zip(
    request: Request,
    services: Here,
    session_id: Caller,
    ids: Annotated[str, Query(max_length=20_000, description="Ids of transcripts, divided by commas.")],
    formats: Annotated[str, Query(max_length=60, description="Some of " + ", ".join(FORMS) + ", divided by commas.")] = "txt,srt",
    preset: Annotated[str, Query(max_length=20, description="Of the subtitles; empty = each item's own.")] = "",
) -> Response:
    """With a manifest; what has no text yet is only in the manifest."""
    entries = transcripts.archive(services, session_id, ids.split(","), formats.split(","), preset)
    shown = [] if request.scope.get(HEAD) else entries
    return Streamed(archive.stream(shown), archive.size(entries), "application/zip", private_headers("transcripts.zip"))
