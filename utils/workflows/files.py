"""What was made: list it, open it, rename it, keep it, delete it, take it away as a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

from utils.errors import BadInput, Conflict, NotFound
from utils.services import Services
from utils.storage import archive, names
from utils.storage.archive import Entry as Content
from utils.storage.item import Item
from utils.storage.search import Entry, Query
from utils.workflows import batches
from utils.workflows.answers import FileAnswer


@dataclass(frozen=True)
class Deleted:
    """Ids of what was deleted, and of what stays because work on it is open."""

    gone: list[str]
    busy: list[str]


@dataclass(frozen=True)
class Listing:
    """One page of items, newest first, and how many there are in all."""

    items: list[Item]
    total: int


def listing(
    services: Services, session_id: str, *, kinds: tuple[str, ...] | None = None, q: str = "", offset: int = 0, limit: int = 50
) -> Listing:
    """One page of a session's items, newest first."""
    if q.strip():
        return search(services, session_id, Query(q, kinds or ()), offset=offset, limit=limit)
    items, total = services.sessions.list_items(session_id, kinds=kinds, offset=offset, limit=limit)
    return Listing(items, total)


def search(services: Services, session_id: str, query: Query, *, offset: int = 0, limit: int = 50) -> Listing:
    """One page of what matches. Raises NotFound when the session has ended."""
    found = services.sessions.find_items(session_id, query)
    return Listing(shown(services, session_id, found.matching[max(0, offset) : max(0, offset) + limit]), len(found.matching))


def shown(services: Services, session_id: str, entries: Sequence[Entry]) -> list[Item]:
    """The items themselves, as they are now; what was deleted in this moment is left out."""
    items = []
    for entry in entries:
        with suppress(NotFound):
            items.append(services.sessions.get_item(session_id, entry.id))
    return items


def get(services: Services, session_id: str, item_id: str) -> Item:
    """One item. Raises NotFound."""
    return services.sessions.get_item(session_id, item_id)


def rename(services: Services, session_id: str, item_id: str, title: str) -> Item:
    """Give an item another title. Raises NotFound, BadInput for an empty one."""
    return change(services, session_id, item_id, title=title)


def change(
    services: Services,
    session_id: str,
    item_id: str,
    *,
    title: str | None = None,
    permanent: bool | None = None,
    expect: Callable[[Item], None] | None = None,
) -> Item:
    """Change what is given, at once.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_id: Which.
        title: Another one, or None.
        permanent: As `keep`, or None.
        expect: Looks at the item while nobody else changes it; if it raises, nothing is changed.

    Raises:
        NotFound: There is no such item.
        BadInput: The title is empty.
    """
    item = services.sessions.get_item(session_id, item_id)
    changes: dict[str, str | bool] = {} if permanent is None else {"permanent": permanent}
    if title is not None:
        changes["title"] = names.clean_title(title)
        if not changes["title"]:
            raise BadInput("The title is empty.", "Type at least one letter.")
    if not changes:
        if expect is not None:
            expect(item)
        return item
    return services.sessions.update_item(session_id, item_id, expect=expect, **changes)


def keep(services: Services, session_id: str, item_id: str, permanent: bool) -> Item:
    """Mark an item as never to be removed by retention, or take the mark away. Raises NotFound."""
    return services.sessions.update_item(session_id, item_id, permanent=permanent)


def delete(services: Services, session_id: str, item_id: str, *, force: bool = False) -> None:
    """Delete an item; it can be taken back for a few seconds. Work on it is cancelled first when `force`.

    Raises:
        NotFound: unknown or somebody else's.
        Conflict: its job is still open and `force` is off.
    """
    if force and any(job.id == item_id for job in services.jobs.of_session(session_id, open_only=True)):
        services.jobs.cancel(session_id, item_id)
    services.sessions.delete_item(session_id, item_id, force=force)


def undo(services: Services, session_id: str, item_id: str) -> Item:
    """Take a deletion back. Raises NotFound when it is too late."""
    return services.sessions.restore_item(session_id, item_id)


def delete_many(services: Services, session_id: str, item_ids: Iterable[str], *, force: bool = False) -> Deleted:
    """Delete many items; all of them can be taken back together for a few seconds.

    Args:
        services: As everywhere.
        session_id: Whose.
        item_ids: Unknown ones are left out.
        force: Cancel work on them first; without it they stay.
    """
    wanted = list(item_ids)
    if force:
        _cancel(services, session_id, set(wanted))
    return Deleted(*services.sessions.delete_items(session_id, wanted, force=force))


def _cancel(services: Services, session_id: str, item_ids: Collection[str]) -> None:
    for job in services.jobs.of_session(session_id, open_only=True):
        if job.id in item_ids:
            with suppress(Conflict, NotFound):  # over in this moment
                services.jobs.cancel(session_id, job.id)


def undo_many(services: Services, session_id: str, item_ids: Iterable[str]) -> list[str]:
    """Take deletions back; the ids that are there again. Raises NotFound when it is too late for all of them."""
    return services.sessions.restore_items(session_id, item_ids)


def keep_many(services: Services, session_id: str, item_ids: Iterable[str], permanent: bool) -> int:
    """Mark many items as never to be removed by retention, or take the mark away; how many there were."""
    count = 0
    for item_id in item_ids:
        with suppress(NotFound):
            if services.sessions.get_item(session_id, item_id).permanent != permanent:
                keep(services, session_id, item_id, permanent)
            count += 1
    return count


def clear(services: Services, session_id: str) -> Deleted:
    """Delete every item of a session, cancelling work first; the session stays and can be used at once."""
    _cancel(services, session_id, {job.id for job in services.jobs.of_session(session_id, open_only=True)})
    everything = services.sessions.find_items(session_id, Query()).everything
    deleted = Deleted(*services.sessions.delete_items(session_id, [entry.id for entry in everything], force=True))
    services.sessions.clear_caches(session_id)
    return deleted


@dataclass(frozen=True)
class ZipAnswer:
    """What a ZIP holds, and what the person's computer shall call it."""

    entries: list[Content]
    download_name: str

    @property
    def content_bytes(self) -> int:
        """Sum of what is inside."""
        return sum(entry.size_bytes for entry in self.entries)


def zip_of(services: Services, session_id: str, item_id: str) -> ZipAnswer:
    """Everything of one item; of a batch that is still spoken, what is finished. Raises NotFound."""
    item = services.sessions.get_item(session_id, item_id)
    name_of_zip = names.download_name(item.title, ".zip")
    if item.kind == "batch":
        return ZipAnswer(batches.zip_entries(services, session_id, item_id), name_of_zip)
    folder = services.sessions.item_path(session_id, item_id)
    kept = [file.name for file in item.files if file.role != "peaks" and names.is_file_name(file.name)]
    found = [(names.download_name(item.title, PurePath(name).suffix), folder / name) for name in kept]
    return ZipAnswer(archive.entries(found), name_of_zip)


def file_answer(services: Services, session_id: str, item_id: str, name: str) -> FileAnswer:
    """Where a finished file of an item lies and how to serve it. Raises NotFound."""
    path = services.sessions.file_path(session_id, item_id, name)
    item = services.sessions.get_item(session_id, item_id)
    file = item.file(name)
    media_type = file.media_type if file else "application/octet-stream"
    return FileAnswer.of(path, media_type, names.download_name(item.title, path.suffix))
