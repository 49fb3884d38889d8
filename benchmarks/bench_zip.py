"""A gigabyte of finished files as one ZIP, against the same files one behind the other through the same server software."""

from __future__ import annotations

import http.client
import os
import shutil
import textwrap
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figure import Figure
from benchmarks.rig import Server, scratch_folder, server
from utils.session_manager import SessionManager
from utils.storage.item import ItemFile

FILES, FILE_MB = 500, 2
ROUNDS = 3
KEY = "benchmark-secret-key"
CAT = """
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

def cat():
    for path in sorted(Path("files").iterdir()):
        with path.open("rb") as file:
            while chunk := file.read(256 * 1024):
                yield chunk

app = Starlette(routes=[
    Route("/healthz", lambda request: PlainTextResponse("ok")),
    Route("/cat", lambda request: StreamingResponse(cat())),
])
"""


def run() -> list[Figure]:
    """Take turns between the ZIP and the bare stream; compare the best of each."""
    with scratch_folder() as folder:
        sessions = SessionManager(folder / "outputs", secret_key=KEY, quota_bytes=4 * 2**30)
        session = sessions.create_session()
        item = sessions.create_item(session, folder="single", kind="speech", title="Big", request={})
        home, plain = sessions.item_path(session, item.id), folder / "cat" / "files"
        plain.mkdir(parents=True)
        listed = []
        for number in range(FILES):
            name = f"{number:04d}.mp3"
            (home / name).write_bytes(os.urandom(FILE_MB * 2**20))
            shutil.copyfile(home / name, plain / name)
            listed.append(ItemFile(name, "audio/mpeg", FILE_MB * 2**20, "audio"))
        sessions.update_item(session, item.id, files=tuple(listed))
        (folder / "cat" / "bare.py").write_text(textwrap.dedent(CAT), "utf-8")
        with (
            server(folder / "outputs", env={"SECRET_KEY": KEY}) as ours,
            server(folder / "none", app="bare:app", cwd=Path(folder / "cat")) as bare,
        ):
            return _compare(ours, bare, f"/api/v1/items/{item.id}.zip", sessions.token(session))


def _compare(ours: Server, bare: Server, path: str, token: str) -> list[Figure]:
    _fetch(ours.url + path, token)
    before = ours.rss_mb()
    mine, theirs, firsts, peak = [], [], [], before
    for _ in range(ROUNDS):
        first, whole = _fetch(ours.url + path, token)
        firsts.append(first)
        mine.append(whole)
        peak = max(peak, ours.rss_mb())
        theirs.append(_fetch(bare.url + "/cat", "")[1])
    size_mb = FILES * FILE_MB
    rates = f"{size_mb / min(mine):.0f} against {size_mb / min(theirs):.0f} MB/s, {FILES} files of {FILE_MB} MB"
    return [
        Figure("ZIP of 1 GB against the bare files through such a server", min(theirs) / min(mine), 0.8, False, " x", rates),
        Figure("first byte of it", min(firsts) * 1000, 100, unit=" ms", detail=f"best of {ROUNDS}"),
        Figure("server memory for it", peak - before, 16, unit=" MB"),
    ]


def _fetch(url: str, token: str) -> tuple[float, float]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    began = time.perf_counter()
    connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    buffer = bytearray(2**20)
    size = answer.readinto(buffer)
    first = time.perf_counter() - began
    while count := answer.readinto(buffer):
        size += count
    if answer.status != 200 or size < FILES * FILE_MB * 2**20:
        raise RuntimeError(f"{answer.status}, {size} bytes")
    connection.close()
    return first, time.perf_counter() - began
