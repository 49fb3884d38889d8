"""Items on disk: made whole, found by id, listed newest first, changed by replacing `item.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from utils.errors import NotFound
from utils.storage import locks, names
from utils.storage.atomic import Folder
from utils.storage.faults import no_item, told
from utils.storage.item import KINDS, Item, ItemFile
from utils.storage.receive import take
from utils.storage.sessions import FOLDERS, place

RECORD = "item.json"
LISTED = ("single", "bulk")
SAMPLE = "sample"
_FIXED = frozenset({"id", "folder", "kind", "created_at", "schema"})
_TRIES = 1000


def create(
    session: Folder,
    *,
    folder: str,
    kind: str,
    title: str,
    request: dict[str, Any],
    files: Mapping[str, bytes],
    now: float,
    before: Callable[[str], None] = lambda item_id: None,
    built: Mapping[str, Path] = MappingProxyType({}),
    result: dict[str, Any] | None = None,
    listed: Sequence[ItemFile] = (),
    durable: bool = True,
) -> Item:
    """Make an item with its first files; its folder appears whole. `before` is told the id just before that.

    `built` are files of the same session that get a name in the item, too, without being copied; `listed` are the finished ones.
    What is not `durable` need not be there after a power failure.
    """
    if kind not in KINDS or folder not in LISTED:
        raise ValueError(f"unknown kind {kind!r} or folder {folder!r} of an item")
    shown = names.clean_title(title) or "Untitled"
    folder = "samples" if kind == SAMPLE else folder
    facts: dict[str, Any] = {"result": result or {}, "files": tuple(listed)}
    with place(session, folder) as parent, parent.building() as (temporary, building):
        for name, data in files.items():
            building.put(file_name(name), data, durable=durable, when=now)
        for name, path in built.items():
            take(path, building, file_name(name), now)
        for bump in range(_TRIES):
            item = Item(names.item_id(shown, now, bump), folder, kind, shown, now, now, request=request, **facts)
            if any(_has(session, other, item.id) for other in FOLDERS):
                continue
            building.write(RECORD, _data(item), durable=durable, when=now)
            before(item.id)
            try:
                parent.rename(temporary, item.id)  # fails if another process took the id meanwhile: such a folder is not empty
            except OSError:
                if parent.is_folder(item.id):
                    continue
                raise
            if durable:
                parent.flush()
            return item
        raise FileExistsError(shown)


def file_name(name: str) -> str:
    """`name` if the server may give it to a file of an item. Raises NotFound."""
    if not names.is_file_name(name) or name == RECORD:
        raise no_item()
    return name


def parent_of(session: Folder, item_id: str) -> str:
    """`single`, `bulk` or `samples`: where the item lies. Raises NotFound."""
    if names.is_item_id(item_id):
        for folder in FOLDERS:
            if _has(session, folder, item_id):
                return folder
    raise no_item()


@contextmanager
def opened(session: Folder, item_id: str) -> Iterator[Folder]:
    """The item's folder, open. Raises NotFound."""
    with told(no_item()), session.sub(parent_of(session, item_id)) as parent, parent.sub(item_id) as folder:
        yield folder


def read(folder: Folder) -> Item:
    """The item of an open folder. Raises NotFound when it has no readable record."""
    try:
        item = Item.from_dict(json.loads(folder.read(RECORD)))
    except (ValueError, TypeError, AttributeError, RecursionError, FileNotFoundError) as exc:
        raise no_item() from exc
    if item.id != folder.path.name:
        raise no_item()
    return item


def change(folder: Folder, now: float, expect: Callable[[Item], None] | None = None, **changes: Any) -> Item:
    """Replace the record; id, folder, kind and created_at never change, but a recording may become its transcript.

    `expect` is shown the item as it is while nobody else changes it; if it raises, nothing is changed.
    """
    fixed = _FIXED & changes.keys() - ({"kind"} if changes.get("kind") == "transcript" else set())
    if fixed:
        raise ValueError("these fields of an item never change: " + ", ".join(sorted(fixed)))
    if "title" in changes:
        changes["title"] = names.clean_title(changes["title"]) or "Untitled"
    with locks.alone(folder):
        before = read(folder)
        if "kind" in changes and before.kind not in ("recording", "transcript"):
            raise ValueError("only a recording becomes a transcript")
        if expect is not None:
            expect(before)
        item = before.changed(**{"updated_at": now, **changes})
        folder.write(RECORD, _data(item), when=now)
    return item


def ids(session: Folder) -> list[tuple[str, str]]:
    """(folder, id) of all items but samples, newest first."""
    found = []
    for folder in LISTED:
        with suppress(FileNotFoundError, NotADirectoryError), session.sub(folder) as parent:
            found += [(folder, name) for name in parent.names() if names.is_item_id(name)]
    return sorted(found, key=lambda pair: names.by_time(pair[1]), reverse=True)


def any_permanent(session: Folder) -> bool:
    """Whether its owner keeps one of the session's items. Reads items until one is found."""
    return any(item is not None and item.permanent for item in (_peek(session, *pair) for pair in ids(session)))


def page(
    session: Folder, *, kinds: Collection[str] | None, q: str, offset: int, limit: int, known: KindMemo
) -> tuple[list[Item], int]:
    """Some items, newest first, and how many there are in all. Reads only what it must."""
    everything = ids(session)
    if kinds is not None:
        everything = [pair for pair in everything if known.kind(session, *pair) in kinds]
    words = q.casefold().split()
    if not words:
        wanted = everything[offset : offset + limit]
        shown = [item for item in (_peek(session, *pair) for pair in wanted) if item]
        return shown, len(everything) - (len(wanted) - len(shown))
    matching = [item for item in (_peek(session, *pair) for pair in everything) if item and _matches(item, words)]
    return matching[offset : offset + limit], len(matching)


class KindMemo:
    """Remembers kinds of items, which never change but for recordings, so that a filtered list reads each item once a process."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._kinds: dict[tuple[str, str], str] = {}

    def kind(self, session: Folder, folder: str, item_id: str) -> str | None:
        """The kind, or None for what is no item."""
        key = (session.path.name, item_id)
        kind = self._kinds.get(key)
        if kind is None and (item := _peek(session, folder, item_id)):
            if len(self._kinds) >= self._most:
                self._kinds.clear()
            kind = item.kind
            if kind != "recording":
                self._kinds[key] = kind
        return kind


def _peek(session: Folder, folder: str, item_id: str) -> Item | None:
    try:
        with session.sub(folder) as parent, parent.sub(item_id) as item:
            return read(item)
    except (NotFound, FileNotFoundError, NotADirectoryError):  # deleted meanwhile, or not ours
        return None


def _matches(item: Item, words: list[str]) -> bool:
    text = f"{item.title}\n{item.request.get('text', '')}".casefold()
    return all(word in text for word in words)


def _has(session: Folder, folder: str, item_id: str) -> bool:
    return session.is_folder(os.path.join(folder, item_id))


def _data(item: Item) -> bytes:
    return json.dumps(item.as_dict(), ensure_ascii=False).encode("utf-8", "surrogatepass")  # json.loads reads that again
