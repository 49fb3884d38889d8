"""HeldFile: a file as an answer, opened once and served from that descriptor, whatever happens to its path meanwhile.

One range, `If-Range`, `If-None-Match` and HEAD are understood; several ranges are answered with the whole file, as RFC 9110
allows. Memory does not grow with the file: one chunk is in flight, read in a thread.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

import anyio
from anyio import to_thread
from starlette.background import BackgroundTask
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from utils.api import problems
from utils.api.intake import HEAD
from utils.api.leaving import Patient
from utils.errors import AppError, NotFound
from utils.workflows import versions

CHUNK_BYTES = 256 * 1024
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.ASCII | re.IGNORECASE)


class BadRange(AppError):
    """The range lies outside of the file."""

    code, status = "bad_range", 416


def open_held(path: Path) -> FileIO:
    """Open a regular file for reading, never through a link. Raises NotFound."""
    try:
        file = FileIO(os.open(path, FLAGS), "r")
    except OSError as exc:
        raise NotFound("There is no such file.") from exc
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotFound("There is no such file.")
    return file


def wanted_range(headers: Headers, size_bytes: int, etag: str) -> tuple[int, int] | None:
    """First byte and length that the client asks for, or None for the whole file.

    Raises:
        BadRange: The first byte lies behind the end.
    """
    match = RANGE.fullmatch(headers.get("range", "").strip())
    if match is None or match.groups() == ("", "") or headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        start, end = max(size_bytes - int(last), 0), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < int(first):
            return None
    if start >= size_bytes:
        raise BadRange(f"The file has {size_bytes} bytes.", "Ask for a range inside of it.")
    return start, end - start


def is_known(headers: Headers, etag: str) -> bool:
    """Whether the client has this version already (`If-None-Match`, weak comparison)."""
    return versions.is_known(headers.get("if-none-match", ""), etag)


class HeldFile(Response):
    """Answer with the bytes of an open file; closes it at the end.

    Args:
        file: From `open_held`.
        media_type: From our own map.
        headers: Added to the answer.
    """

    def __init__(self, file: FileIO, media_type: str, headers: Mapping[str, str]) -> None:
        self.file = file
        self.status_code = 200
        self.media_type = media_type
        self.background: BackgroundTask | None = None
        facts = os.fstat(file.fileno())
        self.size_bytes = facts.st_size
        self.etag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
        self.init_headers({**headers, "Accept-Ranges": "bytes", "ETag": self.etag})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = Headers(scope=scope)
            if is_known(headers, self.etag):
                self.status_code = 304
                del self.headers["content-type"]
                await self._bare(send)
                return
            try:
                part = wanted_range(headers, self.size_bytes, self.etag)
            except BadRange as exc:
                answer = problems.response(exc, {"Content-Range": f"bytes */{self.size_bytes}", "Accept-Ranges": "bytes"})
                await answer(scope, receive, send)
                return
            start, length = part or (0, self.size_bytes)
            self.headers["content-length"] = str(length)
            if part:
                self.status_code = 206
                self.headers["content-range"] = f"bytes {start}-{start + length - 1}/{self.size_bytes}"
            if scope.get(HEAD):
                await self._bare(send)
            else:
                await self._body(receive, send, start, length)
        finally:
            self.file.close()

    async def _bare(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _body(self, receive: Receive, send: Send, start: int, length: int) -> None:
        """Send the bytes; stop when the client goes away."""
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            reader = Patient(receive, send)
            await reader.send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self.file.seek(start)
            left = length
            while left > 0:
                chunk = await to_thread.run_sync(self.file.read, min(CHUNK_BYTES, left))
                if not chunk:
                    raise EOFError  # cut short on disk: better a broken connection than a short file called whole
                left -= len(chunk)
                await reader.send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
            if length == 0:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            group.cancel_scope.cancel()
