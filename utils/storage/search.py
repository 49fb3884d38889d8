"""Finding items: what is worth knowing of each of them in memory, and their texts folded in small files beside them.

`<session>/index/<item id>` holds the folded text of one item, made when somebody first searches and made again when its sources
have changed. It is never the truth: without it a search only takes longer. It dies with its item or its session, and counts in
the session's size.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from utils.errors import AppError
from utils.storage import items, names
from utils.storage.atomic import TEMPORARY, Folder
from utils.storage.item import KINDS
from utils.storage.search_texts import SOURCES, fold, text_of

INDEX = "index"
STATES = ("running", "done", "failed")
SORTS = ("newest", "oldest", "largest", "title", "expiry")
MOST_ENTRIES = 60_000  # of all sessions together that are kept in memory, about 0.7 kB each
RACY_NS = 2_000_000_000  # a folder that changed this short ago may change again without its time moving


@dataclass(frozen=True, slots=True)
class Entry:
    """What lists, sorts and sums need of an item.

    Attributes:
        id: Of the item.
        folder: `single` or `bulk`.
        kind: One of item.KINDS.
        title: As shown.
        created_at: Seconds since the epoch.
        updated_at: Seconds since the epoch.
        permanent: Never removed by retention.
        size_bytes: Of its files; of a batch with all of its sounds.
        engine: Label of the engine that made it, or empty.
        is_made: It has a result or files, open work aside.
        failures: Rows of a batch that failed.
    """

    id: str
    folder: str
    kind: str
    title: str
    created_at: float
    updated_at: float
    permanent: bool
    size_bytes: int
    engine: str
    is_made: bool
    failures: int

    def states(self, running: Collection[str]) -> tuple[str, ...]:
        """Under which of STATES it is found; a batch that is done but for some rows under two."""
        if self.id in running:
            return ("running",)
        if not self.is_made:
            return ("failed",)
        return ("done", "failed") if self.failures else ("done",)


@dataclass(frozen=True)
class Query:
    """Which items are wanted, and in which order.

    Attributes:
        q: Words that title, names or text must all contain; letter case and accents aside.
        kinds: Only these; empty = all.
        since: Made at this time or later, seconds since the epoch.
        until: Made before this time.
        engine: Label of the engine; empty = any.
        state: One of STATES; empty = any.
        sort: One of SORTS.
    """

    q: str = ""
    kinds: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    engine: str = ""
    state: str = ""
    sort: str = "newest"

    @property
    def narrows(self) -> bool:
        """Something but the words leaves items out."""
        return bool(self.kinds or self.engine or self.state) or self.since is not None or self.until is not None

    def fits(self, entry: Entry, running: Collection[str]) -> bool:
        """Everything but the words."""
        return (
            (not self.kinds or entry.kind in self.kinds)
            and (self.since is None or entry.created_at >= self.since)
            and (self.until is None or entry.created_at < self.until)
            and (not self.engine or entry.engine == self.engine)
            and (not self.state or self.state in entry.states(running))
        )


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
        return Found(_sorted(matching, query.sort), everything, running)

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
        entry = _read(parent, item_id)
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
                    entry = _read(parent, name) if stat.S_ISDIR(facts.st_mode) else None
                    changed = changed or kept is None or kept[1] != entry
                    entries[name] = (0 if abs(now_ns - moved) < RACY_NS else moved, entry)
    gone = entries.keys() - seen if len(entries) > len(seen) else ()
    for name in list(gone):
        del entries[name]
    return changed or bool(gone)


def _read(parent: Folder, name: str) -> Entry | None:
    """What an item's record says. Read leniently and quickly: what is served is read again by items.read."""
    try:
        said = json.loads(parent.read(f"{name}/{items.RECORD}"))
        if said["id"] != name or said["kind"] not in KINDS:
            return None
        result: dict[str, Any] = said.get("result") or {}
        files: list[dict[str, Any]] = said.get("files") or []
        is_batch = said["kind"] == "batch"
        return Entry(
            id=name,
            folder=parent.path.name,
            kind=sys.intern(said["kind"]),
            title=str(said["title"]),
            created_at=float(said["created_at"]),
            updated_at=float(said["updated_at"]),
            permanent=bool(said.get("permanent")),
            size_bytes=_size(parent, name) if is_batch else sum(int(file["size_bytes"]) for file in files),
            engine=sys.intern(str(result.get("engine_label") or result.get("engine") or "")),
            is_made=bool(result or files),
            failures=int(result.get("failed") or 0) if is_batch else 0,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):  # deleted meanwhile, or not ours
        return None


def _size(parent: Folder, name: str) -> int:
    total = 0
    with parent.sub(name) as folder:
        for file in folder.names():
            with suppress(FileNotFoundError):
                total += folder.stat(file).st_size
    return total


def _version(parent: Folder, entry: Entry) -> bytes:
    """Names the state of the files that an item's text is made from."""
    found = []
    for name in SOURCES.get(entry.kind, (items.RECORD,)):
        with suppress(FileNotFoundError):
            facts = parent.stat(f"{entry.id}/{name}")
            found.append(f"{name} {facts.st_ino:x} {facts.st_mtime_ns:x} {facts.st_size:x}")
    return " ".join(found).encode() + b"\n"


def _sorted(entries: list[Entry], sort: str) -> list[Entry]:
    if sort == "oldest":
        return entries[::-1]
    if sort == "largest":
        return sorted(entries, key=lambda entry: -entry.size_bytes)
    if sort == "title":
        return sorted(entries, key=lambda entry: fold(entry.title))
    if sort == "expiry":  # what is kept never goes; of the rest what changed longest ago goes first
        return sorted(entries, key=lambda entry: (entry.permanent, entry.updated_at))
    return entries


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
