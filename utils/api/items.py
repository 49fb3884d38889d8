"""Routes of items and their files."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from utils.api import conditional, policy
from utils.api.held import HeldFile, open_held
from utils.api.identity import Caller, Here
from utils.api.intake import HEAD
from utils.api.schemas import ItemChange, ItemOut, ItemPage
from utils.api.streamed import Streamed
from utils.errors import BadInput
from utils.storage import archive, names, search
from utils.storage.item import KINDS, Item
from utils.workflows import collect, files, versions
from utils.workflows.answers import FileAnswer

router = APIRouter(tags=["items"])

MAX_PAGE = 1_000_000
_BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
_ANY: dict[str, Any] = {"*/*": {}}  # bytes of any kind, JSON among them
FILE_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"description": "The bytes.", "content": _ANY},
    206: {"description": "The range that was asked for.", "content": _ANY},
    304: {"description": "The client has this version."},
    416: {"description": "The range lies outside of the file."},
}


def may_be_inline(media_type: str, name: str) -> bool:
    """Whether a file may be shown in place instead of being downloaded: sound, and what our player reads beside it."""
    return media_type.startswith("audio/") or name == "player.json" or (media_type == "text/vtt" and name.endswith(".vtt"))


Kinds = Annotated[list[str] | None, Query(description=f"Only these kinds: {', '.join(KINDS[:-1])}.", max_length=8)]
Words = Annotated[str, Query(max_length=200, description="Only items whose title, names or text hold all of these words.")]
When = "Seconds since 1970, or a date or time as in ISO 8601; without a zone it is UTC."
Since = Annotated[str, Query(alias="from", max_length=40, description=f"Made then or later. {When}")]
Until = Annotated[str, Query(alias="to", max_length=40, description="Made before then; a date counts until its end.")]
Engine = Annotated[str, Query(max_length=100, description="Label of the engine that made it.")]
State = Annotated[Literal["", "running", "done", "failed"], Query(description="`failed` counts batches with failed rows, too.")]
Sort = Annotated[Literal["newest", "oldest", "largest", "title", "expiry"], Query()]


def wanted(
    kind: Kinds = None,
    q: Words = "",
    since: Since = "",
    until: Until = "",
    engine: Engine = "",
    state: State = "",
    sort: Sort = "newest",
) -> search.Query:
    """The query that the address asks for."""
    return search.Query(q, tuple(kind or ()), moment(since), moment(until, end=True), engine, state, sort)


Wanted = Annotated[search.Query, Depends(wanted)]


def moment(text: str, *, end: bool = False) -> float | None:
    """A time from an address in seconds since the epoch, None for an empty one. Raises BadInput.

    Args:
        text: As `When` says.
        end: A date means its end.
    """
    if not text:
        return None
    wrong = BadInput("The time cannot be read.", "Send seconds since 1970, or a date such as 2026-11-21.")
    with suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
        raise wrong
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        whole_day = timedelta(days=1) if end and len(text) == len("2026-11-21") else timedelta()
        return (found + whole_day).timestamp()
    except (ValueError, OverflowError) as exc:
        raise wrong from exc


@router.get("/items", summary="List this session's items")
def list_items(
    services: Here,
    session_id: Caller,
    query: Wanted,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """Newest first, unless `sort` says otherwise."""
    listing = files.search(services, session_id, query, offset=(page - 1) * per_page, limit=per_page)
    return ItemPage(items=[ItemOut.of(item) for item in listing.items], total=listing.total, page=page, per_page=per_page)


@router.get(
    "/items.zip",
    summary="Many items as one ZIP",
    response_class=Response,
    responses={200: {"description": "The archive.", "content": {"application/zip": {"schema": _BYTES}}}},
)
def items_zip(
    request: Request,
    services: Here,
    session_id: Caller,
    query: Wanted,
    ids: Annotated[str, Query(max_length=20_000, description="Ids with commas between, also as `<time>-<last four>`.")] = "",
) -> Response:
    """Streamed from disk, not compressed, with `manifest.csv`; without `ids` everything that the query matches.

    The length is not told: an item is read when its turn comes.
    """
    named = [name for name in ids.split(",") if name]
    collect.check_ids(named)
    chosen = collect.chosen(services, session_id, named, query)
    found = [] if request.scope.get(HEAD) else chosen
    chunks = archive.stream(collect.contents(services, session_id, found))
    return Streamed(chunks, None, "application/zip", private_headers("Sotto files.zip"))


@router.get("/items/{item_id}", summary="One item", response_model=ItemOut, responses=conditional.KNOWN)
def get_item(
    item_id: str, services: Here, session_id: Caller, response: Response, if_none_match: conditional.IfNoneMatch = None
) -> ItemOut | Response:
    """Another session's item is answered as if it never existed. `ETag` names the version, for `If-Match`."""
    item = files.get(services, session_id, item_id)
    return conditional.told(ItemOut.of(item), if_none_match, response, version(item))


@router.patch("/items/{item_id}", summary="Rename or keep an item", responses=conditional.CHANGED)
def change_item(
    item_id: str,
    body: ItemChange,
    services: Here,
    session_id: Caller,
    response: Response,
    if_match: conditional.IfMatch = None,
) -> ItemOut:
    """Changes the title, the mark that keeps it, or both."""

    def expect(item: Item) -> None:
        conditional.check(if_match, version(item), "item")

    item = files.change(services, session_id, item_id, title=body.title, permanent=body.permanent, expect=expect)
    response.headers["ETag"] = version(item)
    return ItemOut.of(item)


def version(item: Item) -> str:
    """The ETag of an item's description."""
    return versions.tag(json.dumps(item.as_dict(), sort_keys=True))


@router.delete("/items/{item_id}", status_code=204, summary="Delete an item", responses=conditional.CHANGED)
def delete_item(
    item_id: str,
    services: Here,
    session_id: Caller,
    force: Annotated[bool, Query(description="Cancel its job first; without it an open job is a conflict.")] = False,
    if_match: conditional.IfMatch = None,
) -> Response:
    """It is gone at once, and can be taken back for ten seconds."""
    if if_match is not None:
        conditional.check(if_match, version(files.get(services, session_id, item_id)), "item")
    files.delete(services, session_id, item_id, force=force)
    return Response(status_code=204)


@router.post("/items/{item_id}/restore", summary="Take a deletion back")
def restore_item(item_id: str, services: Here, session_id: Caller) -> ItemOut:
    """404 when it is too late."""
    return ItemOut.of(files.undo(services, session_id, item_id))


@router.get("/items/{item_id}/files/{name}", summary="A file of an item", response_class=Response, responses=FILE_RESPONSES)
def get_file(
    item_id: str,
    name: str,
    services: Here,
    session_id: Caller,
    inline: Annotated[bool, Query(description="Show it in place; only for sound and what the player reads.")] = False,
) -> Response:
    """The bytes from disk, as an attachment. Understands `Range`, `If-Range` and `If-None-Match`."""
    answer = files.file_answer(services, session_id, item_id, name)
    return served(answer, inline and may_be_inline(answer.media_type, name))


def served(answer: FileAnswer, in_place: bool) -> HeldFile:
    """A finished file as an answer that no cache keeps and no browser runs."""
    return HeldFile(open_held(answer.path), answer.media_type, private_headers(answer.download_name, in_place))


def private_headers(download_name: str, in_place: bool = False) -> dict[str, str]:
    """Headers of everything that belongs to one session."""
    return {
        "Content-Disposition": names.content_disposition(download_name, in_place),
        "Content-Security-Policy": policy.FILE_CSP,
        "Cache-Control": "private, no-store",
    }
