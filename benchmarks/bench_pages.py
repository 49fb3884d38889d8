"""What a rerun of a page costs the server, beyond an empty page of the same server software."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.rig import ROOT, Server, scratch_folder, server
from benchmarks.streamlit_client import PageClient

RERUNS = 200
WARM_UP = 20
EMPTY_APP = """
import gc
from contextlib import asynccontextmanager
from pathlib import Path
import streamlit as st

@asynccontextmanager
async def lifespan(app):
    gc.collect()
    gc.freeze()
    yield {}

app = st.App(Path(__file__).parent / "frame" / "empty.py", lifespan=lifespan)
"""


def run() -> list[Figure]:
    """CPU seconds of many reruns, of our page and of an empty one."""
    with scratch_folder() as folder:
        with server(folder / "outputs") as ours:
            speak = cpu_ms(ours)
        empty = empty_cpu_ms(folder)
    detail = f"{speak:.1f} against {empty:.1f} ms, {RERUNS} reruns each"
    return [Figure("CPU a rerun of the speak page beyond an empty page", speak - empty, 5, unit=" ms", detail=detail)]


def empty_cpu_ms(folder: Path) -> float:
    """What a rerun of a page with nothing but a title costs."""
    (folder / "frame").mkdir()
    (folder / "frame" / "empty.py").write_text("import streamlit as st\nst.title('Empty')\n", "utf-8")
    (folder / "empty_app.py").write_text(EMPTY_APP, "utf-8")
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
    with server(folder / "none", app="empty_app:app", cwd=folder, health="/_stcore/health") as bare:
        return cpu_ms(bare)


def cpu_ms(running: Server, *, page: str = "", token: str = "") -> float:
    """CPU milliseconds of the server a rerun.

    Args:
        running: The server.
        page: Which page, by its name in the address; empty is the first.
        token: Of a session that is there already; empty is a new one.
    """
    client = PageClient(running.url, page=page, token=token)
    for _ in range(WARM_UP):
        client.rerun()
    before = running.cpu_s()
    for _ in range(RERUNS):
        client.rerun()
    used = running.cpu_s() - before
    client.close()
    return used / RERUNS * 1000
