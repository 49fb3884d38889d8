"""Routes of jobs."""

from __future__ import annotations

import time
from typing import Annotated, Any

import anyio
from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response

from utils.api import events
from utils.api.idempotency import KEYED
from utils.api.identity import Caller, Here
from utils.api.schemas import JobList, JobOut
from utils.jobs.contract import JobStatus
from utils.services import Services

router = APIRouter(tags=["jobs"])

MAX_WAIT_S = 60.0
LOOKS_S = (0.01, 0.5)  # first and longest pause between two looks at a job


async def wait_for(services: Services, session_id: str, job: JobStatus, wait_s: float, request: Request) -> JobStatus:
    """How the job stands when it is over, the time is up or the client is gone.

    Looks again and again instead of blocking: waiting callers must not take the threads that all routes share.
    """
    ends = time.monotonic() + min(wait_s, MAX_WAIT_S)
    pause_s, longest_s = LOOKS_S
    while job.is_open and (left_s := ends - time.monotonic()) > 0:
        await anyio.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.3, longest_s)
        job = await to_thread.run_sync(services.jobs.status, session_id, job.id)
        if await request.is_disconnected():
            break
    return job


@router.get("/jobs", summary="List this session's jobs")
def list_jobs(services: Here, session_id: Caller, open: bool = Query(False, description="Only those not over.")) -> JobList:
    """Newest first."""
    return JobList(jobs=[JobOut.of(job) for job in services.jobs.of_session(session_id, open_only=open)])


@router.get("/jobs/{job_id}", summary="How a job stands")
def get_job(job_id: str, services: Here, session_id: Caller) -> JobOut:
    """The id of a job is that of the item that it fills."""
    return JobOut.of(services.jobs.status(session_id, job_id))


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `status`, each the same as `GET /jobs/{id}`, until the job is over; `gone` if it was deleted.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The job is over, and you have its last event."},
}


@router.get("/jobs/{job_id}/events", summary="How a job goes on, as events", response_class=Response, responses=_EVENTS)
async def job_events(
    job_id: str,
    services: Here,
    session_id: Caller,
    request: Request,
    last_event_id: Annotated[str, Header(description="Id of the last event that you have; only what is newer comes.")] = "",
) -> Response:
    """Server-sent events until the job is over. A reader that was away misses nothing: each event is the whole status."""
    watches: events.Watches = request.app.state.watches

    def look() -> tuple[str, bool]:
        status = services.jobs.status(session_id, job_id)
        return JobOut.of(status).model_dump_json(), status.is_open

    data, is_open = await to_thread.run_sync(look)
    if not is_open and last_event_id == events.mark_of(data):
        return Response(status_code=204)  # tells a browser not to come again
    leave = watches.admit(session_id)
    return events.Stream(watches.follow(session_id, job_id, look, last_event_id), leave)


@router.post("/jobs/{job_id}/cancel", summary="Stop a job, keeping what is finished")
def cancel_job(job_id: str, services: Here, session_id: Caller) -> JobOut:
    """A running job stops at its next step; until then its state stays `running`. One that is over is a conflict."""
    return JobOut.of(services.jobs.cancel(session_id, job_id))


@router.post("/jobs/{job_id}/retry", dependencies=KEYED, summary="Run a failed or cancelled job again")
def retry_job(job_id: str, services: Here, session_id: Caller) -> JobOut:
    """What was finished is not made again. An open job is a conflict."""
    return JobOut.of(services.jobs.retry(session_id, job_id))
