"""Routes that turn recordings into text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from utils.api import arriving, problems
from utils.api.idempotency import KEYED
from utils.api.identity import Caller, Here
from utils.api.intake import is_json
from utils.api.jobs import MAX_WAIT_S, wait_for
from utils.api.schemas import ItemOut, JobOut, Problem
from utils.api.transcript_schemas import (
    OfferOut,
    OptionsOut,
    RefusedOut,
    TranscriptionBody,
    TranscriptionOptions,
    Transcriptions,
    body_of,
    options_of,
)
from utils.errors import AppError, BadInput
from utils.jobs.contract import JobStatus
from utils.services import Services
from utils.workflows import files, transcribe

router = APIRouter(tags=["transcripts"])

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/TranscriptionBody"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": arriving.MAX_FILES,
                            "items": {"type": "string", "format": "binary"},
                            "description": "A recording; the part may be repeated.",
                        },
                        **TranscriptionOptions.model_json_schema()["properties"],
                    },
                }
            },
        },
    }
}


@router.post(
    "/transcriptions",
    dependencies=KEYED,
    status_code=202,
    summary="Turn recordings into text",
    openapi_extra=_BODY,
    responses={200: {"model": Transcriptions, "description": "Over."}},
)
async def make_transcripts(
    request: Request,
    response: Response,
    services: Here,
    session_id: Caller,
    wait: float = Query(0, ge=0, le=MAX_WAIT_S, description="Seconds to wait for the end before answering."),
) -> Transcriptions:
    """Items that are there already (JSON), or files (a form). One job for each recording; 202 at once, 200 when `wait` saw all end.

    If an option does not fit, nothing is made. A file of a form that is no recording is told in `refused`, the others go on; if
    all of them are none, the answer is the first one's problem.
    """
    refused: list[RefusedOut] = []
    if is_json(request.headers.get("content-type", "")):
        body = body_of(await request.body())
        jobs = await to_thread.run_sync(_start, services, session_id, _ids(body), body)
    else:
        jobs, refused = await _from_form(request, services, session_id)
    if wait:
        jobs = [await wait_for(services, session_id, job, wait, request) for job in jobs]
    items = [await to_thread.run_sync(files.get, services, session_id, job.id) for job in jobs]
    response.headers["Location"] = f"/api/v1/jobs/{jobs[0].id}"
    response.status_code = 202 if any(job.is_open for job in jobs) else 200
    return Transcriptions(jobs=[JobOut.of(job) for job in jobs], items=[ItemOut.of(item) for item in items], refused=refused)


def _ids(body: TranscriptionBody) -> list[str]:
    found = [*([body.item_id] if body.item_id else []), *body.item_ids]
    if not found:
        raise BadInput("No recording was named.", "Send item_id or item_ids, or a form with files.")
    return found


def _start(services: Services, session_id: str, ids: Sequence[str], wanted: TranscriptionOptions) -> list[JobStatus]:
    return transcribe.start(services, session_id, ids, wanted.as_request())


async def _from_form(request: Request, services: Services, session_id: str) -> tuple[list[JobStatus], list[RefusedOut]]:
    arrived = await arriving.form(request, services, session_id)
    try:
        wanted = options_of(arrived.fields)
        if arrived.refused and not arrived.items:
            raise arrived.refused[0].error
        if not arrived.items:
            raise BadInput("The part 'file' with a recording is missing.", "Send multipart/form-data with that part.")
        jobs = await to_thread.run_sync(_start, services, session_id, [item.id for item in arrived.items], wanted)
    except AppError:
        await to_thread.run_sync(arriving.discard, services, session_id, arrived.items)
        raise
    refused = [RefusedOut(name=one.name, problem=Problem(**problems.document(one.error))) for one in arrived.refused]
    return jobs, refused


@router.get("/transcriptions/options", summary="Models, languages and limits")
def list_options(services: Here) -> OptionsOut:
    """Needs no session and loads no model."""
    found = transcribe.options(services)
    return OptionsOut(
        engine=found.engine,
        note=found.note,
        models=[OfferOut(**asdict(offer)) for offer in found.offers],
        languages=dict(found.languages),
        max_upload_bytes=found.max_upload_bytes,
        max_media_s=found.max_media_s,
    )


@router.post("/items/{item_id}/transcribe", dependencies=KEYED, status_code=202, summary="Transcribe a transcript's recording anew")
def transcribe_again(item_id: str, body: TranscriptionOptions, services: Here, session_id: Caller) -> JobOut:
    """With other options and without a new upload. The text that is there stays until the new one is ready; corrections to it are
    kept aside."""
    return JobOut.of(transcribe.again(services, session_id, item_id, body.as_request()))


@router.post("/items/{item_id}/check", dependencies=KEYED, status_code=202, summary="Check speech by transcribing it")
def check_speech(item_id: str, services: Here, session_id: Caller) -> JobOut:
    """Makes a transcript whose `result.wer` is the word error rate against the text that was spoken."""
    return JobOut.of(transcribe.check(services, session_id, item_id))
