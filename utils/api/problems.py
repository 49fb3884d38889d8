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

from utils.errors import AppError, NoSession, NotFound

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:sotto:problem:"


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


def response(error: AppError, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The answer that reports an error."""
    own = dict(headers or {})
    if error.retry_after_s is not None:
        own["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, NoSession):
        own["WWW-Authenticate"] = 'Bearer realm="sotto"'
    # Half of a surrogate pair can come in by JSON and has no UTF-8 form.
    body = json.dumps(document(error, **more), ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, error.status, headers=own, media_type=MEDIA_TYPE)


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
