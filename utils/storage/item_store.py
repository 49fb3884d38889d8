"""Items of sessions: made, found, listed, changed, deleted and taken back, with their files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from utils.errors import Conflict
from utils.storage import files, items, locks, receive, sessions
from utils.storage.base import Store
from utils.storage.cache import CACHE_BYTES, FolderCache
from utils.storage.faults import no_item, no_session, told
from utils.storage.item import Item, ItemFile
from utils.storage.made import Made, tell


class ItemStore(Store):
    """The part of SessionManager that is about items."""

    def __init__(self, outputs: Path, quota_bytes: int, clock: Callable[[], float]) -> None:
        super().__init__(outputs, quota_bytes, clock)
        self._kinds = items.KindMemo()

    def create_item(
        self,
        session_id: str,
        *,
        folder: str,
        kind: str,
        title: str,
        request: dict[str, Any],
        files: Mapping[str, bytes] | None = None,
        marked: bool = False,
        built: Mapping[str, Path] | None = None,
        result: dict[str, Any] | None = None,
        listed: Sequence[ItemFile] = (),
    ) -> Item:
        """Make an item; its folder appears whole, with `files` (such as `job.json`) inside.

        With `marked` it has open work from the first moment: the marker is there before the item can be seen. `built` are files of
        this session, such as a received one, that get a name in the item as well, without being copied. `listed` are the files that
        are finished from the first moment.

        Raises:
            NotFound: There is no such session, or a built file is gone.
            QuotaExceeded: No room is left in it.
        """
        first, given, told_last = dict(files or {}), list[str](), list[str]()

        def before(item_id: str) -> None:
            tell(session_id, Made(item_id, instead_of=told_last[-1] if told_last else ""))
            told_last.append(item_id)
            if marked:
                self.markers.add(session_id, item_id)
                given.append(item_id)

        with self._session(session_id) as session:
            self.check_quota(session_id, sum(map(len, first.values())))
            options: dict[str, Any] = {"folder": folder, "kind": kind, "title": title, "request": request}
            options |= {"built": built or {}, "result": result, "listed": listed, "durable": not sessions.is_passing(session)}
            try:
                return items.create(session, **options, files=first, now=self.clock(), before=before)
            except BaseException:
                for item_id in given[-1:]:
                    self.markers.drop(session_id, item_id)
                raise

    @contextmanager
    def incoming(self, session_id: str, *, most_bytes: int, limit: str) -> Iterator[receive.Incoming]:
        """A file to be received into this session; at the end all that no item has taken is gone. Holds a lease meanwhile.

        Args:
            session_id: Whose.
            most_bytes: Longest file.
            limit: The sentence for a longer one.
        """
        with ExitStack() as stack:
            with told(no_session()):
                session = self._lease(stack, session_id)
                file = receive.Incoming(
                    session, most_bytes=most_bytes, limit=limit, check_quota=lambda extra: self.check_quota(session_id, extra)
                )
            stack.callback(file.remove)
            yield file

    def get_item(self, session_id: str, item_id: str) -> Item:
        """One item. Raises NotFound for unknown, malformed, removed and foreign ones alike."""
        with sessions.opened(self.outputs, session_id) as session, items.opened(session, item_id) as folder:
            return items.read(folder)

    def list_items(
        self, session_id: str, *, kinds: Collection[str] | None = None, q: str = "", offset: int = 0, limit: int = 50
    ) -> tuple[list[Item], int]:
        """Items newest first, samples left out, and how many match in all.

        Args:
            session_id: Whose.
            kinds: Only these; None = all.
            q: Words that the title or text must contain, letter case aside.
            offset: Matches to leave out at the start.
            limit: Most items in the answer.
        """
        with sessions.opened(self.outputs, session_id) as session:
            return items.page(session, kinds=kinds, q=q, offset=max(0, offset), limit=max(0, limit), known=self._kinds)

    def update_item(self, session_id: str, item_id: str, *, expect: Callable[[Item], None] | None = None, **changes: Any) -> Item:
        """Change title, permanent, request, result or files; the record is replaced whole. Raises NotFound.

        `expect` looks at the item just before; if it raises, nothing is changed.
        """
        if changes.get("permanent"):
            with self._session(session_id) as session:
                session.write(sessions.KEPT, b"", when=self.clock())
        with self._item(session_id, item_id) as folder:
            return items.change(folder, self.clock(), expect, **changes)

    def item_path(self, session_id: str, item_id: str) -> Path:
        """The item's folder. Raises NotFound."""
        with sessions.opened(self.outputs, session_id) as session, items.opened(session, item_id) as folder:
            return folder.path

    def file_path(self, session_id: str, item_id: str, name: str) -> Path:
        """Where a finished file lies: one that the item lists, a regular file and no link. Raises NotFound."""
        with sessions.opened(self.outputs, session_id) as session, items.opened(session, item_id) as folder:
            return files.finished(folder, items.read(folder), name)

    def write_file(self, session_id: str, item_id: str, name: str, data: bytes, *, durable: bool = True) -> Path:
        """Make or replace a file of an item, whole or not at all. Raises NotFound, StoreUnavailable."""
        with self._item(session_id, item_id) as folder:
            folder.write(items.file_name(name), data, durable=durable, when=self.clock())
            return folder.path / name

    @contextmanager
    def alone(self, session_id: str, item_id: str) -> Iterator[Path]:
        """The item's folder while nobody else changes it; inside, `update_item` would wait for ever. Raises NotFound."""
        with ExitStack() as stack:
            with told(no_item()):
                folder = stack.enter_context(items.opened(self._hold(stack, session_id), item_id))
                stack.enter_context(locks.alone(folder))
            yield folder.path

    @contextmanager
    def scratch(self, session_id: str, item_id: str) -> Iterator[Path]:
        """A folder inside the item for work in progress, removed at the end whatever happens. Holds a lease meanwhile."""
        with ExitStack() as stack:
            with told(no_session()), items.opened(self._lease(stack, session_id), item_id) as folder:
                work = files.new_scratch(folder)
            stack.callback(shutil.rmtree, work, ignore_errors=True)
            yield work

    def publish(self, session_id: str, item_id: str, built: Path, name: str) -> Path:
        """Move a finished file from scratch into the item, flushed to the disk; replaces an older one of that name."""
        with self._item(session_id, item_id) as folder:
            files.publish(folder, {items.file_name(name): built}, self.clock())
            return folder.path / name

    def publish_all(self, session_id: str, item_id: str, built: Mapping[str, Path]) -> None:
        """As `publish`, for several files by name; the folder is flushed only once, after the last one."""
        with self._item(session_id, item_id) as folder:
            files.publish(folder, {items.file_name(name): path for name, path in built.items()}, self.clock())

    def remove_files(self, session_id: str, item_id: str, names: Collection[str]) -> None:
        """Remove files of an item that it does not list any more; those that are gone already do no harm."""
        with self._item(session_id, item_id) as folder:
            listed = {file.name for file in items.read(folder).files}
            for name in set(names) - listed:
                with suppress(FileNotFoundError):
                    (folder.path / items.file_name(name)).unlink()

    def clear_scratch(self, session_id: str, item_id: str) -> None:
        """Remove scratch folders that killed work has left in an item, for whoever knows that nobody else works on it."""
        with self._item(session_id, item_id) as folder:
            files.clear_scratch(folder)

    def delete_item(self, session_id: str, item_id: str, *, force: bool = False) -> None:
        """Move an item to the trash, from where it can be taken back for UNDO_S seconds.

        Raises:
            NotFound: There is none of that id.
            Conflict: Its job is open and `force` is off.
        """
        with self._session(session_id) as session:
            place = items.parent_of(session, item_id)
            if not force and self.busy.has(session_id, item_id):
                raise Conflict("Work on this item is still running.", "Cancel it first.")
            with told(no_item()), session.sub(place) as parent:
                self._trash.take_item(parent, session_id, item_id, self.clock())
                parent.flush()
        self.busy.drop(session_id, item_id)

    def restore_item(self, session_id: str, item_id: str) -> Item:
        """Take a deletion back. Raises NotFound when it is too late, Conflict when the id is in use again."""
        with self._session(session_id) as session:
            try:
                place = self._trash.give_back(session, item_id, self.clock())
            except FileExistsError as exc:
                raise Conflict("An item of this name is there again.", "Delete that one first.") from exc
            if place is None:
                raise no_item()
            return self.get_item(session_id, item_id)

    def cache(self, session_id: str) -> FolderCache:
        """The session's own cache of pieces (a PieceCache); a passing session keeps none. Raises NotFound."""
        with sessions.opened(self.outputs, session_id) as session:
            return FolderCache(self.outputs, session_id, 0 if sessions.is_passing(session) else CACHE_BYTES)
