"""A recording without captions: how soon its chunks are acknowledged, and what it costs the server in processor and memory."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import struct
import time
import urllib.request
from pathlib import Path

from websockets.asyncio.client import connect

from benchmarks.figure import Figure
from benchmarks.rig import Server, scratch_folder, server

RATE_HZ, CHUNK_S = 16_000, 0.1
WARM_S, IDLE_S, REAL_S, SPEAKERS = 3.0, 4.0, 20.0, 4
HOUR_CHUNK = 64_000  # two seconds of sound
SETTINGS = {"LIVE_WORKERS": "0", "STT_ENGINE": "draft", "TRANSCRIBE_WORKERS": "0"}


def _token(url: str) -> str:
    request = urllib.request.Request(url + "/api/v1/sessions", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.loads(answer.read())["token"])


async def _begin(url: str, token: str) -> object:
    socket = await connect(url.replace("http", "ws") + "/api/v1/live", proxy=None)
    wish = {"action": "start", "sample_rate": RATE_HZ, "token": token, "captions": False, "transcript": False}
    await socket.send(json.dumps(wish))
    while json.loads(await socket.recv())["event"] != "status":
        continue
    return socket


async def _speak(url: str, token: str, seconds: float, delays: list[float]) -> None:
    """In real time; `delays` gets the seconds from sending each chunk to its acknowledgement."""
    socket = await _begin(url, token)
    sent: dict[int, float] = {}
    count, sound = round(seconds / CHUNK_S), os.urandom(round(RATE_HZ * CHUNK_S) * 2)

    async def listen() -> None:
        done = -1
        while done < count - 1:
            event = json.loads(await socket.recv())  # type: ignore[attr-defined]
            if event["event"] == "ack":
                now = time.perf_counter()
                for seq in range(done + 1, event["seq"] + 1):
                    delays.append(now - sent[seq])
                done = event["seq"]

    listening = asyncio.create_task(listen())
    began = time.perf_counter()
    for seq in range(count):
        await asyncio.sleep(max(0.0, began + seq * CHUNK_S - time.perf_counter()))
        sent[seq] = time.perf_counter()
        await socket.send(struct.pack("<I", seq) + sound)  # type: ignore[attr-defined]
    await listening
    await socket.close()  # type: ignore[attr-defined]


async def _pour(folder: Path, url: str, token: str, hours: float) -> None:
    """An hour of sound as it would be sent after a long time without a network: as fast as the rules allow."""
    socket = await _begin(url, token)
    for facts in folder.glob("*/single/*/live.json"):  # as if it had begun that long ago
        found = json.loads(facts.read_bytes())
        facts.write_text(json.dumps({**found, "started_at": found["started_at"] - hours * 3600}))
    item = json.loads(next(folder.glob("*/single/*/item.json")).read_bytes())["id"]
    await socket.close()  # type: ignore[attr-defined]
    socket = await connect(url.replace("http", "ws") + "/api/v1/live", proxy=None)
    await socket.send(json.dumps({"action": "resume", "item_id": item, "token": token}))
    sound, count = os.urandom(HOUR_CHUNK), round(hours * 3600 * RATE_HZ * 2 / HOUR_CHUNK)
    done, seq = -1, 0
    while done < count - 1:
        while seq < count and seq - done <= 20:
            await socket.send(struct.pack("<I", seq) + sound)
            await asyncio.sleep(0.0105)  # 100 messages a second
            seq += 1
        event = json.loads(await socket.recv())
        done = event["seq"] if event["event"] == "ack" else done
    await socket.close()


async def _several(up: Server, delays: list[float]) -> float:
    tokens = [_token(up.url) for _ in range(SPEAKERS)]
    await asyncio.gather(*(_speak(up.url, token, WARM_S, []) for token in [_token(up.url) for _ in range(SPEAKERS)]))
    await asyncio.sleep(IDLE_S)  # whatever the start of the server still does
    began = up.cpu_s()
    await asyncio.sleep(IDLE_S)
    idle_s = (up.cpu_s() - began) / IDLE_S
    began = up.cpu_s()
    await asyncio.gather(*(_speak(up.url, token, REAL_S, delays) for token in tokens))
    return ((up.cpu_s() - began) / REAL_S - idle_s) / SPEAKERS


def run() -> list[Figure]:
    """Four people record for a while in real time; then one hour of sound comes at once."""
    with scratch_folder() as folder, server(folder / "outputs", env=SETTINGS) as up:
        delays: list[float] = []
        share = asyncio.run(_several(up, delays))
    with scratch_folder() as folder, server(folder / "outputs", env=SETTINGS) as up:
        token = _token(up.url)
        asyncio.run(_speak(up.url, _token(up.url), WARM_S, []))
        for left in (folder / "outputs").glob("*/single"):
            left.rename(left.with_name("before"))
        before = up.rss_mb()
        asyncio.run(_pour(folder / "outputs", up.url, token, 1.0))
        grown = up.rss_mb() - before
    p95 = statistics.quantiles(delays, n=20)[-1] * 1000
    load = f"load {os.getloadavg()[0]:.1f}"
    spread = f"median {statistics.median(delays) * 1000:.1f} ms, {SPEAKERS} recording at once, {len(delays)} chunks, {load}"
    return [
        Figure("chunk of a recording acknowledged, p95", p95, 50, unit=" ms", detail=spread),
        Figure(
            "processor for a recording without captions", share * 100, 2, unit=" % of a core", detail=f"{SPEAKERS} at once, {load}"
        ),
        Figure("memory for an hour of recording", grown, 10, unit=" MB", detail="of the web process"),
    ]
