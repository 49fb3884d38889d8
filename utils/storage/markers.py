"""The index of open work: one empty file `outputs/.open/<session>~<item>` a job that is not over."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from utils.errors import StoreUnavailable
from utils.storage import names
from utils.storage.faults import no_item, told

_MARK = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


class Markers:
    """Which items have unfinished work. A session with a marker is active: never swept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, session_id: str, item_id: str) -> Path:
        """Where the marker lies or would lie. Raises NotFound for malformed ids."""
        if not names.is_session_id(session_id) or not names.is_item_id(item_id):
            raise no_item()
        return self.folder / f"{session_id}~{item_id}"

    def add(self, session_id: str, item_id: str) -> None:
        """Mark an item as having open work; once more does no harm."""
        path = self.path(session_id, item_id)
        with told(StoreUnavailable("OUTPUTS_DIR is gone.", "Put it back and start again.")):
            try:
                os.close(os.open(path, _MARK, 0o600))
            except FileNotFoundError:  # somebody removed the folder
                self.folder.mkdir(mode=0o700, exist_ok=True)
                os.close(os.open(path, _MARK, 0o600))

    def drop(self, session_id: str, item_id: str) -> None:
        """The work is over; once more does no harm."""
        with told(no_item()), suppress(FileNotFoundError):
            self.path(session_id, item_id).unlink()

    def has(self, session_id: str, item_id: str) -> bool:
        """The item has open work."""
        return self.path(session_id, item_id).exists()

    def ids(self, session_id: str | None = None) -> list[tuple[str, str]]:
        """Pairs (session id, item id) of open work, oldest first; of one session if given."""
        found = []
        with suppress(FileNotFoundError):
            for name in os.listdir(self.folder):
                session, mark, item = name.partition("~")
                if mark and session_id in (None, session) and names.is_session_id(session) and names.is_item_id(item):
                    found.append((session, item))
        return sorted(found, key=lambda pair: names.by_time(pair[1]))

    def sessions(self) -> set[str]:
        """Sessions with open work."""
        return {session for session, _ in self.ids()}

    def drop_session(self, session_id: str) -> None:
        """Forget all open work of a session."""
        for session, item in self.ids(session_id):
            self.drop(session, item)


class Busy(Markers):
    """Several indexes seen as one: what retention and deletion leave alone."""

    def __init__(self, *parts: Markers) -> None:
        super().__init__(parts[0].folder)
        self._parts = parts

    def drop(self, session_id: str, item_id: str) -> None:
        """Out of every index."""
        for part in self._parts:
            part.drop(session_id, item_id)

    def has(self, session_id: str, item_id: str) -> bool:
        """In any of them."""
        return any(part.has(session_id, item_id) for part in self._parts)

    def sessions(self) -> set[str]:
        """In any of them."""
        return {session for part in self._parts for session in part.sessions()}

    def ids(self, session_id: str | None = None) -> list[tuple[str, str]]:
        """In any of them, oldest first."""
        found = {pair for part in self._parts for pair in part.ids(session_id)}
        return sorted(found, key=lambda pair: names.by_time(pair[1]))
