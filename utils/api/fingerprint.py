"""Whether two requests are the same: a digest of method, address and what arrived, made while it arrives.

A form is taken apart, because a program draws another boundary each time that it sends the same form; of everything else each byte
counts.
"""

from __future__ import annotations

import hashlib

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.types import Scope

COUNTED = ("x-file-name",)  # headers that say what is to be made


class Fingerprint:
    """The digest of one request. Feed it the body in pieces, in order."""

    def __init__(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        kind, told = parse_options_header(headers.get("content-type", ""))
        self._all = hashlib.sha256()
        for part in (
            scope["method"],
            scope["path"],
            scope.get("query_string", b""),
            kind,
            *(headers.get(name, "") for name in COUNTED),
        ):
            self._frame(part if isinstance(part, bytes) else part.encode("utf-8", "replace"))
        self._part = hashlib.sha256()
        self._parser: MultipartParser | None = None
        if kind.lower() == b"multipart/form-data" and told.get(b"boundary"):
            self._parser = self._parser_of(told[b"boundary"])

    def feed(self, data: bytes) -> None:
        """The next piece of the body."""
        if self._parser is None:
            self._part.update(data)
            return
        try:
            self._parser.write(data)
        except FormParserError:  # the route refuses it, too; until then it is bytes like any other
            self._parser = None
            self._part.update(data)

    def hexdigest(self) -> str:
        """Of everything that was fed so far."""
        whole = self._all.copy()
        whole.update(self._part.digest())
        return whole.hexdigest()

    def _parser_of(self, boundary: bytes) -> MultipartParser | None:
        def header(data: bytes, start: int, end: int) -> None:
            self._part.update(data[start:end])

        try:
            return MultipartParser(
                boundary,
                {
                    "on_header_field": header,
                    "on_header_value": header,
                    "on_header_end": lambda: self._part.update(b"\r\n"),
                    "on_headers_finished": self._close_part,
                    "on_part_data": lambda data, start, end: self._part.update(memoryview(data)[start:end]),
                    "on_part_end": self._close_part,
                },
            )
        except FormParserError:
            return None

    def _close_part(self) -> None:
        """What came so far is one thing: two requests whose parts are cut elsewhere are not the same."""
        self._all.update(self._part.digest())
        self._part = hashlib.sha256()

    def _frame(self, part: bytes) -> None:
        self._all.update(len(part).to_bytes(8, "big") + part)
