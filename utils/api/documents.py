"""The description of the routes: OpenAPI for programs, a plain page for people. Nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import compile_path

from utils.api import docs_page, policy
from utils.api.described import document_of

router = APIRouter(include_in_schema=False)

PLACE = re.compile(r"{[^}]*}")


def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI document of the app, made once."""
    api = request.app
    if api.openapi_schema is None:
        api.openapi_schema = document_of(api)
    described: dict[str, Any] = api.openapi_schema
    return described


def allowed_methods(request: Request) -> list[str]:
    """Of a described address; none for another. The framework tells those of the first pattern that fits.

    `/session/redeem` fits `/session/{session_id}`, too: the pattern with the most letters of its own is the address's.
    """
    fitting = [path for path in openapi(request)["paths"] if compile_path(path)[0].match(request.scope["path"])]
    closest = max(fitting, key=lambda path: len(PLACE.sub("", path)), default=None)
    return [] if closest is None else sorted(method.upper() for method in openapi(request)["paths"][closest])


@router.get("/openapi.json")
def openapi_json(request: Request) -> Response:
    """For programs."""
    return JSONResponse(openapi(request))


@router.get("/docs")
def docs(request: Request) -> Response:
    """For people: every operation with its parameters, fields, examples and answers."""
    html = docs_page.render(openapi(request))
    return HTMLResponse(html, headers={"Content-Security-Policy": policy.DOCS_CSP})
