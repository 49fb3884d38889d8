"""Recordings as they arrive: a body is cut into its parts while it is received, and each file goes to the session's disk at once.

Nothing is spooled: memory holds a few hundred kilobytes of a body whatever its length, and no temporary folder is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

import anyio
from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from utils.api.problems import BadRequest, RequestTooSlow
from utils.errors import AppError, RecordingTooLong, TooLarge, UnsupportedMedia
from utils.services import Services
from utils.storage.item import Item
from utils.workflows import uploads

GATHERED_BYTES = 256 * 1024  # written at one time: a thread for every packet would cost more than the disk
SILENCE_S = 60.0  # a body that brings nothing for this long is given up
MAX_FILES = 32
MAX_FIELDS = 32
MAX_FIELD_BYTES = 64 * 1024
MAX_HEADER_BYTES = 8 * 1024
NAME_HEADER = "x-file-name"
HALF = "The body ended before it was complete."


@dataclass(frozen=True)
class RefusedFile:
    """One file of several that is no recording; the others go on without it."""

    name: str
    error: AppError


@dataclass
class Arrived:
    """What a body held.

    Attributes:
        items: Files that are recordings now, in order.
        refused: Files that are none.
        fields: Name -> text of the other parts.
    """

    items: list[Item] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


class Form:
    """Cuts a multipart body. Everything runs in a worker thread: writing, and looking into a file that is complete."""

    def __init__(self, services: Services, session_id: str, boundary: bytes, expected_bytes: int | None) -> None:
        self.arrived = Arrived()
        self._services = services
        self._session_id = session_id
        self._expected_bytes = expected_bytes
        self._open = ExitStack()
        self._upload: uploads.Upload | None = None
        self._headers: dict[str, str] = {}
        self._header, self._value = bytearray(), bytearray()
        self._name = ""
        self._text: bytearray | None = None
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._add(self._header, data[start:end]),
                "on_header_value": lambda data, start, end: self._add(self._value, data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": lambda data, start, end: self._data(data[start:end]),
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(data)
        except FormParserError as exc:
            raise _unreadable() from exc

    def finish(self) -> Arrived:
        """The body is over. Raises BadRequest when it broke off."""
        if not self._ended:
            raise BadRequest(HALF, "Send it again.")
        return self.arrived

    def close(self) -> None:
        """Remove what is not complete."""
        self._upload = None
        self._open.close()

    # ---- the parser's calls

    def _begin(self) -> None:
        self._headers, self._name, self._text = {}, "", None
        self._header, self._value = bytearray(), bytearray()

    def _add(self, target: bytearray, data: bytes) -> None:
        target += data
        if len(target) > MAX_HEADER_BYTES:
            raise _unreadable()

    def _header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._header, self._value = bytearray(), bytearray()
        if len(self._headers) > MAX_FIELDS:
            raise _unreadable()

    def _headers_end(self) -> None:
        _, told = parse_options_header(self._headers.get("content-disposition", "").encode("utf-8", "replace"))
        self._name = told.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in told:
            self._text = bytearray()
            if len(self.arrived.fields) >= MAX_FIELDS:
                raise BadRequest(f"The form has more than {MAX_FIELDS} fields.")
            return
        if len(self.arrived.items) + len(self.arrived.refused) >= MAX_FILES:
            raise BadRequest(f"The form has more than {MAX_FILES} files.", "Send them in several requests.")
        name = told[b"filename"].decode("utf-8", "replace")
        receiving = uploads.receive(self._services, self._session_id, name, self._expected_bytes)
        self._upload = self._open.enter_context(receiving)

    def _data(self, data: bytes) -> None:
        if self._upload is not None:
            self._upload.write(data)
        elif self._text is not None:
            self._text += data
            if len(self._text) > MAX_FIELD_BYTES:
                raise TooLarge(f"A field of the form is longer than {MAX_FIELD_BYTES // 1024} kB.", "Shorten it.")

    def _part_end(self) -> None:
        if self._upload is None:
            if self._text is not None:
                self.arrived.fields[self._name] = self._text.decode("utf-8", "replace")
            return
        upload, self._upload = self._upload, None
        try:
            self.arrived.items.append(upload.finish())
        except (UnsupportedMedia, RecordingTooLong) as error:
            self.arrived.refused.append(RefusedFile(upload.name, error))
        finally:
            self._open.close()

    def _end(self) -> None:
        self._ended = True


async def form(request: Request, services: Services, session_id: str, *, one: bool = False) -> Arrived:
    """All of a multipart body; when it cannot be taken whole, nothing of it stays.

    Args:
        request: Its body is read here.
        services: As everywhere.
        session_id: Whose files they will be.
        one: A single file is expected, so that one that is announced as too long is refused before it is received.

    Raises:
        UnsupportedMedia: It is not multipart.
        BadRequest: It is damaged, or ends too early.
        TooLarge: A file is longer than MAX_UPLOAD_MB.
        QuotaExceeded: No room is left in the session.
    """
    kind, told = parse_options_header(request.headers.get("content-type", ""))
    if kind.lower() != b"multipart/form-data" or not told.get(b"boundary"):
        raise UnsupportedMedia("The body is not a form with a file.", "Send it as multipart/form-data.")
    try:
        size = announced(request) if one else None
        reader = Form(services, session_id, told[b"boundary"], None if size is None else max(0, size - MAX_FIELD_BYTES))
    except FormParserError as exc:
        raise _unreadable() from exc
    try:
        async for data in gathered(request):
            await to_thread.run_sync(reader.feed, data)
        return reader.finish()
    except BaseException:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(discard, services, session_id, reader.arrived.items)
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(reader.close)


async def raw(request: Request, services: Services, session_id: str) -> Item:
    """A body that is the file itself; its name stands percent-encoded in the header X-File-Name."""
    name = unquote(request.headers.get(NAME_HEADER, ""), errors="replace")
    size = announced(request)
    with ExitStack() as stack:
        upload = await to_thread.run_sync(lambda: stack.enter_context(uploads.receive(services, session_id, name, size)))
        try:
            async for data in gathered(request):
                await to_thread.run_sync(upload.write, data)
            if size is not None and upload.size_bytes != size:
                raise BadRequest(
                    HALF if upload.size_bytes < size else "The body is longer than it was announced.", "Send it again."
                )
            return await to_thread.run_sync(upload.finish)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(stack.close)


def announced(request: Request) -> int | None:
    """Content-Length, or None without one."""
    told = request.headers.get("content-length", "")
    return int(told[:19]) if told.isascii() and told.isdigit() else None


async def gathered(request: Request, silence_s: float = SILENCE_S) -> AsyncIterator[bytes]:
    """The body in pieces worth a thread. Raises BadRequest when the client goes away, RequestTooSlow when it falls silent."""
    waiting, is_first = bytearray(), True  # the first bytes may be enough to refuse all
    stream = request.stream()
    try:
        while True:
            try:
                with anyio.fail_after(silence_s):
                    data = await anext(stream, None)
            except TimeoutError as exc:
                raise RequestTooSlow(f"Nothing of the body arrived for {silence_s:g} seconds.", "Send it again.") from exc
            if data is None:
                break
            waiting += data
            if waiting and (is_first or len(waiting) >= GATHERED_BYTES):
                yield bytes(waiting)
                waiting.clear()
                is_first = False
    except ClientDisconnect as exc:
        raise BadRequest(HALF, "Send it again.") from exc
    if waiting:
        yield bytes(waiting)


def discard(services: Services, session_id: str, items: list[Item]) -> None:
    """Remove uploads that nothing came of. Never raises: what stays is swept with the session."""
    for item in items:
        with suppress(AppError):
            services.sessions.delete_item(session_id, item.id, force=True)


def _unreadable() -> BadRequest:
    return BadRequest("The body cannot be read as a form.", "Check its boundary and its length.")
