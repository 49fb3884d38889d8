"""Answers made again from what a request has made, for one whose own answer was lost with the server that made it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from pydantic import BaseModel

from utils.api.schemas import ItemOut, JobOut, Made
from utils.api.transcript_schemas import Transcriptions, body_of
from utils.errors import AppError, NotFound
from utils.jobs.contract import JobStatus
from utils.services import Services
from utils.storage import made as storage
from utils.storage.replies import Answer
from utils.workflows import files

SPEECH, BULK, TRANSCRIPTIONS = "/api/v1/speech", "/api/v1/bulk", "/api/v1/transcriptions"
RETRY = re.compile(r"/api/v1/jobs/[^/]+/retry")


def answer(services: Services, session_id: str, path: str, body: bytes, made: Sequence[storage.Made]) -> Answer | None:
    """What the route would have answered, or None when it had not made all that was asked for.

    Args:
        services: As everywhere.
        session_id: Whose.
        path: Of the request, one whose body is not streamed.
        body: Of the request.
        made: What it noted.
    """
    try:
        jobs = [_begun(services, session_id, one) for one in made]
        wanted = _wanted(body) if path == TRANSCRIPTIONS else []
        if not jobs or len(jobs) != (len(wanted) or 1):
            return None
        _take_uploads(services, session_id, wanted)
        told = JobOut.of(jobs[0])
        if path not in (SPEECH, BULK, TRANSCRIPTIONS):
            return _answer(told, 200 if RETRY.fullmatch(path) else 202)
        items = [ItemOut.of(files.get(services, session_id, job.id)) for job in jobs]
    except AppError:
        return None
    status = 202 if path == BULK or any(job.is_open for job in jobs) else 200
    model: BaseModel = Made(job=told, item=items[0])
    if path == TRANSCRIPTIONS:
        model = Transcriptions(jobs=[JobOut.of(job) for job in jobs], items=items, refused=[])
    return _answer(model, status, {"location": f"/api/v1/jobs/{told.id}"})


def _begun(services: Services, session_id: str, one: storage.Made) -> JobStatus:
    """The work; on an item that was there before only if it is this request's. Raises NotFound."""
    job = services.jobs.status(session_id, one.item_id)
    if one.submitted_at not in (None, job.submitted_at):
        raise NotFound("This work was not begun.")
    return job


def _wanted(body: bytes) -> list[str]:
    wanted = body_of(body)
    return list(dict.fromkeys([*([wanted.item_id] if wanted.item_id else []), *wanted.item_ids]))


def _take_uploads(services: Services, session_id: str, ids: Sequence[str]) -> None:
    """An upload has become part of its transcript: the last thing that the route does."""
    for item_id in ids:
        with suppress(AppError):
            if files.get(services, session_id, item_id).kind == "upload":
                files.delete(services, session_id, item_id, force=True)


def _answer(model: BaseModel, status: int, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"content-type": "application/json", **(headers or {})}, model.model_dump_json().encode())


def any_left(services: Services, session_id: str, made: Sequence[storage.Made]) -> bool:
    """Whether something of what was made is there."""
    for one in made:
        with suppress(AppError):
            if one.submitted_at is None:
                files.get(services, session_id, one.item_id)
            else:
                _begun(services, session_id, one)
            return True
    return False


def remove(services: Services, session_id: str, made: Sequence[storage.Made]) -> None:
    """Remove what was made by a request that is carried out once more. Never raises: what stays is the owner's to delete."""
    for one in made:
        if one.submitted_at is None:
            with suppress(AppError):
                files.delete(services, session_id, one.item_id, force=True)
