"""Routes of speech: start it, estimate it, list its voices."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from utils.api import problems
from utils.api.idempotency import KEYED
from utils.api.identity import Caller, Here
from utils.api.jobs import MAX_WAIT_S, wait_for
from utils.api.schemas import AccentOut, EstimateOut, ItemOut, JobOut, LanguageOut, Made, SpeechBody, VoiceOut, Voices
from utils.speech import voices as catalogue
from utils.workflows import files, generate

router = APIRouter(tags=["speech"])


@router.post(
    "/speech",
    dependencies=KEYED,
    status_code=202,
    summary="Make speech from text",
    responses={200: {"model": Made, "description": "Over."}},
)
async def make_speech(
    body: SpeechBody,
    services: Here,
    session_id: Caller,
    request: Request,
    response: Response,
    wait: float = Query(0, ge=0, le=MAX_WAIT_S, description="Seconds to wait for the end before answering."),
) -> Made:
    """Starts a job and answers 202 at once; with `wait`, 200 as soon as it is over.

    200 says that the job is over, not that it went well: `job.state` is `done`, `failed` (`job.error` says why) or
    `cancelled`. When the time is up first, the answer is 202 as without `wait`.
    """
    job = await to_thread.run_sync(generate.submit, services, session_id, body.as_request())
    if wait:
        job = await wait_for(services, session_id, job, wait, request)
    item = await to_thread.run_sync(files.get, services, session_id, job.id)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    response.status_code = 202 if job.is_open else 200
    return Made(job=JobOut.of(job), item=ItemOut.of(item))


@router.post("/estimate", summary="What a generation would be")
def estimate_speech(body: SpeechBody, services: Here, session_id: Caller) -> EstimateOut:
    """Makes nothing. A text that cannot be spoken is no error here: `problem` says why."""
    answer = generate.estimate(services, body.as_request())
    return EstimateOut.of(answer, problems.document(answer.problem) if answer.problem else None)


@router.get("/voices", summary="List languages and voices")
def list_voices(
    language: str = Query("", max_length=35, description="BCP 47 tag; without it only the languages are listed."),
) -> Voices:
    """Needs no session. A language that nobody here speaks has no voices."""
    languages = [LanguageOut(tag=known.tag, name=known.name, engines=list(known.firsts)) for known in catalogue.languages()]
    voices = catalogue.for_language(language) if language else []
    accents = catalogue.accents(language) if language else []
    return Voices(
        languages=languages,
        voices=[VoiceOut.of(voice) for voice in voices],
        accents=[AccentOut(accent=accent, name=name) for accent, name in accents],
    )
