"""Recordings as they arrive: a body is cut into its parts while it is received, and each file goes to the session's disk at once.

Nothing is spooled: memory holds a few hundred kilobytes of a body whatever its length, and no temporary folder is used.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

import anyio
from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from utils.api.bodies import HALF, bodies_of, gathered
from utils.api.openai_errors import UnknownParameter
from utils.api.problems import BadRequest
from utils.errors import AppError, BadInput, RecordingTooLong, TooLarge, UnsupportedMedia
from utils.services import Services
from utils.storage.item import Item
from utils.workflows import uploads
from utils.workflows.passing import TITLE, Work

__all__ = ["Arrived", "Form", "RefusedFile", "announced", "discard", "form", "gathered", "raw"]

MAX_FILES = 32
MAX_FIELDS = 32
MAX_FIELD_BYTES = 64 * 1024
MAX_HEADER_BYTES = 8 * 1024
NAME_HEADER = "x-file-name"
FILE = "file"  # the part that holds a recording


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
        fields: Name -> text of the other parts; of those that come several times the last one.
        pairs: Name and text of each of them, in order.
    """

    items: list[Item] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)


class Form:
    """Cuts a multipart body. Everything runs in a worker thread: writing, and looking into a file that is whole."""

    def __init__(
        self, services: Services, session_id: str, boundary: bytes, expected_bytes: int | None, passing: Work | None = None
    ) -> None:
        self.arrived = Arrived()
        self._passing = passing
        self._services = services
        self._session_id = session_id
        self._expected_bytes = expected_bytes
        self._open = ExitStack()
        self._upload: uploads.Upload | None = None
        self._whole: uploads.Upload | None = None  # received and not looked at
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

    @property
    def is_whole(self) -> bool:
        """Whether a file waits to be looked at."""
        return self._whole is not None

    def finish(self) -> Arrived:
        """The body is over. Raises BadRequest when it broke off."""
        if not self._ended:
            raise BadRequest(HALF, "Send it again.")
        return self.arrived

    def close(self) -> None:
        """Remove what is not complete."""
        self._upload = self._whole = None
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
            if len(self.arrived.pairs) >= MAX_FIELDS:
                raise BadRequest(f"The form has more than {MAX_FIELDS} fields.")
            return
        self._check_name()
        self.look()  # one after the other: a session may send a few at one time, whatever a form holds
        if len(self.arrived.items) + len(self.arrived.refused) >= MAX_FILES:
            raise BadRequest(f"The form has more than {MAX_FILES} files.", "Send them in several requests.")
        name = TITLE if self._passing else told[b"filename"].decode("utf-8", "replace")
        receiving = uploads.receive(self._services, self._session_id, name, self._expected_bytes)
        self._upload = self._open.enter_context(receiving)

    def _check_name(self) -> None:
        if self._name != FILE:
            shown, hint = self._name[:60], f"Call the part {FILE!r}."
            sentence = f"The form has a file in the part {shown!r}; only the part {FILE!r} takes one."
            raise UnknownParameter(shown, sentence, hint) if self._passing else BadInput(sentence, hint)

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
                self.arrived.pairs.append((self._name, self._text.decode("utf-8", "replace")))
                self.arrived.fields.update(self.arrived.pairs[-1:])
            return
        self._whole, self._upload = self._upload, None

    def look(self) -> None:
        """Find out whether the file that is whole is a recording, if one is. Takes a while, and a child process."""
        upload, self._whole = self._whole, None
        if upload is None:
            return
        try:
            self.arrived.items.append(upload.finish())
            if self._passing is not None:
                self._passing.adopt(self.arrived.items[-1])
        except (UnsupportedMedia, RecordingTooLong) as error:
            self.arrived.refused.append(RefusedFile(upload.name, error))
        finally:
            self._open.close()

    def _end(self) -> None:
        self._ended = True


async def form(request: Request, services: Services, session_id: str, *, one: bool = False, passing: Work | None = None) -> Arrived:
    """All of a multipart body; when it cannot be taken whole, nothing of it stays.

    Args:
        request: Its body is read here.
        services: As everywhere.
        session_id: Whose files they will be.
        one: A single file is expected, so that one that is announced as too long is refused before it is received.
        passing: Takes over what arrives, and removes it for good; names of files are not kept then.

    Raises:
        UnsupportedMedia: It is not multipart.
        BadRequest: It is damaged, or ends too early.
        TooMany: All places are taken.
        RequestTooSlow: The body brings too little, see `bodies`.
        TooLarge: A file is longer than MAX_UPLOAD_MB.
        QuotaExceeded: No room is left in the session.
    """
    kind, told = parse_options_header(request.headers.get("content-type", ""))
    if kind.lower() != b"multipart/form-data" or not told.get(b"boundary"):
        raise UnsupportedMedia("The body is not a form with a file.", "Send it as multipart/form-data.")
    try:
        size = announced(request) if one else None
        expected = None if size is None else max(0, size - MAX_FIELD_BYTES)
        reader = Form(services, session_id, told[b"boundary"], expected, passing)
    except FormParserError as exc:
        raise _unreadable() from exc
    bodies = bodies_of(request)
    try:
        with bodies.reading() as body:
            async for data in body.pieces(request):
                await to_thread.run_sync(reader.feed, data, limiter=bodies.writing)
                del data  # not held while the next piece is waited for
                if reader.is_whole:
                    await to_thread.run_sync(reader.look, limiter=bodies.looking)
        return reader.finish()
    except BaseException:
        if passing is None:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(discard, services, session_id, reader.arrived.items)
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(reader.close)


async def raw(request: Request, services: Services, session_id: str) -> Item:
    """A body that is the file itself; its name stands percent-encoded in the header X-File-Name."""
    name = unquote(request.headers.get(NAME_HEADER, ""), errors="replace")
    size, bodies = announced(request), bodies_of(request)
    with bodies.reading() as body, ExitStack() as stack:
        upload = await to_thread.run_sync(lambda: stack.enter_context(uploads.receive(services, session_id, name, size)))
        try:
            async for data in body.pieces(request):
                await to_thread.run_sync(upload.write, data, limiter=bodies.writing)
                del data  # not held while the next piece is waited for
            if size is not None and upload.size_bytes != size:
                raise BadRequest(
                    HALF if upload.size_bytes < size else "The body is longer than it was announced.", "Send it again."
                )
            return await to_thread.run_sync(upload.finish, limiter=bodies.looking)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(stack.close)


def announced(request: Request) -> int | None:
    """Content-Length, or None without one."""
    told = request.headers.get("content-length", "")
    return int(told[:19]) if told.isascii() and told.isdigit() else None


def discard(services: Services, session_id: str, items: list[Item]) -> None:
    """Remove uploads that nothing came of. Never raises: what stays is swept with the session."""
    for item in items:
        with suppress(AppError):
            services.sessions.delete_item(session_id, item.id, force=True)


def _unreadable() -> BadRequest:
    return BadRequest("The body cannot be read as a form.", "Check its boundary and its length.")
