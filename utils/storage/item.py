"""One item is one folder: its description (`item.json`), its files, and while work is open its job (`job.json`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

SCHEMA = 1

KINDS = ("speech", "batch", "transcript", "recording", "upload", "sample")  # "sample" is never listed


@dataclass(frozen=True)
class ItemFile:
    """A finished file of an item.

    Attributes:
        name: On disk, made by the server.
        media_type: From our own map, never from a client.
        size_bytes: Bytes on disk.
        role: `audio`, `subtitles`, `peaks`, `source`, `transcript`, `table`, `manifest`.
    """

    name: str
    media_type: str
    size_bytes: int
    role: str


@dataclass(frozen=True)
class Item:
    """What `item.json` says; replaced whole, never edited in place.

    Attributes:
        id: `<YYYYMMDD>-<HHMMSS>-<slug>-<4 hex>`, made by the server.
        folder: `single` or `bulk`.
        kind: One of KINDS.
        title: The user's own words, cleaned (NFC, no control or bidi characters, at most 120 bytes).
        created_at: Seconds since the epoch.
        updated_at: Seconds since the epoch.
        permanent: Never removed by retention.
        request: What was asked, plain data (SpeechRequest.as_dict for speech).
        result: What came of it, plain data: engine, voice, seconds, ... Empty while work is open or after it failed.
        files: Finished files, the main one first.
        schema: Version of this form.
    """

    id: str
    folder: str
    kind: str
    title: str
    created_at: float
    updated_at: float
    permanent: bool = False
    request: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    files: tuple[ItemFile, ...] = ()
    schema: int = SCHEMA

    @property
    def size_bytes(self) -> int:
        """Sum of the finished files."""
        return sum(file.size_bytes for file in self.files)

    def file(self, name: str) -> ItemFile | None:
        """The finished file of that name, or None."""
        return next((file for file in self.files if file.name == name), None)

    def role(self, role: str) -> ItemFile | None:
        """The first finished file with that role, or None."""
        return next((file for file in self.files if file.role == role), None)

    def changed(self, **changes: Any) -> Item:
        """A copy with some fields replaced."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `item.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Item:
        """The inverse of `as_dict`; fields of newer versions are left out."""
        known = {f.name for f in fields(cls)}
        kept = {key: value for key, value in data.items() if key in known}
        kept["files"] = tuple(ItemFile(**file) for file in kept.get("files", ()))
        return cls(**kept)
