"""A recording from its upload to its stored text, against bare faster-whisper on the decoded samples; memory of worker and server.

`python -m benchmarks.bench_transcribe 4` is the long form: four hours of sound for the memory.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.figure import Figure, table
from benchmarks.rig import Server, scratch_folder, server
from tests.transcription import clips
from utils.transcription.contract import RATE_HZ, Samples

SPEED_MIN = 10  # minutes, joined eSpeak sentences
MEMORY_H = 1
LOOK_S = 0.2  # between two looks at a job
RUNS = 2  # the better one counts, of ours and of each bare way
MAX_RATIO, MAX_WORKER_MB, MAX_SERVER_MB, MAX_FIRST_S = 1.05, 400, 30, 1.0
OPTIONS = {"language": "en", "engine": "whisper"}
WHISPER = {"WHISPER_MODEL": str(clips.MICRO), "WHISPER_DEVICE": "cpu", "WHISPER_COMPUTE_TYPE": "int8", "HF_HUB_OFFLINE": "1"}
BOUNDARY = "sotto-benchmark"


@dataclass
class Peak:
    """Highest resident memory of a process while it was watched, in MB: all of it, and without mapped files."""

    process: psutil.Process
    all_mb: float = 0.0
    own_mb: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until told to stop."""
        while not self.stop.wait(0.05):
            whole, own = resident_mb(self.process)
            self.all_mb, self.own_mb = max(self.all_mb, whole), max(self.own_mb, own)


def resident_mb(process: psutil.Process) -> tuple[float, float]:
    """Resident memory, and that part of it which is no file."""
    facts = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return int(facts["VmRSS"].split()[0]) / 1024, int(facts["RssAnon"].split()[0]) / 1024


@contextmanager
def watched(*processes: psutil.Process) -> Iterator[list[Peak]]:
    """Watch processes inside the block."""
    peaks = [Peak(process) for process in processes]
    threads = [threading.Thread(target=peak.watch) for peak in peaks]
    for thread in threads:
        thread.start()
    try:
        yield peaks
    finally:
        for peak, thread in zip(peaks, threads, strict=True):
            peak.stop.set()
            thread.join()


