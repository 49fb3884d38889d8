"""What can be asked next: links from an answer to the operations that take something out of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_JOB_AND_ITEM = (
    "get_job",
    "job_events",
    "cancel_job",
    "retry_job",
    "get_item",
    "change_item",
    "delete_item",
    "restore_item",
    "item_zip",
)
_SPOKEN = ("get_file", "check_speech")
_HEARD = (
    "get_transcript",
    "put_transcript",
    "undo_correction",
    "redo_correction",
    "transcript_file",
    "transcribe_again",
    "transcripts_zip",
)
_ROWS = ("list_rows", "retry_rows", "check_rows", "row_audio", "edit_row")

# Operation -> where its answer holds an id -> the operations that take it.
LINKS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "open_session": {"session_id": ("delete_session",)},
        "session_info": {"current_session_id": ("delete_session",)},
        "make_code": {"code": ("redeem_code",)},
        "make_speech": {"item/id": (*_JOB_AND_ITEM, *_SPOKEN)},
        "make_batch": {"item/id": (*_JOB_AND_ITEM, *_ROWS)},
        "upload": {"item/id": ("get_item", "change_item", "delete_item", "item_zip", "make_transcripts", "get_file")},
        "make_transcripts": {"items/0/id": (*_JOB_AND_ITEM, *_HEARD)},
        "list_items": {"items/0/id": (*_JOB_AND_ITEM, *_SPOKEN, *_HEARD, *_ROWS)},
        "list_jobs": {"jobs/0/id": _JOB_AND_ITEM},
        "change_item": {"id": ("get_item", "delete_item")},
        "get_item": {"id": ("get_file", "change_item", "delete_item", "restore_item")},
        "check_speech": {"id": ("get_transcript", "get_job")},
        "list_rows": {"item/id": ("row_audio", "edit_row", "retry_rows")},
    }
)
ID_OF: Mapping[str, str] = MappingProxyType(  # operation -> the parameter that takes the id, where it is not item_id
    dict.fromkeys(("get_job", "job_events", "cancel_job", "retry_job"), "job_id")
    | {"delete_session": "session_id", "transcripts_zip": "ids"}
)
FIXED: Mapping[str, Mapping[str, Any]] = MappingProxyType(  # what else a link gives
    {
        "row_audio": {"number": "1"},
        "edit_row": {"number": "1"},
        "transcript_file": {"form": "srt"},
        "delete_item": {"force": "true"},
    }
)
FILE_NAME: Mapping[str, str] = MappingProxyType(  # operation -> where its answer holds the name of a file
    {
        "make_speech": "item/files/0/name",
        "upload": "item/files/0/name",
        "list_items": "items/0/files/0/name",
        "get_item": "files/0/name",
    }
)
BODIES: Mapping[str, str] = MappingProxyType({"redeem_code": "code", "make_transcripts": "item_id"})  # the id goes into the body


def links_of(operation_id: str, known: frozenset[str], example: Any) -> dict[str, dict[str, Any]]:
    """The links of an operation's good answer, to operations that are known, as far as the answer holds what they take."""
    links: dict[str, dict[str, Any]] = {}
    for place, targets in LINKS.get(operation_id, {}).items():
        if isinstance(example, dict) and place.partition("/")[0] in example:
            links |= {target: _link(operation_id, place, target) for target in targets if target in known}
    return links


def _link(source: str, place: str, target: str) -> dict[str, Any]:
    expression = f"$response.body#/{place}"
    if target in BODIES:
        return {"operationId": target, "requestBody": {BODIES[target]: expression}}
    parameters: dict[str, Any] = {ID_OF.get(target, "item_id"): expression, **FIXED.get(target, {})}
    if target == "get_file":
        parameters["name"] = f"$response.body#/{FILE_NAME[source]}"
    return {"operationId": target, "parameters": parameters}
