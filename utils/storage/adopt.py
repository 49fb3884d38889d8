"""Take files of an older deployment into a session: `python -m utils.storage.adopt <legacy folder> [--session ID] [--apply]`.

Without `--apply` it only says what it would do. Files are copied and the copies are read again and compared by SHA-256; the
originals are never moved, changed or deleted. Once more does no harm: what a session holds already is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from utils.errors import AppError, BadInput, StoreUnavailable
from utils.settings import Settings
from utils.storage import names, sessions, tokens
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, unavailable
from utils.storage.item import ItemFile
from utils.storage.item_store import ItemStore
from utils.storage.transfer import TransferCodes

CHUNK_BYTES = 1 << 20
KINDS: dict[str, tuple[str, str]] = {  # suffix -> (type, role)
    ".mp3": ("audio/mpeg", "source"),
    ".wav": ("audio/wav", "source"),
    ".ogg": ("audio/ogg", "source"),
    ".opus": ("audio/ogg", "source"),
    ".flac": ("audio/flac", "source"),
    ".m4a": ("audio/mp4", "source"),
    ".m4b": ("audio/mp4", "source"),
    ".aac": ("audio/aac", "source"),
    ".webm": ("audio/webm", "source"),
    ".mp4": ("video/mp4", "source"),
    ".txt": ("text/plain; charset=utf-8", "transcript"),
    ".srt": ("application/x-subrip", "subtitles"),
    ".vtt": ("text/vtt", "subtitles"),
    ".json": ("application/json", "transcript"),
    ".csv": ("text/csv; charset=utf-8", "table"),
}
_OPTIONS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Finding:
    """A file of the legacy folder and what becomes of it.

    Attributes:
        name: Relative to the legacy folder.
        size_bytes: As found.
        outcome: `new` (would be adopted), `adopted`, `there` (the session holds it already), or `left`.
        reason: Why it was left, or empty.
    """

    name: str
    size_bytes: int
    outcome: str
    reason: str = ""


def walk(legacy: Path) -> Iterator[tuple[str, Path, str]]:
    """(name, path, why it is left or empty) of every entry below a folder, in order; links are not followed."""
    for folder, folders, files in os.walk(legacy):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]):
            path = Path(folder, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                why = "not a regular file"
            elif name.startswith("."):
                why = "hidden"
            else:
                why = "" if path.suffix.lower() in KINDS else "not a kind of file that Sotto keeps"
            yield path.relative_to(legacy).as_posix(), path, why


def digest(path: Path, write: Callable[[bytes], object] = lambda chunk: None) -> str:
    """SHA-256 of a regular file, never through a link; each chunk is handed to `write`. Raises OSError."""
    found = hashlib.sha256()
    with open(os.open(path, _OPTIONS), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
            write(chunk)
    return found.hexdigest()


def adopted(store: ItemStore, session_id: str) -> set[tuple[str, str]]:
    """(name, SHA-256) of what a session has adopted before."""
    found, _ = store.list_items(session_id, limit=10**9)
    marks = [item.request["adopted"] for item in found if isinstance(item.request.get("adopted"), dict)]
    return {(str(mark.get("name")), str(mark.get("sha256"))) for mark in marks}


def adopt(store: ItemStore, legacy: Path, session_id: str | None, *, apply: bool) -> Iterator[Finding]:
    """Look at every file of a legacy folder and, with `apply`, take it into the session.

    Raises:
        BadInput: The folder is none, or is the outputs folder with its sessions.
        NotFound: There is no such session.
        QuotaExceeded: The session has no room for the next file; what was adopted stays.
    """
    check(store, legacy)
    known = adopted(store, session_id) if session_id else set()
    for name, path, why in walk(legacy):
        size = path.lstat().st_size
        try:
            if why:
                yield Finding(name, size, "left", why)
            elif (name, digest(path)) in known:
                yield Finding(name, size, "there")
            elif not apply or session_id is None:
                yield Finding(name, size, "new")
            else:
                _take(store, session_id, name, path)
                yield Finding(name, size, "adopted")
        except OSError as exc:
            yield Finding(name, size, "left", f"cannot be read: {exc.strerror or type(exc).__name__}")


def check(store: ItemStore, legacy: Path) -> None:
    """Raise BadInput unless this is a folder that may be adopted."""
    if legacy.is_symlink() or not legacy.is_dir():
        raise BadInput("The legacy folder is not there, or is no folder.", "Name the folder that holds the files.")
    inside = legacy.resolve()
    if inside == store.outputs.resolve() or any(names.is_session_id(part) or part == ".trash" for part in inside.parts):
        raise BadInput("This folder holds sessions.", "Name the legacy folder itself, such as outputs/single.")


def _take(store: ItemStore, session_id: str, name: str, path: Path) -> None:
    """Copy one file into a new item, which appears whole. Raises OSError, AppError."""
    place, before = PurePosixPath(name), path.lstat()
    media_type, role = KINDS[place.suffix.lower()]
    title = names.clean_title(": ".join([*place.parts[:-1], place.stem])) or "Untitled"
    with store.incoming(session_id, most_bytes=before.st_size, limit="The file grew while it was copied.") as incoming:
        incoming.expect(before.st_size)
        wanted = digest(path, incoming.write)
        copied = incoming.settle()
        if digest(copied) != wanted or digest(path) != wanted:
            raise StoreUnavailable(f"The copy of {name} is not what was read.", "Look at the disk; the original was not touched.")
        stored = "source" + place.suffix.lower()
        store.create_item(
            session_id,
            folder="single",
            kind="upload",
            title=title,
            request={"adopted": {"name": name, "sha256": wanted, "made_at": before.st_mtime}, "original_name": title},
            built={stored: copied},
            listed=(ItemFile(stored, media_type, before.st_size, role),),
        )


def main(argv: Sequence[str] | None = None, settings: Settings | None = None) -> int:
    """The command; 0 when all went well."""
    parser = argparse.ArgumentParser(prog="python -m utils.storage.adopt", description="Take files of an older deployment in.")
    parser.add_argument("legacy", type=Path, help="folder with the files, such as outputs/single")
    parser.add_argument("--session", help="id of the session that gets them; without it a new, permanent one is made")
    parser.add_argument("--apply", action="store_true", help="do it; without this only what would be done is said")
    asked = parser.parse_args(argv)
    try:
        return _run(asked.legacy.absolute(), asked.session, asked.apply, settings or Settings.load())
    except AppError as exc:
        print(f"{exc.sentence} {exc.hint}", file=sys.stderr)
        return 1


def _run(legacy: Path, session_id: str | None, apply: bool, settings: Settings) -> int:
    outputs = settings.outputs_dir.absolute()
    store = ItemStore(outputs, settings.session_quota_mb * 2**20, time.time)
    check(store, legacy)
    if session_id is not None:
        with sessions.opened(outputs, session_id):
            pass
    elif apply:
        session_id = _new_session(outputs)
    counts = {"new": 0, "adopted": 0, "there": 0, "left": 0}
    size = 0
    for found in adopt(store, legacy, session_id, apply=apply):
        counts[found.outcome] += 1
        size += found.size_bytes if found.outcome in ("new", "adopted") else 0
        print(f"{found.outcome:8} {found.size_bytes:>13,} {found.name}" + (f" ({found.reason})" if found.reason else ""))
    print(f"{', '.join(f'{count} {what}' for what, count in counts.items())}; {size:,} bytes. The originals were not touched.")
    if not apply:
        print("Nothing was done. Say --apply to do it.")
    elif session_id is not None:
        code = TransferCodes(outputs, tokens.signer(outputs, settings.secret_key).key_for("transfer codes"), time.time)
        print(f"Session {session_id}. One-time code to open it in a browser, for five minutes: {code.make(session_id).code}")
    return 0


def _new_session(outputs: Path) -> str:
    """A new session that no sweep removes."""
    try:
        with Folder.open(outputs) as root:
            session_id = sessions.create(root, time.time())
            with root.sub(session_id) as folder:
                sessions.change(folder, time.time(), permanent=True)
    except FileNotFoundError as exc:
        raise no_session() from exc
    except OSError as exc:
        raise unavailable(exc) from exc
    return session_id


if __name__ == "__main__":
    sys.exit(main())
