"""The route of recordings that come in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from utils.api import arriving
from utils.api.idempotency import KEYED
from utils.api.identity import Caller, Here
from utils.api.schemas import ItemOut
from utils.api.transcript_schemas import Uploaded
from utils.errors import BadInput

router = APIRouter(tags=["transcripts"])

_BODY: dict[str, Any] = {
    "parameters": [
        {
            "name": "X-File-Name",
            "in": "header",
            "required": False,
            "description": "The file's name, percent-encoded, where the body is the file itself.",
            "schema": {"type": "string"},
            "example": "interview%20one.mp3",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "Any recording or video."}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary", "description": "The file itself."}},
        },
    },
}


@router.post("/upload", dependencies=KEYED, status_code=201, summary="Upload a recording", openapi_extra=_BODY)
async def upload(request: Request, response: Response, services: Here, session_id: Caller) -> Uploaded:
    """Streamed to the session's disk and kept as an item of the kind `upload`. Up to MAX_UPLOAD_MB.

    A form with one `file`, or the file itself with its name in `X-File-Name`. Whether it is a recording is found out by opening
    it, whatever it is called; if it is none, the answer is 415 with the reason and nothing is kept.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        arrived = await arriving.form(request, services, session_id, one=True)
        if arrived.refused and not arrived.items:
            raise arrived.refused[0].error
        if not arrived.items:
            raise BadInput("The part 'file' with the recording is missing.", "Send multipart/form-data with that part.")
        item = arrived.items[0]
    else:
        item = await arriving.raw(request, services, session_id)
    response.headers["Location"] = f"/api/v1/items/{item.id}"
    return Uploaded(item=ItemOut.of(item), session=session_id)
