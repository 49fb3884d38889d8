"""ZIP of many files as a stream: stored, not compressed (speech is compressed already), flat memory, first byte at once."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CHUNK_BYTES = 512 * 1024
IN_MEMORY_BYTES = 25 * 2**20  # a ZIP up to this may be built in memory for st.download_button
_ZIP64_FROM = 0x7FFF_FFFF  # zipfile writes ZIP64 sizes from here on
_LOCAL, _CENTRAL, _END, _END64, _DESCRIPTOR, _DESCRIPTOR64, _EXTRA_LOCAL64 = 30, 46, 22, 56 + 20, 16, 24, 20
_FIRST_DOS_YEAR = 1980


@dataclass(frozen=True)
class Entry:
    """One file of the archive.

    Attributes:
        name: Inside the archive; made by us, `/` between folders.
        source: A finished file, or the bytes themselves.
        modified: Seconds since the epoch.
    """

    name: str
    source: Path | bytes
    modified: float = 0.0

    @property
    def size_bytes(self) -> int:
        """Length of the content."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


class Taken:
    """Names that are given already; equal ones differ by more than letter case (as on Windows)."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in names}
        self._numbers: dict[tuple[str, tuple[str, ...]], int] = {}  # last number given, so that 5,000 equal names stay quick

    def stem(self, stem: str, suffixes: Sequence[str] = ("",)) -> str:
        """`stem`, numbered where it or one of its names with a suffix is taken; all of them are taken from now on."""
        key = (stem.casefold(), tuple(suffixes))
        number = self._numbers.get(key, 1)
        candidate = stem if number == 1 else f"{stem} ({number})"
        while any((candidate + suffix).casefold() in self._taken for suffix in suffixes):
            number += 1
            candidate = f"{stem} ({number})"
        self._numbers[key] = number
        self._taken.update((candidate + suffix).casefold() for suffix in suffixes)
        return candidate


def unique(names: Iterable[str]) -> list[str]:
    """The same names, later ones numbered where an earlier one is equal without regard to case."""
    taken = Taken()
    paths = ((name, PurePosixPath(name)) for name in names)
    return [taken.stem(name[: len(name) - len(path.suffix)], (path.suffix,)) + path.suffix for name, path in paths]


def entries(files: Iterable[tuple[str, Path]]) -> list[Entry]:
    """Entries for (name, file), with unique names; a file that is gone is left out."""
    found = []
    for name, path in files:
        try:
            found.append((name, path, path.stat().st_mtime))
        except FileNotFoundError:  # deleted or spoken again in this moment
            continue
    chosen = unique(name for name, _, _ in found)
    return [Entry(name, path, modified) for name, (_, path, modified) in zip(chosen, found, strict=True)]


class _Pipe(io.RawIOBase):
    """What zipfile writes into and the stream reads from. It cannot seek, so zipfile puts sizes behind each file."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0  # bytes

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self.waiting += len(part)
        return len(part)

    def taken(self) -> Iterator[bytes]:
        """What was written since the last call: small parts joined, large ones as they are."""
        parts, self._parts, self.waiting = self._parts, [], 0
        small: list[bytes] = []
        for part in parts:
            if len(part) < CHUNK_BYTES:
                small.append(part)
                continue
            if small:
                yield b"".join(small)
                small = []
            yield part
        if small:
            yield b"".join(small)


def stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive in chunks of about CHUNK_BYTES, the first one with the first file's first bytes.

    A file that has vanished raises FileNotFoundError: a broken download, never a wrong archive.
    """
    pipe, least = _Pipe(), 1
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            with archive.open(_info(entry), "w", force_zip64=entry.size_bytes >= _ZIP64_FROM) as out:
                for chunk in _content(entry):
                    out.write(chunk)
                    if pipe.waiting >= least:
                        least = CHUNK_BYTES
                        yield from pipe.taken()
    yield from pipe.taken()


def _content(entry: Entry) -> Iterator[bytes]:
    if isinstance(entry.source, bytes):
        yield entry.source
        return
    with entry.source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            os.stat(entry.source, follow_symlinks=False)  # deleted meanwhile: nothing more of it leaves the server
            yield chunk


def _info(entry: Entry) -> zipfile.ZipInfo:
    when = time.localtime(entry.modified)
    date = when[:6] if when.tm_year >= _FIRST_DOS_YEAR else (_FIRST_DOS_YEAR, 1, 1, 0, 0, 0)
    info = zipfile.ZipInfo(entry.name, date)
    info.external_attr = 0o644 << 16
    return info


def size(entries: Sequence[Entry]) -> int:
    """Exact length of `stream(entries)` in bytes, without reading a file."""
    total = central = 0
    for entry in entries:
        name, length = len(entry.name.encode("utf-8")), entry.size_bytes
        large = length >= _ZIP64_FROM
        offset64 = total >= _ZIP64_FROM
        size64 = length > _ZIP64_FROM
        extra = (4 + (16 if size64 else 0) + (8 if offset64 else 0)) if size64 or offset64 else 0
        central += _CENTRAL + name + extra
        total += _LOCAL + name + (_EXTRA_LOCAL64 if large else 0) + length + (_DESCRIPTOR64 if large else _DESCRIPTOR)
    if len(entries) > 0xFFFF or total > _ZIP64_FROM or central > _ZIP64_FROM:
        central += _END64
    return total + central + _END


def small(entries: Sequence[Entry]) -> bytes:
    """The whole archive in memory; for at most IN_MEMORY_BYTES."""
    return b"".join(stream(entries))
