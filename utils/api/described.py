"""The OpenAPI document: what FastAPI finds out by itself, and what it cannot know.

Added here: how errors look and which can happen, examples, links from one answer to the next request, headers, who may ask,
and the few addresses outside of the routes' app.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from utils.api import described_errors
from utils.api.bulk_schemas import BulkOptions
from utils.api.described_examples import REFERENCE, NoExampleError, example_of
from utils.api.described_links import links_of
from utils.api.described_words import (
    EVENTS_LIKE,
    GOOD,
    HEADERS,
    OPERATOR,
    OWN_HEADERS,
    PARAMETERS,
    SCHEMES,
    SECURITY,
    SESSION,
    TAGS,
)
from utils.api.schemas import Problem
from utils.api.server_schemas import OpenAiError, Ready, Up
from utils.api.transcript_schemas import TranscriptionBody
from utils.errors import NotFound

UNTOLD = "Successful Response"  # what the framework says where nobody said more
JSON, EVENTS = "application/json", "text/event-stream"
MODELS: tuple[type[BaseModel], ...] = (Problem, OpenAiError, BulkOptions, TranscriptionBody, Up, Ready)  # no route's by themselves


def document_of(api: FastAPI) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(
        title=api.title,
        version=api.version,
        summary="A private speech studio: text to speech, recordings to text.",
        description=api.description,
        routes=api.routes,
        tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        servers=[{"url": "/", "description": "This server."}],
    )
    document["paths"] |= _outside()
    _complete_components(document["components"])
    known = frozenset(operation["operationId"] for _, _, operation in operations(document))
    for path, method, operation in operations(document):
        _complete_answers(path, method, operation)
        _complete_parameters(operation)
        _complete_security(path, operation)
    _give_examples(document)
    for _, _, operation in operations(document):
        _link(operation, known)
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _complete_components(components: dict[str, Any]) -> None:
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own form, which we never answer
        schemas.pop(name, None)
    for model in MODELS:
        own = model.model_json_schema(ref_template=REFERENCE + "{model}")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    components["securitySchemes"] = SCHEMES
    components["examples"] = described_errors.examples()
    components["headers"] = {
        name: {"description": about, "schema": {"type": "string"}, "example": example} for name, (about, example) in HEADERS.items()
    }


def _complete_answers(path: str, method: str, operation: dict[str, Any]) -> None:
    """Errors by the rules instead of the framework's guess, and headers."""
    told: dict[str, Any] = operation["responses"]
    told.pop("422", None)
    kinds = described_errors.kinds_of(path, method, operation)
    told |= described_errors.answers(kinds, openai=path.startswith("/v1/"))
    for status, answer in told.items():
        if answer["description"] == UNTOLD:
            answer["description"] = GOOD[str(status)]
        if EVENTS in answer.get("content", {}):  # a schema would be that of a single event
            answer["content"][EVENTS] = {"example": EVENTS_LIKE.get(operation["operationId"], "")}
    own = dict(OWN_HEADERS.get(operation["operationId"], {}))
    if "304" in told:
        own = {"200": ("ETag",), "304": ("ETag",)} | own
    for status, names in own.items():
        headers = told[status].setdefault("headers", {})
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if any(field["name"] == described_errors.KEY for field in operation.get("parameters", ())):
        for status in (status for status in told if status.startswith("2")):
            told[status].setdefault("headers", {})["Idempotent-Replayed"] = {"$ref": "#/components/headers/Idempotent-Replayed"}
    operation["responses"] = {status: told[status] for status in sorted(told)}


def _complete_parameters(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        about, example = PARAMETERS.get((parameter["in"], parameter["name"]), ("", None))
        if not parameter.get("description") and about:
            parameter["description"] = about
        if example is not None and "example" not in parameter and "default" not in parameter["schema"]:
            parameter["example"] = example


def _complete_security(path: str, operation: dict[str, Any]) -> None:
    if path.startswith("/v1/"):
        operation["security"] = [{"key": []}, {}]
    elif "security" in operation:
        operation["security"] = SECURITY.get(operation["operationId"], SESSION)


def _link(operation: dict[str, Any], known: frozenset[str]) -> None:
    """Links on the good answers that hold what they take; some operations have answers of two forms."""
    for status, answer in operation["responses"].items():
        example = answer.get("content", {}).get(JSON, {}).get("example")
        links = links_of(operation["operationId"], known, example) if status.startswith("2") else {}
        if links:
            answer["links"] = links


def _give_examples(document: dict[str, Any]) -> None:
    """A whole example for every model, every request and every answer that is JSON."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if schema.get("type") == "object" and "examples" not in schema:
            schema |= {f"{key}s": [value] for key, value in _example(schema, schemas, name).items()}
    for _, _, operation in operations(document):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in contents:
            told = content.get(JSON)
            if told and not {"example", "examples"} & set(told):
                told |= _example(told["schema"], schemas)


def _example(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> dict[str, Any]:
    """Better a description without an example than none at all; a test asks for each of them."""
    with suppress(NoExampleError):
        return {"example": example_of(schema, schemas, name)}
    return {}


def _outside() -> dict[str, Any]:
    """What stands beside the routes' app, because it is asked by programs that watch the server."""

    def answers(model: str, *statuses: tuple[str, str]) -> dict[str, Any]:
        content = {JSON: {"schema": {"$ref": REFERENCE + model}}}
        return {status: {"description": about, "content": content} for status, about in statuses}

    def get(name: str, summary: str, about: str, responses: dict[str, Any]) -> dict[str, Any]:
        told = {"tags": ["server"], "summary": summary, "description": about, "operationId": name, "responses": responses}
        return {"get": told}

    failing = "Something that the server needs does not work; the same shape."
    text = {"text/plain": {"schema": {"type": "string"}, "example": "sotto_sessions 3.0\n"}}
    gone = described_errors.answers([NotFound], openai=False)
    metrics = get(
        "metrics",
        "Figures for Prometheus",
        "For the operator; everybody else is told that it is not there. Names no session, no title and no path.",
        {"200": {"description": "The figures.", "content": text}, **gone},
    )
    metrics["get"]["security"] = OPERATOR  # any; the table says which
    return {
        "/healthz": get("health", "Whether the server is up", "Looks at nothing else.", answers("Up", ("200", "It is up."))),
        "/readyz": get(
            "readiness",
            "What works here, and what does not",
            "Names no paths, addresses or keys.",
            answers("Ready", ("200", "All that is wanted works."), ("503", failing)),
        ),
        "/metrics": metrics,
    }
