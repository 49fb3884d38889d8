"""One session on disk: `session.json` and the folders around it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from utils.errors import BadInput
from utils.storage import locks, names
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, told

SCHEMA = 1
RECORD = "session.json"
PRESENCE = "presence"  # empty; its time says when a page was last known to be connected
PASSING = "passing"  # says that the session is a server's own, for requests of which nothing is kept; see storage.passing
KEPT = "kept"  # empty; says that an item may be one that its owner keeps, so that a sweep looks; the items are the truth
PRESENT_S = 180.0  # a connected page says so every PRESENCE_EVERY_S; two may be lost before it counts as gone
PRESENCE_EVERY_S = 60.0
STATUSES = ("idle", "recording", "processing", "complete", "error")
PREFERENCES_BYTES = 256 * 1024
FOLDERS = ("single", "bulk", "samples")  # where items lie; samples are never listed, their folder is made when needed

# Which folder is locked for what: the session's own by whoever uses it, against the sweep; these two for the rest.
RECORD_LOCK = "single"
LEASE_LOCK = "bulk"


@dataclass(frozen=True)
class Session:
    """A browser's or program's private space.

    Attributes:
        id: UUID4.
        created_at: Seconds since the epoch.
        last_activity: Seconds since the epoch, exact to a minute.
        status: idle, recording, processing, complete or error.
        permanent: Never removed by retention.
        preferences: Plain data of the pages: dictionary, chosen voice, ...
    """

    id: str
    created_at: float
    last_activity: float
    status: str = "idle"
    permanent: bool = False
    preferences: dict[str, Any] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        """The content of `session.json`."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )  # json.loads reads that again

    @classmethod
    def from_bytes(cls, session_id: str, data: bytes) -> Session:
        """The inverse of `as_bytes`. Raises ValueError for anything else, TypeError and KeyError included in it."""
        try:
            found = json.loads(data)
            return cls(
                session_id,
                float(found["created_at"]),
                float(found["last_activity"]),
                str(found.get("status", "idle")),
                bool(found.get("permanent", False)),
                dict(found.get("preferences") or {}),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise ValueError("not a session record") from exc


@dataclass(frozen=True)
class Usage:
    """Bytes on disk of a session, all of its files included, and how many items it has."""

    size_bytes: int
    item_count: int


def create(outputs: Folder, now: float, *, mark: Callable[[Folder], None] | None = None) -> str:
    """Make a new, empty session; it appears whole. With `mark` it is a passing one: that leaves the mark in the folder before it
    can be seen, and nobody wants the session back after a power failure."""
    session_id = str(uuid.uuid4())
    with outputs.building() as (temporary, folder):
        folder.put(RECORD, Session(session_id, now, now).as_bytes(), durable=mark is None, when=now)
        for name in FOLDERS[:2]:
            folder.make(name)
        if mark is not None:
            mark(folder)
        else:
            folder.flush()
        outputs.rename(temporary, session_id)
    if mark is None:
        outputs.flush()
    return session_id


@contextmanager
def opened(outputs: Path, session_id: str) -> Iterator[Folder]:
    """The session's folder, open. Errors of the disk inside the block are told as sentences.

    Raises:
        NotFound: Malformed, unknown, removed, not a real folder, or not made by us.
    """
    if not names.is_session_id(session_id):
        raise no_session()
    with told(no_session()), Folder.open(outputs / session_id) as folder:
        folder.stat(RECORD)  # a folder that we did not make is never adopted
        yield folder


def read(folder: Folder) -> Session:
    """The session of an open folder. Raises ValueError for a damaged record, FileNotFoundError for none."""
    return Session.from_bytes(folder.path.name, folder.read(RECORD))


@contextmanager
def changing(folder: Folder) -> Iterator[None]:
    """One writer of the record at a time."""
    with place(folder, RECORD_LOCK) as single, locks.alone(single):
        yield


def place(session: Folder, name: str) -> Folder:
    """One of FOLDERS, open; made when it is missing."""
    if not session.is_folder(name):
        with suppress(FileExistsError):
            session.make(name)
    return session.sub(name)


def change(folder: Folder, now: float, *, durable: bool = True, **changes: Any) -> Session:
    """Change the record, whole, and note that somebody is here. Raises BadInput for what does not belong in it."""
    if changes.get("status", "idle") not in STATUSES:
        raise BadInput("The status of a session is one of " + ", ".join(STATUSES) + ".")
    with changing(folder):
        try:
            session = replace(read(folder), last_activity=now, **changes)
        except ValueError as exc:  # a damaged record
            raise no_session() from exc
        data = session.as_bytes()
        if "preferences" in changes and len(data) > PREFERENCES_BYTES:
            raise BadInput(f"The preferences of a session may take {PREFERENCES_BYTES // 1024} kB.", "Shorten the dictionary.")
        folder.write(RECORD, data, durable=durable, when=now)
    return session


def note_presence(folder: Folder, now: float) -> None:
    """Note that a page is connected, at most once in PRESENCE_EVERY_S; the caller holds the session."""
    try:
        seen_at = folder.stat(PRESENCE).st_mtime
    except FileNotFoundError:
        with suppress(FileExistsError):  # another tab is quicker
            folder.put(PRESENCE, b"", durable=False)
        seen_at = None
    if seen_at is None or abs(now - seen_at) >= PRESENCE_EVERY_S - 1:
        folder.date(PRESENCE, now)


def ids(outputs: Path, *, passing: bool = False) -> list[str]:
    """All sessions of people and programs, in no order; with `passing` the servers' own instead."""
    with os.scandir(outputs) as entries:
        return [entry.name for entry in entries if names.is_session_id(entry.name) and _is_ours(entry, passing)]


def _is_ours(entry: os.DirEntry[str], passing: bool) -> bool:
    if not entry.is_dir(follow_symlinks=False) or not os.path.lexists(os.path.join(entry.path, RECORD)):
        return False
    return os.path.lexists(os.path.join(entry.path, PASSING)) == passing


def is_passing(folder: Folder) -> bool:
    """Whether an open session folder is a server's own."""
    try:
        folder.stat(PASSING)
    except FileNotFoundError:
        return False
    return True
