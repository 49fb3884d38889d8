"""What every sweep leaves behind: one line in `outputs/.sweeps.jsonl`, with numbers only. The file does not grow without end."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from utils.storage.atomic import Folder

FILE = ".sweeps.jsonl"
MOST_BYTES = 256 * 1024  # about 900 lines; then the older half goes
_OPTIONS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class SweepRecord:
    """A sweep as it is remembered: no ids, no titles.

    Attributes:
        when: Its begin, seconds since the epoch.
        server: Host name and process that did it.
        looked_at: Sessions that it found.
        removed: Sessions that went, or would go.
        items_removed: Items that went, or would go, from sessions that stay.
        kept: Sessions that remain.
        active: How many of those are at work or have a page connected.
        odd: Entries that are not ours and were left alone.
        errors: Sessions that could not be looked at or removed.
        freed_bytes: Size of all that went, or would go.
        seconds: How long it took.
        dry_run: Nothing was removed.
    """

    when: float
    server: str
    looked_at: int = 0
    removed: int = 0
    items_removed: int = 0
    kept: int = 0
    active: int = 0
    odd: int = 0
    errors: int = 0
    freed_bytes: int = 0
    seconds: float = 0.0
    dry_run: bool = False


def server_name() -> str:
    """This process among the servers that share a folder."""
    return f"{socket.gethostname()}:{os.getpid()}"


def append(outputs: Folder, record: SweepRecord) -> None:
    """Remember a sweep; the caller is the only one who sweeps now. Raises OSError."""
    line = json.dumps({**asdict(record), "seconds": round(record.seconds, 3)}, ensure_ascii=True).encode("ascii") + b"\n"
    _shorten(outputs)
    with open(os.open(_at(outputs), _OPTIONS, 0o600, dir_fd=outputs.descriptor), "ab", buffering=0) as file:
        file.write(line)


def read(outputs: Path, limit: int) -> list[SweepRecord]:
    """The last sweeps, newest first. Lines that are torn or not ours are left out."""
    found: list[SweepRecord] = []
    with suppress(FileNotFoundError), open(outputs / FILE, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (MOST_BYTES + _TAIL_BYTES)))
        for line in reversed(file.read().splitlines()):
            if len(found) >= limit:
                break
            with suppress(ValueError, TypeError):
                found.append(_record(json.loads(line)))
    return found


def _record(data: dict[str, Any]) -> SweepRecord:
    if not isinstance(data, dict):
        raise TypeError("not a record")
    return SweepRecord(**{field.name: data[field.name] for field in fields(SweepRecord) if field.name in data})


def _shorten(outputs: Folder) -> None:
    """Let the older half go once the file has grown to MOST_BYTES."""
    with suppress(FileNotFoundError):
        if outputs.stat(FILE).st_size >= MOST_BYTES:
            data = outputs.read(FILE)
            outputs.write(FILE, data[data.index(b"\n", len(data) // 2) + 1 :], durable=False)


def _at(outputs: Folder) -> str:
    return FILE if outputs.descriptor is not None else str(outputs.path / FILE)
