"""Finding items: what is worth knowing of each of them in memory, and their texts folded in small files beside them.

`<session>/index/<item id>` holds the folded text of one item, made when somebody first searches and made again when its sources
have changed. It is never the truth: without it a search only takes longer. It dies with its item or its session, and counts in
the session's size.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from utils.errors import AppError
from utils.storage import items, names
from utils.storage.atomic import TEMPORARY, Folder
from utils.storage.search_entry import Entry, Query, ordered, read
from utils.storage.search_texts import fold, sources, text_of

__all__ = ["Entry", "Found", "Index", "Query", "forget", "keep"]

INDEX = "index"
MOST_ENTRIES = 60_000  # of all sessions together that are kept in memory, about 0.7 kB each
RACY_NS = 2_000_000_000  # a folder that changed this short ago may change again without its time moving


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        matching: In the order that was asked for.
        everything: All items of the session, newest first.
        running: Ids of items with open work.
    """

    matching: list[Entry]
    everything: list[Entry]
    running: frozenset[str]


@dataclass(frozen=True)
class _There:
    """What a search of texts must know besides: which items live, which are worked on, and the time."""

    living: Collection[str]
    running: Collection[str]
    when: float


class _Known:
    """What is remembered of one session."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: dict[str, tuple[int, Entry | None]] = {}  # id -> time of its folder, what was read then
        self.listed: list[Entry] = []


class Index:
    """Remembers what items say, and reads again only those whose folder has changed. One a process."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Known] = OrderedDict()

    def find(self, session: Folder, query: Query, running: frozenset[str], when: float) -> Found:
        """Search an open session folder; `when` becomes the time of files that are made for it."""
        everything = self.entries(session)
        matching = [entry for entry in everything if query.fits(entry, running)] if query.narrows else everything
        words = [word.encode("utf-8", "surrogatepass") for word in fold(query.q).split()]
        if words:
            matching = _with_words(session, matching, words, _There({entry.id for entry in everything}, running, when))
        return Found(ordered(matching, query.sort), everything, running)

    def entries(self, session: Folder) -> list[Entry]:
        """All items, newest first. The list is shared: not to be changed."""
        known = self._known(session.path.name)
        with known.lock:
            if _refresh(session, known):
                found = (entry for _, entry in known.entries.values() if entry)
                known.listed = sorted(found, key=lambda entry: names.by_time(entry.id), reverse=True)
            return known.listed

    def _known(self, session_id: str) -> _Known:
        with self._lock:
            known = self._sessions.setdefault(session_id, _Known())
            self._sessions.move_to_end(session_id)
            total = sum(len(kept.entries) for kept in self._sessions.values())
            while total > self._most and len(self._sessions) > 1:
                _, dropped = self._sessions.popitem(last=False)
                total -= len(dropped.entries)
            return known


def keep(session: Folder, place: str, item_id: str, when: float) -> None:
    """Make an item's text ready for searching before anybody asks, such as at the end of work on it."""
    with ExitStack() as stack:
        index, parent = _opened(stack, session), stack.enter_context(session.sub(place))
        entry = read(parent, item_id)
        if index is not None and entry is not None:
            _text(parent, index, entry, when)


def forget(session: Folder, item_id: str) -> None:
    """Remove what was kept of an item's text."""
    with suppress(OSError), session.sub(INDEX) as index:
        os.unlink(index.path / item_id)


def _refresh(session: Folder, known: _Known) -> bool:
    """Read what is new or has changed; whether anything had. One look at each item's folder, the rest from memory."""
    entries, now_ns, changed = known.entries, time.time_ns(), False
    seen: set[str] = set()
    for place in items.LISTED:
        with suppress(FileNotFoundError, NotADirectoryError), session.sub(place) as parent:
            for name in parent.names():
                kept = entries.get(name)
                if kept is None and not names.is_item_id(name):
                    continue
                try:
                    facts = parent.stat(name)
                except FileNotFoundError:  # deleted in this moment
                    continue
                seen.add(name)
                moved = facts.st_mtime_ns
                if kept is None or kept[0] != moved:
                    entry = read(parent, name) if stat.S_ISDIR(facts.st_mode) else None
                    changed = changed or kept is None or kept[1] != entry
                    entries[name] = (0 if abs(now_ns - moved) < RACY_NS else moved, entry)
    gone = entries.keys() - seen if len(entries) > len(seen) else ()
    for name in list(gone):
        del entries[name]
    return changed or bool(gone)


def _version(parent: Folder, entry: Entry) -> bytes:
    """Names the state of the files that an item's text is made from."""
    found = []
    for name in sources(entry.kind, entry.transcript):
        with suppress(FileNotFoundError):
            facts = parent.stat(f"{entry.id}/{name}")
            found.append(f"{name} {facts.st_ino:x} {facts.st_mtime_ns:x} {facts.st_size:x}")
    return " ".join(found).encode() + b"\n"


def _with_words(session: Folder, entries: list[Entry], words: list[bytes], there: _There) -> list[Entry]:
    found = []
    with ExitStack() as stack:
        index = _opened(stack, session)
        parents = {place: stack.enter_context(session.sub(place)) for place in items.LISTED if session.is_folder(place)}
        for entry in entries:
            title = fold(entry.title).encode("utf-8", "surrogatepass")
            missing = [word for word in words if word not in title]
            if missing:
                text = _text(parents[entry.folder], None if entry.id in there.running else index, entry, there.when)
                missing = [word for word in missing if word not in text]
            if not missing:
                found.append(entry)
        if index is not None:
            for name in index.names():
                if name not in there.living and not name.startswith(TEMPORARY):
                    with suppress(OSError):
                        os.unlink(index.path / name)
    return found


def _opened(stack: ExitStack, session: Folder) -> Folder | None:
    """The folder of texts; None where it cannot be made, such as on a full disk."""
    try:
        with suppress(FileExistsError):
            session.make(INDEX)
        return stack.enter_context(session.sub(INDEX))
    except OSError:
        return None


def _text(parent: Folder, index: Folder | None, entry: Entry, when: float) -> bytes:
    """The folded text of an item; kept in `index` if there is one."""
    with suppress(OSError):
        head = _version(parent, entry)
        if index is not None:
            with suppress(OSError):
                kept = index.read(entry.id)
                if kept.startswith(head):
                    return kept[len(head) :]
        with suppress(AppError), parent.sub(entry.id) as folder:  # deleted in this moment
            text = fold(text_of(folder, items.read(folder))).encode("utf-8", "surrogatepass")
            if index is not None:
                with suppress(OSError):  # a full disk must not keep anybody from finding
                    index.write(entry.id, head + text, durable=False, when=when)
            return text
    return b""
