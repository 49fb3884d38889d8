"""The description of the routes: OpenAPI for programs, a plain page for people. Nothing is loaded from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from utils.api import docs_page, policy
from utils.api.described import document_of

router = APIRouter(include_in_schema=False)


def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI document of the app, made once."""
    api = request.app
    if api.openapi_schema is None:
        api.openapi_schema = document_of(api)
    described: dict[str, Any] = api.openapi_schema
    return described


@router.get("/openapi.json")
def openapi_json(request: Request) -> Response:
    """For programs."""
    return JSONResponse(openapi(request))


@router.get("/docs")
def docs(request: Request) -> Response:
    """For people: every operation with its parameters, fields, examples and answers."""
    html = docs_page.render(openapi(request))
    return HTMLResponse(html, headers={"Content-Security-Policy": policy.DOCS_CSP})
