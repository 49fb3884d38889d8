"""Items of sessions, many at once: found by words and facts, deleted and taken back together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from utils.errors import AppError, NotFound
from utils.storage import items, search, sessions
from utils.storage.cache import CACHE
from utils.storage.faults import no_item, told
from utils.storage.item_store import ItemStore
from utils.storage.search import Found, Index, Query


class ItemFinder(ItemStore):
    """The part of SessionManager that is about many items."""

    def __init__(self, outputs: Path, quota_bytes: int, clock: Callable[[], float]) -> None:
        super().__init__(outputs, quota_bytes, clock)
        self._index = Index()

    def find_items(self, session_id: str, query: Query) -> Found:
        """What matches, and what there is at all; samples are left out. Raises NotFound."""
        running = frozenset(item_id for _, item_id in self.markers.ids(session_id))
        with sessions.opened(self.outputs, session_id) as session:
            return self._index.find(session, query, running, self.clock())

    def keep_text(self, session_id: str, item_id: str) -> None:
        """Make an item's text ready for searching. Never raises: whatever is missing is made by the first search."""
        with suppress(AppError), self._session(session_id) as session:
            if not sessions.is_passing(session):  # nobody ever searches there
                search.keep(session, items.parent_of(session, item_id), item_id, self.clock())

    def delete_item(self, session_id: str, item_id: str, *, force: bool = False) -> None:
        """As ItemStore has it; what was kept for searching goes at once."""
        super().delete_item(session_id, item_id, force=force)
        self._forget(session_id, [item_id])

    def delete_items(self, session_id: str, item_ids: Iterable[str], *, force: bool = False) -> tuple[list[str], list[str]]:
        """Move many items to the trash, from where they can be taken back for UNDO_S seconds.

        Args:
            session_id: Whose.
            item_ids: Unknown ones are left out.
            force: Also those with open work; else they stay.

        Returns:
            Ids that were deleted, and ids that stay because work on them is open.

        Raises:
            NotFound: There is no such session.
        """
        gone: list[str] = []
        busy: list[str] = []
        now = self.clock()
        with self._session(session_id) as session:
            running = {item_id for _, item_id in self.busy.ids(session_id)}
            for item_id in dict.fromkeys(item_ids):
                if item_id in running and not force:
                    busy.append(item_id)
                    continue
                try:
                    place = items.parent_of(session, item_id)
                    with told(no_item()), session.sub(place) as parent:
                        self._trash.take_item(parent, session_id, item_id, now)
                except NotFound:  # deleted in another tab meanwhile
                    continue
                gone.append(item_id)
            for place in items.LISTED:
                with told(no_item()), session.sub(place) as parent:
                    parent.flush()
        for item_id in gone:
            if item_id in running:
                self.busy.drop(session_id, item_id)
        self._forget(session_id, gone)
        return gone, busy

    def restore_items(self, session_id: str, item_ids: Iterable[str]) -> list[str]:
        """Take deletions back; the ids that are there again. Raises NotFound when it is too late for every one of them."""
        with self._session(session_id) as session:
            back = self._trash.give_back_all(session, set(item_ids), self.clock())
        if not back:
            raise no_item()
        return back

    def clear_caches(self, session_id: str) -> None:
        """Remove what is kept beside the items: pieces of speech, samples of voices, texts for searching. Raises NotFound."""
        with self._session(session_id) as session:
            for name in (CACHE, search.INDEX, "samples"):
                shutil.rmtree(session.path / name, ignore_errors=True)

    def _forget(self, session_id: str, item_ids: Iterable[str]) -> None:
        try:
            with sessions.opened(self.outputs, session_id) as session:
                for item_id in item_ids:
                    search.forget(session, item_id)
        except AppError:  # the session has ended meanwhile, and its texts with it
            return
