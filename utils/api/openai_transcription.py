"""OpenAI's routes for recordings: they are heard by the same jobs as everybody's, and nothing of them is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from utils.api import arriving, openai_forms, problems
from utils.api.identity import Here
from utils.api.jobs import LOOKS_S
from utils.api.keys import ApiCaller
from utils.api.openai_errors import MissingParameter, Stopping, WrongParameter
from utils.api.openai_forms import Asked
from utils.api.openai_transcript_schemas import (
    TranscriptionForm,
    TranscriptionJson,
    TranscriptionVerbose,
    TranslationForm,
    answers,
    form_body,
)
from utils.api.problems import BadRequest
from utils.errors import AppError
from utils.services import Services
from utils.transcription import formats_openai, presets
from utils.transcription.contract import Transcript
from utils.transcription.edits import chars
from utils.workflows import passing, transcribe
from utils.workflows.hearing import Hearing
from utils.workflows.tongues import name_of

router = APIRouter(tags=["openai"])

QUIET_S = 15.0  # proxies close what is silent for a minute; until then an error still is a proper status
BEAT = b": \n\n"
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
ENGINE = "Sotto-Engine"  # header: `whisper`, or `draft` for text of draft quality


@router.post(
    "/audio/transcriptions",
    summary="Turn a recording into text, as OpenAI's API does",
    response_model=TranscriptionJson | TranscriptionVerbose,
    openapi_extra=form_body(TranscriptionForm),
    responses=answers(events=True),
)
async def openai_transcription(request: Request, services: Here, who: ApiCaller) -> Response:
    """For OpenAI's client and whatever speaks its language. The recording and its text are gone after the answer, and when the
    client goes away before it. The header `Sotto-Engine` tells which engine it was."""
    return await _answer(request, services, who, translate=False)


@router.post(
    "/audio/translations",
    summary="Put a recording into English, as OpenAI's API does",
    response_model=TranscriptionJson | TranscriptionVerbose,
    openapi_extra=form_body(TranslationForm),
    responses=answers(events=False),
)
async def openai_translation(request: Request, services: Here, who: ApiCaller) -> Response:
    """As `/v1/audio/transcriptions`; needs a multilingual model that was trained to translate."""
    return await _answer(request, services, who, translate=True)


async def _answer(request: Request, services: Services, who: str, *, translate: bool) -> Response:
    async with AsyncExitStack() as stack:
        work = await stack.enter_async_context(_held(services, who))
        arrived = await arriving.form(request, services, work.session_id, one=True, passing=work)
        if not arrived.items and not arrived.refused:
            raise MissingParameter("file", "The part 'file' with a recording is missing.", "Send multipart/form-data with it.")
        if len(arrived.items) + len(arrived.refused) > 1:
            raise WrongParameter("file", "The form has more than one file.", "Send each in a request of its own.")
        asked = openai_forms.asked(arrived.pairs, services.settings, translate=translate)
        if arrived.refused:
            raise arrived.refused[0].error
        job_id = await to_thread.run_sync(_submitted, services, work, arrived.items[0].id, asked)
        hearing = Hearing(services, work.session_id, job_id)
        if asked.stream:
            events = _events(hearing, asked, request.is_disconnected, work.end)
            first = await anext(events)  # what goes wrong until now is a status
            return Events(first, events, stack.pop_all(), _headers(hearing.so_far()))
        await _until_over(hearing, request.is_disconnected)
        return await to_thread.run_sync(_rendered, hearing, asked)


@asynccontextmanager
async def _held(services: Services, who: str) -> AsyncIterator[passing.Work]:
    """Passing work, which ends with the block whatever happens to the request."""
    with anyio.CancelScope(shield=True):
        work = await to_thread.run_sync(passing.begin, services, who)
    try:
        yield work
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(work.end)


def _submitted(services: Services, work: passing.Work, upload_id: str, asked: Asked) -> str:
    """Start the job. The recording is part of its item then, and must not count twice in the caller's quota."""
    job = work.submit(transcribe.job_of(services, work.session_id, upload_id, asked.request))
    with suppress(AppError):  # then it goes with the rest
        services.sessions.remove_item(work.session_id, upload_id)
    return job.id


# ---- waiting


Gone = Callable[[], Awaitable[bool]]


