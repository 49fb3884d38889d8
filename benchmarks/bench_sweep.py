"""A sweep of many sessions against `find -mtime -delete` on the same tree, and the server that answers meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import threading
import time
import uuid
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.rig import get, scratch_folder, server
from utils.session_manager import SessionManager

SESSIONS, ROUNDS = 10_000, 3
SERVED_SESSIONS = 10_000
NAMES = ("item.json", "hello.mp3", "hello.srt", "hello.vtt", "player.json")
DAY_S = 86_400.0


def run() -> list[Figure]:
    """Take turns between both; compare the best of each. Half of the sessions are dead, each has an item of five files."""
    with scratch_folder() as folder:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            _build(folder / "theirs", SESSIONS)
            _build(folder / "ours", SESSIONS)
            os.sync()
            theirs.append(_find(folder / "theirs"))
            os.sync()
            ours.append(_sweep(folder / "ours"))
            _clear(folder)
        health = _health(folder)
    load = os.getloadavg()[0]
    made = f"{min(ours):.2f} against {min(theirs):.2f} s, best of {ROUNDS}, load {load:.1f}"
    p99 = statistics.quantiles(health, n=100)[98] * 1000
    return [
        Figure("sweep of 10,000 sessions against find -mtime -delete", min(ours) / min(theirs), 1.5, unit=" x", detail=made),
        Figure("health while the server sweeps them, p99", p99, 200, unit=" ms", detail=f"{len(health)} requests"),
    ]


def _build(outputs: Path, count: int) -> None:
    now = time.time()
    outputs.mkdir()
    for number in range(count):
        when = now - (30 * DAY_S if number % 2 else 3600.0)
        home = outputs / str(uuid.uuid4())
        item = home / "single" / f"20261101-120000-hello-{number:04x}"
        os.makedirs(item)
        (home / "bulk").mkdir()
        (home / "session.json").write_text(json.dumps({"created_at": when, "last_activity": when}), "utf-8")
        for name in NAMES:
            (item / name).write_bytes(b"x" * 1000)
        for path in [*(item / name for name in NAMES), home / "session.json", item, item.parent, home / "bulk", home]:
            os.utime(path, (when, when))


def _find(outputs: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["find", str(outputs), "-mindepth", "1", "-mtime", "+1", "-delete"], check=True)
    spent = time.perf_counter() - began
    _check(len(list(outputs.iterdir())), SESSIONS)
    return spent


def _sweep(outputs: Path) -> float:
    store = SessionManager(outputs)
    began = time.perf_counter()
    report = store.cleanup_old_sessions(24)
    spent = time.perf_counter() - began
    _check(report.kept, SESSIONS)
    return spent


def _check(left: int, count: int) -> None:
    if left != count // 2:
        raise RuntimeError(f"{left} sessions are left")


def _clear(folder: Path) -> None:
    for name in ("ours", "theirs"):
        shutil.rmtree(folder / name)


def _health(folder: Path) -> list[float]:
    """Seconds of each health request while the operator's sweep runs."""
    token, outputs = "benchmark-operator-token", folder / "served"
    settings = {"ADMIN_TOKEN": token, "SESSION_TIMEOUT_HOURS": "0", "SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0"}
    _build(outputs, SERVED_SESSIONS)
    times: list[float] = []
    with server(outputs, env=settings) as running:
        get(running.url + "/api/openapi.json")
        _until_swept(outputs)
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                began = time.perf_counter()
                get(running.url + "/healthz")
                times.append(time.perf_counter() - began)
                time.sleep(0.005)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            _post(running.url + "/api/v1/cleanup", token)
        finally:
            done.set()
            asking.join()
    return times


def _until_swept(outputs: Path) -> None:
    """Wait for the sweep of the start, which removes nothing."""
    store = SessionManager(outputs)
    for _ in range(6000):
        if store.sweeps(1):
            return
        time.sleep(0.01)
    raise RuntimeError("the server did not sweep at its start")


def _post(url: str, token: str) -> None:
    import httpx

    body = {"max_age_hours": 24}
    answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=300, trust_env=False)
    _check(answer.raise_for_status().json()["kept"], SERVED_SESSIONS)
