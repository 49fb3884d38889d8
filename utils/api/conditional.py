"""Conditional requests on JSON: nothing is sent that the client has, nothing is changed that it has not seen."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel

from utils.errors import PreconditionFailed
from utils.workflows import versions

MAX_CHARS = 1_000

IfMatch = Annotated[
    str | None, Header(max_length=MAX_CHARS, description="Only if it is still this version (the `ETag` of its `GET`).")
]
IfNoneMatch = Annotated[str | None, Header(max_length=MAX_CHARS, description="Versions that you have; 304 if it is one of them.")]
KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "You have this version."}}
CHANGED: dict[int | str, dict[str, Any]] = {412: {"description": "Changed meanwhile."}}

Model = TypeVar("Model", bound=BaseModel)


def told(model: Model, if_none_match: str | None, response: Response, etag: str = "") -> Model | Response:
    """What a route answers to a GET: the model with its ETag, or 304.

    Args:
        model: As it is now.
        if_none_match: The header, or None.
        response: Whose headers the answer gets.
        etag: The model's version where it is known; "" makes one from all of it.
    """
    etag = etag or versions.tag(model.model_dump_json())
    if if_none_match is not None and versions.is_known(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return model


def check(if_match: str | None, etag: str, what: str) -> None:
    """Raise PreconditionFailed unless the header is not there, or names this version.

    Args:
        if_match: The header, or None.
        etag: The version that is there.
        what: Of what, for the sentence.
    """
    if if_match is not None and not versions.matches(if_match, etag):
        raise PreconditionFailed(
            f"The {what} was changed meanwhile, perhaps in another tab.", "Load it again and repeat your change."
        )
