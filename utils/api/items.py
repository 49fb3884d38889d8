"""Routes of items and their files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from utils.api import policy
from utils.api.held import HeldFile, open_held
from utils.api.identity import Caller, Here
from utils.api.schemas import ItemChange, ItemOut, ItemPage
from utils.storage import names
from utils.storage.item import KINDS
from utils.workflows import files
from utils.workflows.answers import FileAnswer

router = APIRouter(tags=["items"])

MAX_PAGE = 1_000_000
FILE_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"description": "The bytes.", "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "The range that was asked for."},
    304: {"description": "The client has this version."},
    416: {"description": "The range lies outside of the file."},
}


def may_be_inline(media_type: str, name: str) -> bool:
    """Whether a file may be shown in place instead of being downloaded: sound, and what our player reads beside it."""
    return media_type.startswith("audio/") or name == "player.json" or (media_type == "text/vtt" and name.endswith(".vtt"))


@router.get("/items", summary="List this session's items")
def list_items(
    services: Here,
    session_id: Caller,
    kind: Annotated[list[str] | None, Query(description=f"Only these kinds: {', '.join(KINDS[:-1])}.", max_length=8)] = None,
    q: Annotated[str, Query(max_length=200, description="Only items whose title holds this.")] = "",
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """Newest first."""
    kinds = tuple(kind) if kind else None
    listing = files.listing(services, session_id, kinds=kinds, q=q, offset=(page - 1) * per_page, limit=per_page)
    return ItemPage(items=[ItemOut.of(item) for item in listing.items], total=listing.total, page=page, per_page=per_page)


@router.get("/items/{item_id}", summary="One item")
def get_item(item_id: str, services: Here, session_id: Caller) -> ItemOut:
    """Another session's item is answered as if it never existed."""
    return ItemOut.of(files.get(services, session_id, item_id))


@router.patch("/items/{item_id}", summary="Rename or keep an item")
def change_item(item_id: str, body: ItemChange, services: Here, session_id: Caller) -> ItemOut:
    """Changes the title, the mark that keeps it, or both."""
    item = files.get(services, session_id, item_id)
    if body.title is not None:
        item = files.rename(services, session_id, item_id, body.title)
    if body.permanent is not None:
        item = files.keep(services, session_id, item_id, body.permanent)
    return ItemOut.of(item)


@router.delete("/items/{item_id}", status_code=204, summary="Delete an item")
def delete_item(
    item_id: str,
    services: Here,
    session_id: Caller,
    force: Annotated[bool, Query(description="Cancel its job first; without it an open job is a conflict.")] = False,
) -> Response:
    """It is gone at once, and can be taken back for ten seconds."""
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