async def _until_over(hearing: Hearing, gone: Gone) -> None:
    """Wait for the job's end. Raises BadRequest when the client is gone, Stopping when the server ends."""
    pause_s, longest_s = LOOKS_S
    while (await to_thread.run_sync(hearing.stands)).is_open:
        await _pause(hearing.services, gone, pause_s)
        pause_s = min(pause_s * 1.3, longest_s)


async def _pause(services: Services, gone: Gone, pause_s: float) -> None:
    if await gone():
        raise BadRequest("The client went away.")
    if services.stopping.is_set():
        raise Stopping("The server is being stopped.", "Send it again in a while.", retry_after_s=10.0)
    await anyio.sleep(pause_s)


async def _events(hearing: Hearing, asked: Asked, gone: Gone, end: Callable[[], None]) -> AsyncIterator[bytes]:
    """The text as it becomes final, as server-sent events; nothing is left on the disk when the last ones are sent.

    Args:
        hearing: The job.
        asked: What the client wants.
        gone: Whether it went away.
        end: Of the passing work.
    """
    text, told, seen = formats_openai.Text(), 0, None
    pause_s, longest_s = LOOKS_S
    quiet_s = 0.0
    is_open = True
    while is_open:
        is_open = (await to_thread.run_sync(hearing.stands)).is_open
        grown = await to_thread.run_sync(hearing.so_far) if is_open else None
        if grown is not None and grown is not seen:
            new, seen = grown.segments[told:], grown
            delta = "".join(text.add(segment) for segment in new)
            told += len(new)
            if delta:
                yield _event(formats_openai.delta(delta, new, logprobs=asked.logprobs))
                quiet_s = 0.0
        if is_open:
            await _pause(hearing.services, gone, pause_s)
            pause_s, quiet_s = min(pause_s * 1.3, longest_s), quiet_s + pause_s
            if quiet_s >= QUIET_S:
                yield BEAT
                quiet_s = 0.0
    transcript = await to_thread.run_sync(hearing.result)
    await to_thread.run_sync(end)
    whole = formats_openai.text_of(transcript)
    if whole != text.whole and whole.startswith(text.whole):  # else a worker began anew with another engine: the whole counts
        rest = formats_openai.delta(whole[len(text.whole) :], transcript.segments[told:], logprobs=asked.logprobs)
        yield _event(rest)
    yield _event(formats_openai.done(transcript, logprobs=asked.logprobs))


def _event(told: Mapping[str, Any]) -> bytes:
    return b"data: " + _json(told) + b"\n\n"


class Events(Response):
    """Answer with events, of which the first is made already; whatever happens, what was held for them is let go of.

    Args:
        first: Sent at once.
        events: The others. An error among them is told as an event: the status is sent.
        held: Closed at the end.
        headers: Added to the answer.
    """

    def __init__(self, first: bytes, events: AsyncIterator[bytes], held: AsyncExitStack, headers: Mapping[str, str]) -> None:
        self.first, self.events, self.held = first, events, held
        self.status_code = 200
        self.media_type = "text/event-stream"
        self.background: BackgroundTask | None = None
        self.init_headers({**headers, "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.held:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.first, "more_body": True})
            try:
                async for event in self.events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            except AppError as error:
                event = _event(problems.openai_document(error))
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


# ---- the answer


def _rendered(hearing: Hearing, asked: Asked) -> Response:
    """The text in the form that was asked for."""
    transcript, services = hearing.result(), hearing.services
    headers = _headers(transcript)
    if asked.form == "json":
        return Response(_json(formats_openai.plain(transcript, logprobs=asked.logprobs)), headers=headers, media_type=JSON)
    if asked.form == "verbose_json":
        language = "en" if transcript.task == "translate" else transcript.language
        told = formats_openai.verbose(transcript, asked.granularities, name_of(language))
        return Response(_json(told), headers=headers, media_type=JSON)
    if asked.form == "text":
        return Response(formats_openai.text_of(transcript) + "\n", headers=headers, media_type=TEXT)
    from utils.transcription import formats

    with services.door.making(chars(transcript.segments)):
        data = formats.render(transcript, asked.form, presets.rules(), notes=False)
    return Response(data, headers=headers, media_type=formats.FORMATS[asked.form].media_type)


def _headers(transcript: Transcript | None) -> Mapping[str, str]:
    return {} if transcript is None or not transcript.engine else {ENGINE: transcript.engine}


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
