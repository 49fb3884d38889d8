"""Multipart bodies whose parts stay in memory. The framework's own parser would spool them into the system's temporary folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from anyio import to_thread
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from utils.api.problems import BadRequest
from utils.errors import BadInput, UnsupportedMedia

MAX_FIELD_BYTES = 1024 * 1024
MAX_PARTS = 20
_NEVER = 2**31  # bytes after which a part would leave the memory; the intake has counted the body before


class _InMemory(MultiPartParser):
    spool_max_size = _NEVER


@dataclass(frozen=True)
class Form:
    """A parsed body.

    Attributes:
        fields: Name -> text.
        files: Name -> (file name as the sender called it, bytes).
    """

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def file(self, name: str) -> tuple[str, bytes]:
        """The file of that name. Raises BadInput."""
        try:
            return self.files[name]
        except KeyError:
            raise BadInput(f"The part {name!r} with the file is missing.", "Send multipart/form-data with that part.") from None


async def parse(headers: Headers, body: bytes) -> Form:
    """Parse a whole body.

    Raises:
        UnsupportedMedia: It is not multipart.
        BadRequest: It is damaged or has too many parts.
    """
    if not headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMedia("The body is not a form with a file.", "Send it as multipart/form-data.")

    # In a thread of its own loop: the parser never waits, and a body made for it keeps it busy for seconds.
    return await to_thread.run_sync(lambda: asyncio.run(_parsed(headers, body)))


async def _parsed(headers: Headers, body: bytes) -> Form:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    # Only the boundary of what the sender says: some character sets take quadratic time to decode, and forms are UTF-8.
    _, told = parse_options_header(headers["content-type"])
    try:
        kind = Headers(raw=[(b"content-type", b'multipart/form-data; boundary="' + told[b"boundary"] + b'"')])
        parser = _InMemory(kind, once(), max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=MAX_FIELD_BYTES)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as exc:  # KeyError: no boundary
        raise BadRequest("The body cannot be read as a form.", "Check its boundary and its length.") from exc
    parsed = Form()
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            parsed.files[name] = (value.filename or "", await value.read())
        else:
            parsed.fields[name] = value
    await form.close()
    return parsed
