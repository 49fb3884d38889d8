"""Errors over HTTP: every AppError becomes one problem document (RFC 9457), the same form on every route.

`{"type", "title", "status", "code", "detail", "hint"}`, `Retry-After` where waiting helps, `errors` where single fields are
wrong, `instance` where the log holds more. Light on purpose: the guards need it before the routes' libraries are loaded.
"""

from __future__ import annotations

import json
import logging
import math
import traceback
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from utils.errors import AppError, NotFound

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:sotto:problem:"
OPENAI_PREFIX = "/v1"


class BadRequest(AppError):
    """The request is not well-formed HTTP or JSON."""

    code, status = "bad_request", 400


class MethodNotAllowed(AppError):
    """The path exists, but not for this method."""

    code, status = "method_not_allowed", 405


class RequestTooSlow(AppError):
    """The body did not arrive in time."""

    code, status = "request_too_slow", 408


class Internal(AppError):
    """A defect of ours; the log has more under the same id."""


def document(error: AppError, **more: Any) -> dict[str, Any]:
    """The problem document of an error, with extension members added."""
    return {
        "type": TYPE_PREFIX + error.code,
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "code": error.code,
        "detail": error.sentence,
        "hint": error.hint,
        **more,
    }


class ProblemResponse(Response):
    """The answer that reports an error, in the form that programs of its address expect."""

    def __init__(self, error: AppError, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        own = dict(headers or {})
        if error.retry_after_s is not None:
            own["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
        if error.status == 401:
            own["WWW-Authenticate"] = 'Bearer realm="sotto"'
        self._error, self._more, self._own = error, more, own
        super().__init__(_encoded(document(error, **more)), error.status, headers=own, media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_openai(scope):
            await super().__call__(scope, receive, send)
            return
        body = _encoded(openai_document(self._error, **self._more))
        await Response(body, openai_status(self._error), self._own, "application/json")(scope, receive, send)


def response(error: AppError, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The answer that reports an error."""
    return ProblemResponse(error, headers, **more)


def _encoded(told: Mapping[str, Any]) -> bytes:
    # Half of a surrogate pair can come in by JSON and has no UTF-8 form.
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def is_openai(scope: Scope) -> bool:
    """Whether the address is one that OpenAI's client asks, below /v1."""
    path: str = scope.get("path", "")
    return path == OPENAI_PREFIX or path.startswith(OPENAI_PREFIX + "/")


def openai_status(error: AppError) -> int:
    """HTTP status of an error below /v1; the same as everywhere, so that the client raises the exception class that fits."""
    return error.status


def openai_document(error: AppError, **more: Any) -> dict[str, Any]:
    """The error as OpenAI's client reads it: `{"error": {"message", "type", "param", "code"}}`."""
    wrong = more.get("errors") or [{}]
    kind = "server_error" if error.status >= 500 else "rate_limit_error" if error.status == 429 else "invalid_request_error"
    message = f"{error.sentence} {error.hint}".strip()
    param = wrong[0].get("field") or getattr(error, "param", None)
    return {"error": {"message": message, "type": kind, "param": param, "code": error.code}}


def unknown_path() -> Response:
    """The answer below our prefixes where no route is."""
    return response(NotFound("There is no such address.", "The list of addresses is at /api/docs."))


def wrong_method(allowed: Sequence[str]) -> Response:
    """The answer for a method that a path does not take."""
    listed = ", ".join(sorted(allowed))
    error = MethodNotAllowed("This address does not take this method.", f"It takes {listed}." if listed else "")
    return response(error, {"Allow": listed})


def unexpected(exc: BaseException) -> Response:
    """The answer for a defect: an id that is also in the log, and nothing else.

    The log gets the kind of the exception and where it was raised. Its message is left out, it may hold what somebody typed.
    """
    incident = uuid.uuid4()
    frames = traceback.extract_tb(exc.__traceback__)
    where = " < ".join(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(frames[-8:]))
    log.error("incident %s: %s in %s", incident, type(exc).__name__, where)
    error = Internal("Something went wrong in the server.", f"If it happens again, tell the operator the id {incident}.")
    return response(error, instance=incident.urn)


class NothingHere:
    """ASGI app: 404 for whatever is asked of it; stands where Streamlit would answer its page."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await unknown_path()(scope, receive, send)
