"""The trash: what is removed is renamed into `outputs/.trash` first, so that it is gone in one step, and deleted from there.

An item keeps a name that allows to take it back for a few seconds: `item~<session>~<folder>~<item>~<ms of deletion>`. Everything
else in the trash is dead.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from utils.storage import names, remove
from utils.storage.atomic import Folder
from utils.storage.locks import Busy

UNDO_S = 10.0
_ITEM = "item"
_DEAD = "dead-"
_MANY = 16  # below this, threads cost more than they bring
_THREADS = 4  # deleting waits for the disk


class Trash:
    """What was removed, and for a moment can be taken back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def opened(self) -> Folder:
        """The trash's folder, open; made again when somebody removed it."""
        try:
            return Folder.open(self.folder)
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            return Folder.open(self.folder)

    def take_session(self, outputs: Folder, session_id: str) -> str:
        """Move a session's folder here; its name here. It cannot be taken back, and nor can its items."""
        dead = _DEAD + secrets.token_hex(8)
        self._take(outputs, session_id, dead)
        return dead

    def take_dead_item(self, parent: Folder, item_id: str) -> str:
        """Move an item's folder here for good, because its time was up; its name here. Its parent looks no younger for it."""
        dead, own = _DEAD + secrets.token_hex(8), parent.stat(".")
        self._take(parent, item_id, dead)
        parent.date(".", own.st_mtime)
        return dead

    def forget_items(self, session_id: str) -> None:
        """No item of this session can be taken back any more."""
        for name, *_ in self._items(session_id):
            with suppress(OSError):
                os.rename(self.folder / name, self.folder / (_DEAD + secrets.token_hex(8)))

    def take_item(self, parent: Folder, session_id: str, item_id: str, now: float) -> None:
        """Move an item's folder here, out of `parent`, which is `single` or `bulk` of its session."""
        self._take(parent, item_id, "~".join((_ITEM, session_id, parent.path.name, item_id, str(int(now * 1000)))))

    def _take(self, parent: Folder, name: str, new: str) -> None:
        with self.opened() as trash:
            try:
                parent.rename(name, new, trash)
            except PermissionError as exc:
                if sys.platform == "win32":  # an open file inside keeps the folder where it is
                    raise Busy from exc
                raise

    def give_back(self, session: Folder, item_id: str, now: float) -> str | None:
        """Move an item back into its session; its folder there, or None when it is too late.

        Raises:
            FileExistsError: The id is in use again.
        """
        for name, _, parent, item, when in reversed(self._items(session.path.name)):
            if item != item_id or not _fresh(when, now):
                continue
            with session.sub(parent) as target, self.opened() as trash:
                if target.is_folder(item_id):
                    raise FileExistsError(errno.EEXIST, item_id)
                trash.rename(name, item_id, target)
                target.flush()
            return parent
        return None

    def give_back_all(self, session: Folder, item_ids: Collection[str], now: float) -> list[str]:
        """Move items back into their session; the ids for which it was not too late, and whose id is not in use again."""
        back: list[str] = []
        taken: set[str] = set()
        parents: set[str] = set()
        with self.opened() as trash:
            for name, _, parent, item, when in reversed(self._items(session.path.name)):
                if item not in item_ids or item in taken or not _fresh(when, now):
                    continue
                with suppress(FileNotFoundError), session.sub(parent) as target:
                    if target.is_folder(item):
                        continue
                    trash.rename(name, item, target)
                    back.append(item)
                    taken.add(item)
                    parents.add(parent)
        for parent in parents:
            with session.sub(parent) as target:
                target.flush()
        return back

    def empty(self, now: float) -> int:
        """Delete what nobody can take back any more; the number of entries deleted."""
        waiting = {name for name, _, _, _, when in self._items() if _fresh(when, now)}
        with suppress(FileNotFoundError):
            return self.delete([name for name in os.listdir(self.folder) if name not in waiting])
        return 0

    def delete(self, names_here: Sequence[str]) -> int:
        """Delete these entries of the trash; the number of those that are gone. Many are deleted by several threads."""
        with self.opened() as trash:
            if len(names_here) < _MANY:
                return sum(self._delete(trash, name) for name in names_here)
            with ThreadPoolExecutor(_THREADS, "sotto-trash") as threads:
                return sum(threads.map(lambda name: self._delete(trash, name), names_here))

    def _delete(self, trash: Folder, name: str) -> int:
        try:
            if not name.startswith(_DEAD):  # so that nobody can take it back while half of it is gone
                dead = _DEAD + secrets.token_hex(8)
                trash.rename(name, dead)
                name = dead
            remove.entry(trash, name)
        except (OSError, RecursionError):  # somebody else is at it, or it cannot be deleted now: the next time
            return 0
        return 1

    def _items(self, session_id: str | None = None) -> list[tuple[str, str, str, str, float]]:
        """(name, session, folder, item, seconds of deletion) of what could be taken back, oldest deletion first."""
        found = []
        with suppress(FileNotFoundError):
            for name in os.listdir(self.folder):
                parts = name.split("~")
                if len(parts) != 5 or parts[0] != _ITEM or not (parts[4].isascii() and parts[4].isdigit()):
                    continue
                _, session, folder, item, when = parts
                if session_id in (None, session) and names.is_session_id(session) and names.is_item_id(item):
                    found.append((name, session, folder, item, int(when) / 1000))
        return sorted(found, key=lambda entry: entry[4])


def _fresh(when: float, now: float) -> bool:
    return abs(now - when) <= UNDO_S  # a clock that was set back must not keep the trash for ever
