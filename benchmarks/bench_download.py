"""A large file through our route against a bare file response in the same kind of server."""

from __future__ import annotations

import http.client
import os
import textwrap
import time
from urllib.parse import urlsplit

from benchmarks.figure import Figure
from benchmarks.rig import Server, scratch_folder, server
from utils.session_manager import SessionManager
from utils.storage.item import ItemFile

SIZE_MB = 300
ROUNDS = 5
BARE = """
from starlette.applications import Starlette
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route

app = Starlette(routes=[
    Route("/healthz", lambda request: PlainTextResponse("ok")),
    Route("/file", lambda request: FileResponse("big.wav")),
])
"""


def run() -> list[Figure]:
    """Alternate between the two servers and compare the best of each."""
    with scratch_folder() as folder:
        outputs = folder / "outputs"
        sessions = SessionManager(outputs, secret_key="benchmark-secret-key")
        session = sessions.create_session()
        item = sessions.create_item(session, folder="single", kind="speech", title="Big", request={})
        big = sessions.item_path(session, item.id) / "big.wav"
        with big.open("wb") as file:
            for _ in range(SIZE_MB):
                file.write(os.urandom(2**20))
        sessions.update_item(session, item.id, files=(ItemFile("big.wav", "audio/wav", big.stat().st_size, "audio"),))
        bare_folder = folder / "bare"
        bare_folder.mkdir()
        (bare_folder / "bare.py").write_text(textwrap.dedent(BARE), "utf-8")
        os.link(big, bare_folder / "big.wav")
        with (
            server(outputs, env={"SECRET_KEY": "benchmark-secret-key"}) as ours,
            server(outputs, app="bare:app", cwd=bare_folder) as bare,
        ):
            return _compare(ours, bare, f"/api/v1/items/{item.id}/files/big.wav", sessions.token(session))


def _compare(ours: Server, bare: Server, path: str, token: str) -> list[Figure]:
    _fetch(ours.url + path, token)  # the routes' own libraries are loaded by the first request
    before = ours.rss_mb()
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(_fetch(ours.url + path, token))
        theirs.append(_fetch(bare.url + "/file", ""))
    rates = f"{SIZE_MB / min(mine):.0f} against {SIZE_MB / min(theirs):.0f} MB/s"
    return [
        Figure(
            "download of 300 MB against a bare file response", min(theirs) / min(mine), 0.9, at_most=False, unit=" x", detail=rates
        ),
        Figure("server memory for it", ours.rss_mb() - before, 16, unit=" MB", detail=f"{ROUNDS} downloads"),
    ]


def _fetch(url: str, token: str) -> float:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    began = time.perf_counter()
    connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    size = 0
    buffer = bytearray(2**20)
    while count := answer.readinto(buffer):
        size += count
    if answer.status != 200 or size != SIZE_MB * 2**20:
        raise RuntimeError(f"{answer.status}, {size} bytes")
    connection.close()
    return time.perf_counter() - began
