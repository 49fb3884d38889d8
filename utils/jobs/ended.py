"""How jobs ended: one line each in `outputs/.ended/<day>.jsonl`, for the operator. No ids, no titles, no words of anybody's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = ".ended"
KEPT_DAYS = 8  # a week and today
MAX_LINE_BYTES = 2_000  # a longer one is none of ours


@dataclass(frozen=True)
class Ended:
    """One job that is over.

    Attributes:
        when: Seconds since the epoch.
        machine: On which it ran.
        pool: `speech` or `transcribe`.
        kind: A key of `kinds.KINDS`.
        state: `done`, `failed` or `cancelled`.
        code: Of the error, or "".
        waited_s: From its submission to its first moment of work.
        ran_s: From then to its end.
        sound_s: Seconds of sound that it made or heard; 0 where that means nothing.
    """

    when: float
    machine: str
    pool: str
    kind: str
    state: str
    code: str
    waited_s: float
    ran_s: float
    sound_s: float


_NAMES = tuple(field.name for field in fields(Ended))


class EndedLog:
    """Appends lines, and reads them. Any number of processes and machines do so at once: a line is one short write."""

    def __init__(self, outputs: Path) -> None:
        self._folder = outputs / FOLDER
        self._offsets: dict[str, int] = {}

    def note(self, ended: Ended) -> None:
        """Append a line. Never raises: a note is not worth a failed job."""
        line = json.dumps(asdict(ended), separators=(",", ":")).encode() + b"\n"
        path = self._folder / f"{_day(ended.when)}.jsonl"
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            is_new = not path.exists()
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)
            if is_new:
                self._forget(ended.when)

    def since(self, when: float) -> Iterator[Ended]:
        """What ended at that time or later, day by day."""
        for path in self._files():
            if path.stem >= _day(when):
                yield from (ended for ended in _parse(_read(path, 0)[0]) if ended.when >= when)

    def news(self) -> list[Ended]:
        """What was appended since the last call of this object; the first call answers what the kept days hold."""
        found: list[Ended] = []
        files = self._files()
        for path in files:
            data, offset = _read(path, self._offsets.get(path.name, 0))
            self._offsets[path.name] = offset
            found += _parse(data)
        self._offsets = {path.name: self._offsets[path.name] for path in files}
        return found

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.jsonl") if path.is_file() and not path.is_symlink())

    def _forget(self, now: float) -> None:
        first = _day(now - (KEPT_DAYS - 1) * 86_400)
        for path in self._files():
            if path.stem < first:
                path.unlink(missing_ok=True)


def _day(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y%m%d")


def _read(path: Path, offset: int) -> tuple[bytes, int]:
    """Whole lines from `offset` on, and the offset behind them."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except OSError:
        return b"", offset
    whole = data[: data.rfind(b"\n") + 1]
    return whole, offset + len(whole)


def _parse(data: bytes) -> Iterator[Ended]:
    for line in data.splitlines():
        if len(line) > MAX_LINE_BYTES:
            continue
        with suppress(ValueError, TypeError, KeyError):
            entry: dict[str, Any] = json.loads(line)
            yield Ended(**{name: entry[name] for name in _NAMES})