class Visitor:
    """A program that uploads and waits."""

    def __init__(self, ours: Server) -> None:
        """With a session of its own."""
        self._base = f"{ours.url}/api/v1"
        self._token = ""
        self._token = self.ask("POST", "/sessions", b"")["token"]

    def ask(self, method: str, path: str, data: Any = None, kind: str = "application/json") -> dict[str, Any]:
        """A JSON answer."""
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        request = urllib.request.Request(self._base + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return dict(json.loads(answer.read()))

    def upload(self, path: Path) -> str:
        """Send a file, streamed; the id of its item."""
        size = path.stat().st_size
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()

        def body() -> Iterator[bytes]:
            yield head
            with path.open("rb") as file:
                while block := file.read(2**20):
                    yield block
            yield tail

        url = urllib.request.Request(self._base + "/upload", data=body(), method="POST")
        url.add_header("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        url.add_header("Content-Length", str(len(head) + size + len(tail)))
        url.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(url, timeout=600) as answer:
            return str(json.loads(answer.read())["item"]["id"])

    def transcribed(self, path: Path, look: Callable[[str], None] = lambda job_id: None) -> dict[str, Any]:
        """Upload and transcribe; how the job ended. `look` is called again and again with its id."""
        item = self.upload(path)
        made = self.ask("POST", "/transcriptions", json.dumps({"item_id": item, **OPTIONS}).encode())
        job_id = str(made["jobs"][0]["id"])
        while True:
            look(job_id)
            job = self.ask("GET", f"/jobs/{job_id}")
            if job["state"] not in ("queued", "running"):
                if job["state"] != "done":
                    raise RuntimeError(str(job["error"]))
                return job
            time.sleep(LOOK_S)


def speech(seconds: float) -> Samples:
    """Sentences with pauses of several lengths, over and over."""
    once = np.concatenate([clips.joined(clips.drawn(12, seed), pause_s=0.5 + 0.25 * seed).samples for seed in range(1, 6)])
    return np.resize(once, int(seconds * RATE_HZ))


def wav(path: Path, seconds: float) -> Path:
    """A WAV file of speech, written in blocks."""
    block = (speech(600) * 32_767).astype("<i2").tobytes()
    size = int(seconds * RATE_HZ) * 2
    with path.open("wb") as file:
        file.write(
            struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVEfmt ", 16, 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16, b"data", size)
        )
        while size:
            file.write(block[: min(size, len(block))])
            size -= min(size, len(block))
    return path


def run(hours: float = MEMORY_H) -> list[Figure]:
    """Speed, first text and memory."""
    with scratch_folder() as folder:
        env = {**WHISPER, "SPEECH_WORKERS": "0", "MAX_UPLOAD_MB": "2000", "SESSION_QUOTA_MB": "8000"}
        with server(folder / "outputs", env=env) as ours:
            visitor, short = Visitor(ours), wav(folder / "short.wav", 20)
            visitor.transcribed(short)  # loads and tests the model
            worker = worker_of(ours)
            figures = _speed(visitor, worker, folder)
            figures += _memory(visitor, ours, worker, folder, hours)
    return figures


def worker_of(ours: Server) -> psutil.Process:
    """The process that transcribes."""
    return next(child for child in ours.process.children() if "transcribe" in child.cmdline())


def cpu_s(process: psutil.Process) -> float:
    """Processor seconds of a process so far: what other work on the machine hardly changes."""
    return float(sum(process.cpu_times()[:2]))


def _speed(visitor: Visitor, worker: psutil.Process, folder: Path) -> list[Figure]:
    path = wav(folder / "ten.wav", SPEED_MIN * 60)
    firsts: list[float] = []

    def look(job_id: str) -> None:
        if not seen and visitor.ask("GET", f"/items/{job_id}/transcript?limit=1")["total"]:
            seen.append(time.time())

    ours_s, ours_cpu_s = [], []
    for _ in range(RUNS):
        seen: list[float] = []
        before = cpu_s(worker)
        job = visitor.transcribed(path, look)
        ours_cpu_s.append(cpu_s(worker) - before)
        ours_s.append(job["ended_at"] - job["submitted_at"])
        firsts.append(seen[0] - job["submitted_at"])
    bare, decode_s = _bare(speech(SPEED_MIN * 60)), _decode_s(path, folder)
    fastest = min(bare, key=lambda way: bare[way][0])
    chunk_s = _bare(speech(30), runs=1)["batched"][0]
    shown = ", ".join(f"{way} {seconds:.1f} s ({cpu:.1f} of processors, {mb:.0f} MB)" for way, (seconds, cpu, mb) in bare.items())
    return [
        Figure(
            f"Upload stored to text stored, {SPEED_MIN} min, over bare faster-whisper ({fastest})",
            min(ours_s) / bare[fastest][0],
            MAX_RATIO,
            detail=f"{min(ours_s):.1f} s ({min(ours_cpu_s):.1f} of processors) against {shown}, small test model; "
            f"of ours decoding the file took {decode_s:.2f} s",
        ),
        Figure(
            "First readable text beyond the decoding of 30 s",
            min(firsts) - chunk_s,
            MAX_FIRST_S,
            unit=" s",
            detail=f"{min(firsts):.2f} s after the start, 30 s alone take {chunk_s:.2f} s",
        ),
    ]


def _bare(samples: Samples, runs: int = RUNS) -> dict[str, tuple[float, float, float]]:
    """Seconds and processor seconds of the library's own two ways with the same options, at their best; memory they take, in MB."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(clips.MICRO), device="cpu", compute_type="int8")
    common: dict[str, Any] = {"language": "en", "beam_size": 5, "word_timestamps": True, "vad_filter": True}

    def sequential() -> None:
        list(model.transcribe(samples, condition_on_previous_text=False, **common)[0])

    def batched() -> None:
        list(BatchedInferencePipeline(model).transcribe(samples, batch_size=8, without_timestamps=False, **common)[0])

    found = {}
    for name, way in (("sequential", sequential), ("batched", batched)):
        times: list[tuple[float, float, float]] = []
        own = psutil.Process()
        for _ in range(runs):
            before = resident_mb(own)[0]
            with watched(own) as (peak,):
                began, used = time.perf_counter(), time.process_time()
                way()
                took_s, cpu_took_s = time.perf_counter() - began, time.process_time() - used
            times.append((took_s, cpu_took_s, peak.all_mb - before))
        found[name] = min(times)
    return found


def _decode_s(path: Path, folder: Path) -> float:
    from utils.audio import recording

    began = time.perf_counter()
    recording.decode(path, folder / "sound.pcm", max_seconds=86_400)
    return time.perf_counter() - began


def _memory(visitor: Visitor, ours: Server, worker: psutil.Process, folder: Path, hours: float) -> list[Figure]:
    path = wav(folder / "long.wav", hours * 3600)
    before, server_before = resident_mb(worker), ours.rss_mb()
    with watched(worker, ours.process) as (mine, web):
        began = time.perf_counter()
        visitor.transcribed(path)
        seconds = time.perf_counter() - began
    detail = (
        f"{before[0]:.0f} MB with the model, {mine.all_mb:.0f} at most ({mine.own_mb - before[1]:.0f} more without mapped files)"
    )
    return [
        Figure(
            f"Memory of the worker over the loaded model, {hours:g} h of sound",
            mine.all_mb - before[0],
            MAX_WORKER_MB,
            unit=" MB",
            detail=f"{detail}, {seconds:.0f} s",
        ),
        Figure(
            f"Memory of the server over before, uploading and watching {hours:g} h",
            web.all_mb - server_before,
            MAX_SERVER_MB,
            unit=" MB",
            detail=f"{server_before:.0f} MB before, {web.all_mb:.0f} at most, file of {path.stat().st_size / 2**20:.0f} MB",
        ),
    ]


if __name__ == "__main__":
    print(table(run(float(sys.argv[1]) if len(sys.argv) > 1 else MEMORY_H)))
