"""The JSON routes as one FastAPI app, mounted at /api. Importing this takes a fifth of a second: see routes.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.api import (
    bulk,
    documents,
    items,
    jobs,
    openai_models,
    openai_speech,
    openai_transcription,
    privacy,
    problems,
    sessions,
    speech,
    transcriptions,
    transcripts,
    uploads,
)
from utils.api.events import Watches
from utils.api.intake import is_streamed
from utils.api.looks import Looks
from utils.errors import AppError, BadInput
from utils.services import Services

MAX_FIELD_PROBLEMS = 20
MAX_NAME_CHARS = 100
# For looks at the disk that are over in a fraction of a millisecond. Each of their many system calls gives the interpreter's lock
# away; with 40 threads that want it back one look costs 2.2 ms of processor, with 2 it costs 1.0, alone 0.6.
QUICK_THREADS = 2
BRANCH = re.compile(r"constrained-[a-z]+|[A-Z][A-Za-z]+", re.ASCII)  # of a choice between types: no name of a field


class LastResort:
    """Turns an exception that nobody expected into a problem without a trace, and keeps it from the server's own log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as exc:  # the boundary of the routes
            if started:
                raise
            await problems.unexpected(exc)(scope, receive, send)


async def on_app_error(request: Request, exc: Exception) -> Response:
    """AppError -> problem."""
    if not isinstance(exc, AppError):
        return problems.unexpected(exc)
    # What is left of a recording that was refused half way is not waited for.
    unread = request.method == "POST" and is_streamed(request.scope)
    return problems.response(exc, {"Connection": "close"} if unread else None)


async def on_http_error(request: Request, exc: Exception) -> Response:
    """What the framework itself refuses -> problem."""
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    if status == 404:
        return problems.unknown_path()
    if status == 405:
        told = ((exc.headers or {}).get("Allow", "") if isinstance(exc, HTTPException) else "").split(", ")
        described = await to_thread.run_sync(documents.allowed_methods, request)  # made when it is first asked for
        return problems.wrong_method(described or [method for method in told if method])
    if status == 400:
        return _no_json()
    return problems.unexpected(exc)


def _no_json() -> Response:
    return problems.response(problems.BadRequest("The body cannot be read as JSON.", "Check its form and its encoding (UTF-8)."))


async def on_invalid(request: Request, exc: Exception) -> Response:
    """Fields that do not fit -> 422 with their names, what is no JSON at all -> 400; what was sent is not repeated."""
    found = exc.errors() if isinstance(exc, RequestValidationError) else []
    if any(error["type"] == "json_invalid" for error in found):
        return _no_json()
    wrong = [{"field": _field(error), "problem": _reason(error)} for error in found[:MAX_FIELD_PROBLEMS]]
    first = f" ({wrong[0]['field']}: {wrong[0]['problem']})" if wrong else ""
    return problems.response(BadInput(f"The request does not fit{first}.", "See /api/docs for what is allowed."), errors=wrong)


def _field(error: Mapping[str, Any]) -> str:
    place = error["loc"]
    inner = place[1:] if len(place) > 1 and place[0] in ("body", "query", "path") else place
    parts = [str(part) for part in inner]
    names = parts[:1] + [part for part in parts[1:] if not BRANCH.fullmatch(part)]
    return ".".join(names)[:MAX_NAME_CHARS]


def _reason(error: Mapping[str, Any]) -> str:
    return str(error.get("msg", "not allowed"))[:300]


def build(services: Services) -> FastAPI:
    """The app with all routes, given its services."""
    api = FastAPI(
        title="Sotto",
        version="1",
        description="A private speech studio. Errors are problem documents (RFC 9457) with a stable `code`.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.services = services
    api.state.looks = Looks(QUICK_THREADS)
    api.state.watches = Watches(services.stopping.is_set)
    api.add_exception_handler(AppError, on_app_error)
    api.add_exception_handler(HTTPException, on_http_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_middleware(LastResort)
    v1 = APIRouter(prefix="/api/v1")
    # Fixed words before ids that may stand in the same place: /items/{id}.zip is no item.
    for part in (
        sessions,
        privacy,
        speech,
        jobs,
        bulk,
        uploads,
        transcriptions,
        transcripts,
        items,
    ):
        v1.include_router(part.router)
    api.include_router(v1)
    for part in (openai_speech, openai_transcription, openai_models):
        api.include_router(part.router, prefix="/v1")
    api.include_router(documents.router, prefix="/api")
    return api
