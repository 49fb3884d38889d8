"""The Files page over 5,000 items, searching 5,000 transcripts, a ZIP of 5,000 items, and listing while somebody deletes them."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figure import Figure
from benchmarks.rig import Server, get, scratch_folder, server
from benchmarks.streamlit_client import PageClient
from utils.session_manager import SessionManager
from utils.storage import items, sessions
from utils.storage.item import ItemFile

KEY = "benchmark-secret-key"
ITEMS, WORDS, SEGMENT_WORDS = 5_000, 2_000, 20
ZIP_BYTES = 2**30
VIEWERS, VIEWER_ITEMS, LOOK_S = 10, 200, 8.0
VIEWS, RERUNS = 3, 40


def run() -> list[Figure]:
    """Each part on an outputs folder of its own."""
    with scratch_folder() as folder:
        figures = _explorer(folder / "explorer")
        figures += _search(folder / "search")
        figures += _zip(folder / "zip")
        figures += _while_deleting(folder / "deleting")
    return figures


def _store(outputs: Path) -> SessionManager:
    return SessionManager(outputs, secret_key=KEY, quota_bytes=64 * 2**30)


def _fill(store: SessionManager, count: int, make: Callable[[int], tuple[str, dict[str, object], dict[str, bytes]]]) -> str:
    """A session of finished items, made without the quota's count before each, which is the store's and not the page's."""
    session = store.create_session()
    with sessions.opened(store.outputs, session) as folder:
        for number in range(count):
            kind, request, files = make(number)
            item = items.create(
                folder, folder="single", kind=kind, title=f"Item {number}", request=request, files=files, now=store.clock()
            )
            listed = tuple(ItemFile(name, "audio/mpeg", len(data), "audio") for name, data in files.items())
            result = {"seconds": 3.0, "engine": "espeak", "engine_label": "eSpeak NG"}
            record = item.changed(result=result, files=listed).as_dict()
            (store.outputs / session / "single" / item.id / "item.json").write_text(json.dumps(record), "utf-8")
    return session


def _explorer(outputs: Path) -> list[Figure]:
    store = _store(outputs)
    text = "The library closes at six, and the meeting is on Friday. " * 4
    session = _fill(store, ITEMS, lambda number: ("speech", {"text": f"{text}{number}"}, {"speech.mp3": bytes(1000)}))
    few = _fill(store, 3, lambda number: ("speech", {"text": text}, {"speech.mp3": bytes(1000)}))
    firsts, detail = [], f"{ITEMS:,} items, best of {VIEWS} fresh servers"
    for _ in range(VIEWS):
        with server(outputs, env={"SECRET_KEY": KEY, "SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0"}) as running:
            warm = PageClient(running.url, page="files", token=store.token(few))  # another visitor: loads the page's own modules
            for _ in range(RERUNS):
                warm.rerun()
            before_mb = running.rss_mb()
            page = PageClient(running.url, page="files", token=store.token(session))
            began, used = time.perf_counter(), running.cpu_s()
            page.rerun()
            firsts.append((time.perf_counter() - began, running.cpu_s() - used))
            for _ in range(10):
                page.rerun()
            used = running.cpu_s()
            for _ in range(RERUNS):
                page.rerun()
            cpu_ms = (running.cpu_s() - used) / RERUNS * 1000
            grown_mb = running.rss_mb() - before_mb
            page.close()
            warm.close()
    first_s, first_cpu_s = min(firsts)
    detail += f", {first_cpu_s * 1000:.0f} ms of CPU, load {os.getloadavg()[0]:.1f}"
    return [
        Figure("first view of the files page", first_s * 1000, 300, unit=" ms", detail=detail),
        Figure("CPU a rerun of it", cpu_ms, 50, unit=" ms", detail=f"{RERUNS} reruns"),
        Figure("server memory for it", grown_mb, 20, unit=" MB", detail="after as many reruns of a visitor with 3 items"),
    ]


