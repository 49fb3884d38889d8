"""A stand-in for the model hub on loopback: it serves one folder as one model, by the hub's own protocol, and can be told to fail.

    with FakeHub(folder, "Systran/faster-whisper-base", commit) as hub:      # hub.url is HF_ENDPOINT
        hub.cut = {"model.bin": [1_000_000, 5_000_000]}       # the connection breaks off there, once for each number

What it speaks: `/api/models/<name>[/revision/<revision>]` with sizes and checksums of the files, and `/<name>/resolve/...`
with `X-Repo-Commit`, `ETag`, `X-Linked-Etag` and Range; large files are sent on to another address, as the hub does with its store.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

LARGE_BYTES = 2**20  # from here on a file lies in the large file store, under its SHA-256


@dataclass
class Wrong:
    """What is to go wrong.

    Attributes:
        status: Status of every answer of the API, 200 = none.
        code: Its `X-Error-Code`.
        cut: By file: numbers of bytes after which the connection breaks off, each once.
        hang: By file: after so many bytes nothing more comes.
        spoil: Files whose bytes are not what their checksum says.
        sizes: By file: a size to claim instead of the real one.
        leave_out: Files that the model does not have.
    """

    status: int = 200
    code: str = ""
    cut: dict[str, list[int]] = field(default_factory=dict)
    hang: dict[str, int] = field(default_factory=dict)
    spoil: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    leave_out: set[str] = field(default_factory=set)


class FakeHub:
    """The server.

    Attributes:
        url: Its address, for HF_ENDPOINT.
        wrong: What is to go wrong.
        asked: Method and path of every request so far.
        sent: Bytes of files sent so far, by file.
    """

    def __init__(self, folder: Path, repo: str, commit: str) -> None:
        self.repo, self.commit = repo, commit
        self.wrong = Wrong()
        self.asked: list[str] = []
        self.sent: dict[str, int] = {}
        self.files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".md"}
        self.files["README.md"] = b"not wanted\n"
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeHub:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def checksum(self, name: str) -> str:
        """SHA-256 of a large file, git's SHA-1 of a small one."""
        data = self.files[name]
        if len(data) >= LARGE_BYTES:
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()

    def model(self) -> dict[str, Any]:
        """What the API tells of the model."""
        siblings = []
        for name, data in self.files.items():
            if name in self.wrong.leave_out:
                continue
            size = self.wrong.sizes.get(name, len(data))
            entry: dict[str, Any] = {"rfilename": name, "size": size, "blobId": "0" * 40}
            if len(data) >= LARGE_BYTES:
                entry["lfs"] = {"sha256": self.checksum(name), "size": size, "pointerSize": 134}
            else:
                entry["blobId"] = self.checksum(name)
            siblings.append(entry)
        return {"id": self.repo, "modelId": self.repo, "sha": self.commit, "siblings": siblings, "private": False, "gated": False}


def _handler(hub: FakeHub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            return None

        def do_HEAD(self) -> None:
            self._answer(False)

        def do_GET(self) -> None:
            self._answer(True)

        def _answer(self, body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            parts = urlsplit(self.path)
            if parts.path.startswith("/store/"):
                return self._file(parts.path.removeprefix("/store/"), body)
            if hub.wrong.status != 200:
                return self._refuse(hub.wrong.status, hub.wrong.code)
            if parts.path.startswith("/api/models/"):
                return self._api(parts.path.removeprefix("/api/models/"))
            if parts.path.startswith(f"/{hub.repo}/resolve/"):
                revision, _, name = parts.path.removeprefix(f"/{hub.repo}/resolve/").partition("/")
                if revision in (hub.commit, "main") and name in hub.files:
                    return self._resolve(name, body)
            return self._refuse(404, "EntryNotFound")

        def _api(self, path: str) -> None:
            name, _, revision = path.partition("/revision/")
            if name != hub.repo:
                return self._refuse(401, "RepoNotFound")
            if revision and revision not in (hub.commit, "main"):
                return self._refuse(404, "RevisionNotFound")
            self._send(200, json.dumps(hub.model()).encode(), {"Content-Type": "application/json"})

        def _resolve(self, name: str, body: bool) -> None:
            size = hub.wrong.sizes.get(name, len(hub.files[name]))
            headers = {"X-Repo-Commit": hub.commit, "ETag": f'"{hub.checksum(name)}"'}
            if len(hub.files[name]) < LARGE_BYTES:
                return self._file(name, body, headers)
            headers |= {
                "X-Linked-Etag": f'"{hub.checksum(name)}"',
                "X-Linked-Size": str(size),
                "Location": f"{hub.url}/store/{name}",
            }
            self._send(302, b"", headers)

        def _file(self, name: str, body: bool, headers: dict[str, str] | None = None) -> None:
            data = hub.files[name]
            if name in hub.wrong.spoil:
                data = data[:-1] + bytes([data[-1] ^ 1])
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
            head = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **(headers or {})}
            if start:
                head["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.send_response(206 if start else 200)
            for key, value in (head | {"Content-Length": str(len(data) - start)}).items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self._pour(name, data, start)

        def _pour(self, name: str, data: bytes, start: int) -> None:
            cuts = hub.wrong.cut.get(name, [])
            stop = cuts.pop(0) if cuts else len(data)
            pause = hub.wrong.hang.get(name)
            stop = min(stop, len(data) if pause is None else max(pause, start))
            for at in range(start, stop, 65_536):
                piece = data[at : min(at + 65_536, stop)]
                self.wfile.write(piece)
                hub.sent[name] = hub.sent.get(name, 0) + len(piece)
            self.wfile.flush()
            while pause is not None and not hub.closing.is_set():
                time.sleep(0.02)
            if stop < len(data):
                self.close_connection = True
                self.connection.close()

        def _refuse(self, status: int, code: str) -> None:
            self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code} if code else {})

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in (headers | {"Content-Length": str(len(data))}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    return Handler


def parsed(path: str) -> dict[str, list[str]]:
    """The query of a request."""
    return parse_qs(urlsplit(path).query)
