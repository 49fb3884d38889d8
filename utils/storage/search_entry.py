"""One line of an index of items, and which of them are wanted in which order."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from utils.storage import items
from utils.storage.atomic import Folder
from utils.storage.item import KINDS
from utils.storage.search_texts import fold

STATES = ("running", "done", "failed")
SORTS = ("newest", "oldest", "largest", "title", "expiry")


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
        transcript: Name of the file of a transcript's text that counts; empty for other kinds.
        is_recorded: A transcript that was recorded here: it is found under both kinds.
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
    transcript: str = ""
    is_recorded: bool = False

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
            (not self.kinds or entry.kind in self.kinds or (entry.is_recorded and "recording" in self.kinds))
            and (self.since is None or entry.created_at >= self.since)
            and (self.until is None or entry.created_at < self.until)
            and (not self.engine or entry.engine == self.engine)
            and (not self.state or self.state in entry.states(running))
        )


def read(parent: Folder, name: str) -> Entry | None:
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
            transcript=sys.intern(next((str(file["name"]) for file in files if file["role"] == "transcript"), "")),
            is_recorded=said["kind"] == "transcript" and bool((said.get("request") or {}).get("recording")),
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


def ordered(entries: list[Entry], sort: str) -> list[Entry]:
    if sort == "oldest":
        return entries[::-1]
    if sort == "largest":
        return sorted(entries, key=lambda entry: -entry.size_bytes)
    if sort == "title":
        return sorted(entries, key=lambda entry: fold(entry.title))
    if sort == "expiry":  # what is kept never goes; of the rest what changed longest ago goes first
        return sorted(entries, key=lambda entry: (entry.permanent, entry.updated_at))
    return entries