def _search(outputs: Path) -> list[Figure]:
    store, chance = _store(outputs), random.Random(1)
    words = [f"{chance.choice('bcdfghklmnprst')}{chance.choice('aeiou')}{number:x}" for number in range(5_000)]

    def heard(number: int) -> tuple[str, dict[str, object], dict[str, bytes]]:
        texts = [" ".join(chance.choices(words, k=SEGMENT_WORDS)) for _ in range(WORDS // SEGMENT_WORDS)]
        said = {"segments": [{"start": n, "end": n + 1, "text": text} for n, text in enumerate(texts)]}
        return "transcript", {"original_name": f"{number}.mp3"}, {"transcript.json": json.dumps(said).encode()}

    session = _fill(store, ITEMS, heard)
    headers = {"Authorization": f"Bearer {store.token(session)}"}
    with server(outputs, env={"SECRET_KEY": KEY, "SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0"}) as running:

        def ask(query: str) -> float:
            began = time.perf_counter()
            status = get(f"{running.url}/api/v1/items?per_page=50&q={query}", headers)[0]
            if status != 200:
                raise RuntimeError(f"{status}")
            return time.perf_counter() - began

        cold = ask("none")
        taken = [ask(query) for query in (words[1], f"{words[2]}+{words[3]}", "nowhere", words[4])]
    detail = f"slowest of 4, {ITEMS:,} x {WORDS:,} words, load {os.getloadavg()[0]:.1f}; the very first took {cold:.1f} s"
    return [Figure("search over 5,000 transcripts", max(taken) * 1000, 500, unit=" ms", detail=detail)]


def _zip(outputs: Path) -> list[Figure]:
    store, sound = _store(outputs), os.urandom(ZIP_BYTES // ITEMS)
    session = _fill(store, ITEMS, lambda number: ("speech", {"text": "x"}, {"speech.mp3": sound}))
    with server(outputs, env={"SECRET_KEY": KEY, "SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0"}) as running:
        token = store.token(session)
        get(f"{running.url}/api/v1/items?per_page=1&sort=oldest", {"Authorization": f"Bearer {token}"})
        warm, _, _ = _fetch(running, token)
        before, peak = running.rss_mb(), [0.0]
        firsts, seconds = [warm], []
        for _ in range(2):
            first, whole, peak_mb = _fetch(running, token)
            firsts.append(first)
            seconds.append(whole)
            peak.append(peak_mb)
    detail = f"{ITEMS:,} items, 1 GB, load {os.getloadavg()[0]:.1f}, {ZIP_BYTES / 2**20 / min(seconds):.0f} MB/s"
    return [
        Figure("server memory for a ZIP of 5,000 items", max(peak) - before, 16, unit=" MB", detail=detail),
        Figure("first byte of it", min(firsts) * 1000, 100, unit=" ms", detail="best of 3"),
    ]


def _fetch(running: Server, token: str) -> tuple[float, float, float]:
    """Seconds to the first byte and to the last, and the server's memory at its highest."""
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=120)
    began, peak = time.perf_counter(), 0.0
    connection.request("GET", "/api/v1/items.zip", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    size = len(answer.read(1))
    first = time.perf_counter() - began
    buffer = bytearray(2**22)
    while count := answer.readinto(buffer):
        size += count
        peak = max(peak, running.rss_mb())
    if answer.status != 200 or size < ZIP_BYTES * 0.99:
        raise RuntimeError(f"{answer.status}, {size} bytes")
    connection.close()
    return first, time.perf_counter() - began, peak


def _while_deleting(outputs: Path) -> list[Figure]:
    store = _store(outputs)
    viewers = [_fill(store, VIEWER_ITEMS, lambda number: ("speech", {"text": "x"}, {"a.mp3": b"x"})) for _ in range(VIEWERS)]
    big = _fill(store, ITEMS, lambda number: ("speech", {"text": "x"}, {"a.mp3": b"x"}))
    with server(outputs, env={"SECRET_KEY": KEY, "SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0"}) as running:
        tokens = [store.token(viewer) for viewer in viewers]
        _p95(running, tokens, lambda: time.sleep(LOOK_S / 4))  # the first requests load the routes and read every item
        quiet = _p95(running, tokens, lambda: time.sleep(LOOK_S))
        began = time.perf_counter()
        busy = _p95(running, tokens, lambda: _delete_all(running, store.token(big)))
        took = time.perf_counter() - began
    detail = f"p95 {busy * 1000:.0f} against {quiet * 1000:.0f} ms of GET /items; {ITEMS:,} DELETE requests in {took:.0f} s"
    return [Figure("10 sessions listing while one deletes 5,000 items", busy / quiet, 2, unit=" x quiet", detail=detail)]


def _delete_all(running: Server, token: str) -> None:
    """One request an item, as a program would."""
    headers = {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=60)
    while True:
        connection.request("GET", "/api/v1/items?per_page=200", headers=headers)
        found = json.loads(connection.getresponse().read())["items"]
        if not found:
            break
        for item in found:
            connection.request("DELETE", f"/api/v1/items/{item['id']}", headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 204:
                raise RuntimeError(f"{answer.status}")
    connection.close()


def _p95(running: Server, tokens: list[str], meanwhile: Callable[[], None]) -> float:
    """The time under which 95 of 100 lists were answered while something else went on."""
    over, times, lock = threading.Event(), list[float](), threading.Lock()

    def look(token: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=60)
        while not over.is_set():
            began = time.perf_counter()
            connection.request("GET", "/api/v1/items?per_page=50", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            with lock:
                times.append(time.perf_counter() - began)
            over.wait(0.5)  # a person's pace
        connection.close()

    threads = [threading.Thread(target=look, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    meanwhile()
    over.set()
    for thread in threads:
        thread.join()
    return sorted(times)[int(len(times) * 0.95)]
