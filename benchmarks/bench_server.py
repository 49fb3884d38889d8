"""The server itself: how fast it starts, what it imports, what it costs when nobody asks, what a long text does to it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request

from benchmarks.figure import Figure
from benchmarks.rig import ROOT, Server, get, scratch_folder, server
from tests.speech.prose import prose

IDLE_S = 20.0
ENGINES = ("gtts", "espeakng_loader", "av", "faster_whisper", "ctranslate2", "onnxruntime", "pydub")


def run() -> list[Figure]:
    """Start three times, idle once, speak 100,000 characters once."""
    with scratch_folder() as folder:
        starts = []
        for number in range(3):
            with server(folder / str(number)) as started:
                starts.append(started.started_in_s)
        figures = [
            Figure("start to /healthz", min(starts), 1.0, unit=" s", detail="best of 3: " + ", ".join(f"{s:.2f}" for s in starts))
        ]
        figures.append(_imports())
        with server(folder / "idle", env={"MAX_TEXT_CHARS": "200000"}) as running:
            figures += [_idle(running), _long_text(running)]
    return figures


def _imports() -> Figure:
    code = f"import sys, app; print([name for name in {ENGINES!r} if name in sys.modules])"
    with scratch_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"OUTPUTS_DIR": str(folder), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
    found = done.stdout.strip().splitlines()[-1]
    return Figure("engines imported at start", 0 if found == "[]" else 1, 0, detail=found)


def _idle(running: Server) -> Figure:
    time.sleep(5)  # the sweep and the workers' own start are not idling
    before = running.cpu_s(workers=True)
    time.sleep(IDLE_S)
    used = (running.cpu_s(workers=True) - before) / IDLE_S * 100
    return Figure("idle CPU, server and workers", used, 0.5, unit=" %", detail=f"of one core over {IDLE_S:.0f} s")


def _long_text(running: Server) -> Figure:
    opened = json.loads(_post(running.url + "/api/v1/sessions", {}, ""))
    token = opened["token"]
    _wait(running, token, {"text": "Warm up.", "engine": "espeak"})
    before = running.rss_mb()
    peak, seconds = before, _wait(running, token, {"text": prose(100_000), "engine": "espeak"}, watch := [before])
    peak = max(watch)
    return Figure(
        "server memory for 100,000 characters by eSpeak",
        peak - before,
        60,
        unit=" MB",
        detail=f"spoken and stored in {seconds:.0f} s",
    )


def _post(url: str, body: dict[str, object], token: str) -> bytes:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def _wait(running: Server, token: str, body: dict[str, object], watch: list[float] | None = None) -> float:
    began = time.perf_counter()
    job = json.loads(_post(running.url + "/api/v1/speech", body, token))["job"]
    while job["state"] in ("queued", "running"):
        time.sleep(0.1)
        job = json.loads(get(f"{running.url}/api/v1/jobs/{job['id']}", {"Authorization": f"Bearer {token}"})[1])
        if watch is not None:
            watch.append(running.rss_mb())
    if job["state"] != "done":
        raise RuntimeError(f"the job ended as {job['state']}: {job.get('error')}")
    return time.perf_counter() - began
