"""The description of the routes: OpenAPI for programs, a plain page for people. Nothing is loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response

from utils.api import policy, problems
from utils.api.bulk_schemas import BulkOptions
from utils.api.schemas import Problem
from utils.api.transcript_schemas import TranscriptionBody

router = APIRouter(include_in_schema=False)

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid #8886; padding: 0.75rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0; } code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
p { margin: 0.25rem 0; } ul { margin: 0.25rem 0; padding-left: 1.25rem; }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sotto: routes</title><style>{style}</style></head><body><main>
<h1>Sotto: routes</h1><p>{about}</p><p>The same for programs: <a href="/api/openapi.json">openapi.json</a></p>
{operations}</main></body></html>"""
REFERENCE = "#/components/schemas/"
ERRORS = {
    "401": "No session is named.",
    "403": "A change by cookie from another site.",
    "404": "Unknown, removed or somebody else's.",
    "409": "In use, or in a state that does not allow it.",
    "412": "Changed meanwhile.",
    "413": "The body is too large.",
    "415": "The body is not of a kind that is taken here.",
    "422": "The request does not fit.",
    "429": "Too many open jobs; see Retry-After.",
    "507": "The session's quota or the disk is full.",
}


def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI document of the app, made once."""
    api = request.app
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=api.routes,
        )
        _describe_errors(document)
        api.openapi_schema = document
    described: dict[str, Any] = api.openapi_schema
    return described


def _describe_errors(document: dict[str, Any]) -> None:
    """Say on every operation that errors are problem documents, instead of the framework's own form."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, BulkOptions, TranscriptionBody):  # not the body of any route by itself
        own = model.model_json_schema(ref_template=REFERENCE + "{model}")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": REFERENCE + "Problem"}}}
    for path in document["paths"].values():
        for method, operation in path.items():
            wanted = {"422"} if "parameters" in operation or "requestBody" in operation else set()
            wanted |= {"401", "404"} if operation.get("security") else set()
            wanted |= {"403"} if method != "get" else set()
            wanted |= {"409"} if method == "delete" or "/jobs/{job_id}/" in str(operation.get("operationId")) else set()
            wanted |= {"413", "415"} if "requestBody" in operation else set()
            wanted |= {"429", "507"} if method == "post" else set()
            wanted |= {"412", "507"} if method == "put" else set()
            wanted |= {"409"} if operation.get("operationId") in ("cancel_job", "retry_job", "delete_item") else set()
            for status in sorted(wanted):
                operation["responses"][status] = {"description": ERRORS[status]}
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    answer["content"] = content


@router.get("/openapi.json")
def openapi_json(request: Request) -> Response:
    """For programs."""
    return JSONResponse(openapi(request))


@router.get("/docs")
def docs_page(request: Request) -> Response:
    """For people: every operation with its parameters, fields and answers."""
    document = openapi(request)
    parts = [
        _operation(document, f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    html = PAGE.format(style=STYLE, about=escape(document["info"]["description"]), operations="".join(parts))
    return HTMLResponse(html, headers={"Content-Security-Policy": policy.DOCS_CSP})


def _operation(document: dict[str, Any], head: str, operation: dict[str, Any]) -> str:
    lines = [_line(field["name"], field["in"], field.get("description", "")) for field in operation.get("parameters", ())]
    for body in operation.get("requestBody", {}).get("content", {}).values():
        lines += _fields(document, body["schema"], "body")
    answers = "".join(f"<li>{status} {escape(answer['description'])}</li>" for status, answer in operation["responses"].items())
    about = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in operation.get("description", "").split("\n\n"))
    fields = f"<ul>{''.join(lines)}</ul>" if lines else ""
    title = f"<h2><code>{escape(head)}</code> {escape(operation['summary'])}</h2>"
    return f"<article>{title}{about}{fields}<ul>{answers}</ul></article>"


def _fields(document: dict[str, Any], schema: dict[str, Any], place: str) -> list[str]:
    """A line for each field of a body; a field that holds JSON text is followed by the fields inside it."""
    model = document["components"]["schemas"][schema["$ref"].removeprefix(REFERENCE)] if "$ref" in schema else schema
    lines = []
    for name, field in model["properties"].items():
        need = "Required. " if name in model.get("required", ()) else ""
        lines.append(_line(name, place, need + field.get("description", "")))
        if "contentSchema" in field:
            lines += _fields(document, field["contentSchema"], f"{place}, inside {name}")
    return lines


def _line(name: str, place: str, description: str) -> str:
    return f"<li><code>{escape(name)}</code> ({place}) {escape(description)}</li>"
