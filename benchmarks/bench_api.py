"""What the routes cost: a description of a session against a route that does nothing, a large upload against bare writing."""

from __future__ import annotations

import os
import socket
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.api_client import requests_per_s
from benchmarks.figure import Figure
from benchmarks.rig import Server, scratch_folder, server
from utils.session_manager import SessionManager

KEY = "benchmark-secret-key"
NO_END = {f"RATE_{what}": "1000000000" for what in ("SESSION_PER_MINUTE", "KEY_PER_MINUTE", "ADDRESS_PER_MINUTE")}
QUIET = {"SECRET_KEY": KEY, "SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0", "STT_ENGINE": "draft"} | NO_END
INFO, EMPTY = "/api/v1/session/info", "/api/v1/empty"  # the second is of `api_app`
ROUNDS, ROUND_S, ITEMS = 5, 3.0, 5
UPLOAD_BYTES, UPLOADS = 500 * 10**6, 3
BLOCK = bytes(256 * 1024)
BARE = """
import os
from pathlib import Path

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        with open(Path(os.environ["OUTPUTS_DIR"]) / "body", "wb") as file:
            more = True
            while more:
                message = await receive()
                file.write(message.get("body", b""))
                more = message.get("more_body", False)
            file.flush()
            os.fsync(file.fileno())
    status = 201 if scope["method"] == "POST" else 200
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
"""


def run() -> list[Figure]:
    """Each in turn with what it is held against."""
    with scratch_folder() as folder:
        return [_info(folder / "info"), *_uploads(folder)]


def _info(outputs: Path) -> Figure:
    store = SessionManager(outputs, secret_key=KEY)
    session = store.create_session()
    for number in range(ITEMS):
        store.create_item(session, folder="single", kind="speech", title=f"Item {number}", request={"text": "Hello"})
    found: dict[str, list[float]] = {EMPTY: [], INFO: []}
    costs: dict[str, list[float]] = {EMPTY: [], INFO: []}
    with server(outputs, app="benchmarks.api_app:app", env=QUIET, log=outputs.with_name("log")) as running:
        token = store.token(session)
        for path in (EMPTY, INFO):
            requests_per_s(running.url, path, token, seconds=1)
        for _ in range(ROUNDS):
            for path in (EMPTY, INFO):
                used, began = running.cpu_s(), time.perf_counter()
                found[path].append(rate := requests_per_s(running.url, path, token, seconds=ROUND_S))
                costs[path].append((running.cpu_s() - used) / (rate * (time.perf_counter() - began)) * 1000)
    empty, info = max(found[EMPTY]), max(found[INFO])
    cpu = " against ".join(f"{statistics.median(costs[path]):.2f}" for path in (INFO, EMPTY))
    detail = (
        f"{info:,.0f} against {empty:,.0f} a second, best of {ROUNDS}; {cpu} ms of processor each, load {os.getloadavg()[0]:.1f}"
    )
    return Figure("session/info over an empty route of the same app", info / empty, 0.5, at_most=False, unit=" x", detail=detail)


def _uploads(folder: Path) -> list[Figure]:
    (folder / "bare_app.py").write_text(BARE, "utf-8")
    (folder / "bare").mkdir()
    ours, bare, grown = [], [], []
    store = SessionManager(folder / "ours", secret_key=KEY)
    with (
        server(folder / "ours", env=QUIET, log=folder / "log") as running,
        server(folder / "bare", app="bare_app:app", cwd=folder, health="/", log=folder / "log") as simple,
    ):
        _upload(running, "/api/v1/upload", store.token(store.create_session()), 10**6)
        for _ in range(UPLOADS):
            session = store.create_session()
            with _peak(running) as peak:
                ours.append(_upload(running, "/api/v1/upload", store.token(session), UPLOAD_BYTES))
            grown.append(peak[1] - peak[0])
            store.delete_session(session, force=True)
            bare.append(_upload(simple, "/", "", UPLOAD_BYTES))
    rate = min(bare) / min(ours)
    detail = (
        f"{min(ours):.2f} against {min(bare):.2f} s, best of {UPLOADS}, both on the disk at the end, load {os.getloadavg()[0]:.1f}"
    )
    return [
        Figure("upload of 500 MB against a bare ASGI route", rate, 0.7, at_most=False, unit=" x", detail=detail),
        Figure("server memory for it", max(grown), 16, unit=" MB", detail=f"most of {UPLOADS}"),
    ]


@contextmanager
def _peak(running: Server) -> Iterator[list[float]]:
    """Memory before and at its highest, in MB; the second is known at the end."""
    seen, over = [running.rss_mb(), 0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen[1] = max(seen[1], running.rss_mb())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def _upload(running: Server, path: str, token: str, size_bytes: int) -> float:
    """Seconds for a recording of silence of about that size, as the body itself. Raises RuntimeError when it is not taken."""
    head = b"RIFF" + struct.pack("<I", 36 + size_bytes) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 48_000, 96_000, 2, 16)
    head += b"data" + struct.pack("<I", size_bytes)
    place = urlsplit(running.url)
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {place.netloc}",
        f"Authorization: Bearer {token}",
        "Content-Type: audio/wav",
        f"Content-Length: {len(head) + size_bytes}",
    )
    began = time.perf_counter()
    with socket.create_connection((place.hostname, place.port), timeout=120) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode() + head)
        left = size_bytes
        while left:
            connection.sendall(BLOCK[: min(left, len(BLOCK))])
            left -= min(left, len(BLOCK))
        answer = connection.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(answer.decode("latin-1"))
    return time.perf_counter() - began
