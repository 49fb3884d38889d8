"""OpenAI's route for speech: the sound is sent while it is spoken, and nothing of it is kept."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio import CancelScope, to_thread
from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from utils.api import problems
from utils.api.identity import Here
from utils.api.keys import ApiCaller
from utils.api.leaving import Patient
from utils.api.openai_errors import MissingParameter, Stopping, WrongParameter
from utils.api.openai_models import engine_of
from utils.api.openai_speech_schemas import ANSWERS, SpeechIn
from utils.audio.formats import FORMATS
from utils.errors import AppError, BadInput, EngineUnreachable, UnknownVoice
from utils.jobs.contract import NewJob
from utils.services import Services
from utils.speech.named_voices import NAMED
from utils.workflows import say

router = APIRouter(tags=["openai"])
log = logging.getLogger(__name__)

LOOK_S = (0.002, 0.05)  # shortest and longest pause between two looks at the growing sound
GROW_S = 0.01  # pause after each look that found something
LOOK_SHARE = 24  # a pause is this part of the time that nothing came: looking costs little and finds soon
FIRST_WITHIN_S = 600.0  # as long as OpenAI's client waits
WHOLE_BYTES = 4 * 2**20  # sound that is complete when its first byte is there is sent with its length, up to this
EVENT_BYTES = 48 * 1024  # of sound in one event at most
STOPPING_S = 4.0  # an answer may go on for so long after the server was told to end
ENGINE, VOICE = "Sotto-Engine", "Sotto-Voice"  # headers: who really speaks


@router.post("/audio/speech", summary="Make speech from text, as OpenAI's API does", response_class=Response, responses=ANSWERS)
async def openai_speech(body: SpeechIn, services: Here, who: ApiCaller) -> Response:
    """For OpenAI's client and whatever speaks its language. The sound comes while it is spoken, and nothing of it is kept after
    the answer or when the client goes away. Once sound was sent, an error breaks the connection off: what ended regularly is whole.
    The headers `Sotto-Engine` and `Sotto-Voice` tell who speaks."""
    engine = engine_of(services, body.model)
    job = await to_thread.run_sync(_job, services, body, engine)
    return Spoken(services, who, job, body.response_format, events=body.stream_format == "sse")


def _job(services: Services, body: SpeechIn, engine: str) -> NewJob:
    """The work that the body asks for; what does not fit is told by the parameter's name."""
    if not body.input.strip():
        raise MissingParameter("input", "There is no text to speak.", "Send one as input.")
    voice = body.voice if isinstance(body.voice, str) else body.voice.id
    wish = say.Wish(body.input, voice.strip().lower(), engine, body.language or "", body.speed, body.response_format)
    try:
        return say.job_of(services, wish)
    except UnknownVoice as exc:
        if body.language and wish.voice in NAMED:
            raise WrongParameter("language", exc.sentence, exc.hint) from exc
        hint = f"Choose one of {', '.join(NAMED)}, or the id of a voice that GET /api/v1/voices lists."
        raise WrongParameter("voice", exc.sentence, hint) from exc
    except BadInput as exc:
        raise WrongParameter("input", exc.sentence, exc.hint) from exc


class Spoken(Response):
    """Does the work and answers with its sound, while it grows; stops it when the client goes away.

    Args:
        services: Of the process.
        who: The caller's name.
        job: The work.
        format: Key of the sound's format.
        events: Send it as server-sent events instead.
    """

    def __init__(self, services: Services, who: str, job: NewJob, format: str, *, events: bool) -> None:
        self._services, self._who, self._job, self._events = services, who, job, events
        self.status_code = 200
        self.media_type = "text/event-stream" if events else FORMATS[format].media_type
        self.background: BackgroundTask | None = None
        self.init_headers({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            await self._answer(scope, receive, send)
            group.cancel_scope.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        speech: say.Say | None = None
        try:
            speech = await to_thread.run_sync(say.Say, self._services, self._who, self._job)
            chunks = self._chunks(speech)
            first = await self._first(speech, chunks)
        except AppError as exc:
            await self._ended(speech)
            await problems.response(exc)(scope, receive, send)
            return
        except BaseException:
            await self._ended(speech)
            raise
        try:
            await self._send(speech, first, chunks, Patient(receive, send).send)
        finally:
            await self._ended(speech)

    async def _first(self, speech: say.Say, chunks: AsyncIterator[bytes]) -> bytes:
        """The first sound; all of it, if it is all there already."""
        with anyio.move_on_after(FIRST_WITHIN_S):
            first = await anext(chunks, b"")
            while speech.is_made and len(first) < WHOLE_BYTES and (more := speech.read()):
                first += more
            return first + b"".join([rest async for rest in chunks]) if speech.is_whole else first
        raise EngineUnreachable(f"Nobody came to speak this within {FIRST_WITHIN_S:.0f} s.", "Try again later.")

    async def _send(self, speech: say.Say, first: bytes, chunks: AsyncIterator[bytes], send: Send) -> None:
        told = speech.told
        headers = {} if told is None else {ENGINE: told.engine, VOICE: told.voice}
        if speech.has_ended and not self._events:
            await self._ended(speech)
            headers["Content-Length"] = str(len(first))
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": [*self.raw_headers, *raw]})
        try:
            await self._piece(send, first)
            async for chunk in chunks:
                await self._piece(send, chunk)
        except AppError as exc:
            log.warning("event=say_broken code=%s sent_bytes=%d", exc.code, speech.read_bytes)
            if not self._events:
                return  # without a regular end: the client sees that it broke off
            await self._event(send, problems.openai_document(exc))
        else:
            if self._events:
                await self._event(send, _done(speech))
        await self._ended(speech)  # before the last byte: whoever has read the answer knows that nothing is left
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _piece(self, send: Send, data: bytes) -> None:
        if not self._events:
            await send({"type": "http.response.body", "body": data, "more_body": True})
            return
        for start in range(0, len(data), EVENT_BYTES):
            part = base64.b64encode(data[start : start + EVENT_BYTES]).decode("ascii")
            await self._event(send, {"type": "speech.audio.delta", "audio": part})

    async def _event(self, send: Send, said: dict[str, Any]) -> None:
        data = f"data: {json.dumps(said)}\n\n".encode()
        await send({"type": "http.response.body", "body": data, "more_body": True})

    async def _chunks(self, speech: say.Say) -> AsyncIterator[bytes]:
        """The sound as it grows. Raises what the worker met."""
        quiet_since = anyio.current_time()
        while True:
            data = speech.read()
            if data:
                yield data
                if not speech.is_made:
                    await anyio.sleep(GROW_S)  # not every few hundred bytes by themselves
                quiet_since = anyio.current_time()
                continue
            if speech.has_ended:
                return
            quiet_s = anyio.current_time() - quiet_since
            if self._services.stopping.is_set() and quiet_s > STOPPING_S:
                raise Stopping("The server is being restarted.", "Send the request again in a moment.")
            await anyio.sleep(min(max(quiet_s / LOOK_SHARE, LOOK_S[0]), LOOK_S[1]))

    async def _ended(self, speech: say.Say | None) -> None:
        """Nothing is left of it; once more does no harm."""
        if speech is not None:
            with CancelScope(shield=True):
                await to_thread.run_sync(speech.end)


def _done(speech: say.Say) -> dict[str, Any]:
    """The last event. There are no tokens here: characters of the text and seconds of the sound stand in their place."""
    told = speech.told
    given, made = (told.characters, round(told.seconds)) if told else (0, 0)
    return {"type": "speech.audio.done", "usage": {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}}
