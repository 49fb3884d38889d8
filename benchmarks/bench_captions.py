"""Live captions with 1, 2 and 4 people who speak at once: how late words are, how right, how restless, and what they cost.

By the clock: sound goes over sockets to a server as fast as it is spoken, its worker decodes with the small model of the tests, and
what counts is when a word is there at the client. So the machine must do nothing else. Takes four minutes.

`python -m benchmarks.bench_captions 30`: does lag grow within thirty minutes? In simulated time, see `captions_simulated`.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.captions_kit import CHUNK_S, CORES, PAUSE_S, lateness, replaced
from benchmarks.captions_simulated import grow
from benchmarks.figure import Figure, table
from benchmarks.rig import ROOT, Server, scratch_folder, server
from tests.transcription import clips
from tests.transcription.live_kit import Heard
from utils.jobs.live_slots import slots_of
from utils.transcription.captions_rules import Caption
from utils.transcription.contract import RATE_HZ, Word

SPEAKERS = {1: 60.0, 2: 45.0, 4: 45.0}  # how many at once, and for how many seconds
COMMIT_P50_S, COMMIT_P95_S, TENTATIVE_P50_S = 1.5, 3.0, 0.7
MAX_WER, MAX_FLICKER = 5.0, 1.0
MAX_CORES = 0.5  # for each speaker: what two cores have for each of four, with the server
SETTINGS = {
    "STT_ENGINE": "whisper",
    "WHISPER_MODEL": str(clips.MICRO),
    "WHISPER_DEVICE": "cpu",
    "WHISPER_COMPUTE_TYPE": "int8",
    "HF_HUB_OFFLINE": "1",
    "LIVE_WORKERS": str(max(SPEAKERS)),
}


@dataclass
class Told:
    """One speaker: what was said, what the socket told and when, counted from the first sample."""

    said: clips.Clip
    heard: Heard = field(default_factory=Heard)
    final: str = ""

    def take(self, event: dict[str, Any], now: float) -> None:
        """An event of the socket."""
        if event["event"] == "words" and not event.get("all"):
            words = tuple(Word(0.0, 0.0, f" {text}") for text in event["committed"].split())
            committed = "".join(word.text for word in words)
            caption = Caption(len(self.heard.captions) + 1, committed, words, event["tentative"], event["end"])
            self.heard.add(caption, now)
        elif event["event"] == "final":
            self.final = event["text"]
        elif event["event"] == "error":
            raise RuntimeError(event["detail"])


def said_for(seconds: float, seed: int) -> clips.Clip:
    """As many sentences as fit into so many seconds."""
    texts: list[str] = []
    length = 0.0
    for text in clips.drawn(round(seconds), seed=seed):
        length += clips.clip(text).seconds + PAUSE_S
        if length > seconds:
            break
        texts.append(text)
    return clips.joined(texts, pause_s=PAUSE_S)


async def speak(url: str, told: Told) -> None:
    """One recording in real time, until its final text is there."""
    async with connect(url.replace("http", "ws") + "/api/v1/live", proxy=None) as socket:
        await socket.send(json.dumps({"action": "start", "sample_rate": RATE_HZ, "language": "en", "token": _token(url)}))
        while json.loads(await socket.recv())["event"] != "status":
            continue
        began = time.perf_counter()
        listening = asyncio.create_task(_listen(socket, told, began))
        pcm = (np.clip(told.said.samples, -1, 1) * 32_767).astype("<i2").tobytes()
        size = round(CHUNK_S * RATE_HZ) * 2
        for seq in range(-(-len(pcm) // size)):
            await asyncio.sleep(max(0.0, began + (seq + 1) * CHUNK_S - time.perf_counter()))  # when it has been spoken
            await socket.send(struct.pack("<I", seq) + pcm[seq * size : (seq + 1) * size])
        await asyncio.sleep(3.0)  # until everything is committed; whoever presses Stop is not faster
        await socket.send(json.dumps({"action": "stop"}))
        await asyncio.wait_for(listening, 120)


async def _listen(socket: ClientConnection, told: Told, began: float) -> None:
    while not told.final:
        event = json.loads(await socket.recv())
        told.take(event, time.perf_counter() - began)


async def several(up: Server, people: list[Told]) -> float:
    """All at once; processor seconds of the server and its workers for each second of sound of a speaker, while they speak."""
    began = up.cpu_s(workers=True)
    talks = [asyncio.create_task(speak(up.url, told)) for told in people]
    seconds = min(told.said.seconds for told in people)
    await asyncio.sleep(seconds)
    spent = (up.cpu_s(workers=True) - began) / seconds / len(people)
    await asyncio.gather(*talks)
    return spent


def run() -> list[Figure]:
    """All speakers; the committed text against the final pass over the same sound; tentative words that were replaced."""
    core_s = _core_s()
    figures: list[Figure] = []
    with scratch_folder() as folder, server(folder / "outputs", env=SETTINGS) as up:
        asyncio.run(several(up, [Told(said_for(6, 1))]))  # loads the models
        for count, seconds in SPEAKERS.items():
            load = os.getloadavg()[0]
            people = [Told(said_for(seconds, seed=20 + number)) for number in range(count)]
            spent = asyncio.run(several(up, people))
            figures += _figures(people, f"{count} at once", f"small test model, {CORES} cores wanted, load before {load:.1f}")
            detail = (
                f"measured at the start: {core_s:.3f} s for a short sentence, {slots_of(core_s, CORES)} places on {CORES} cores"
            )
            figures.append(Figure(f"Processor for each speaker, {count} at once", spent, MAX_CORES, unit=" cores", detail=detail))
        taken = slots_of(core_s, CORES) * spent
        figures.append(Figure("Processor if all places that were measured are taken", taken, CORES, unit=" cores", detail=detail))
    return figures


def _figures(people: list[Told], name: str, detail: str) -> list[Figure]:
    late = [lateness(told.heard, told.said) for told in people]
    committed = [value for each in late for value in each.committed]
    tentative = [value for each in late for value in each.tentative]
    words = sum(len(told.heard.words) for told in people)
    wer = [clips.wer(told.final, told.heard.text) for told in people]
    mine = np.mean([clips.wer(told.said.text, told.heard.text) for told in people])
    theirs = np.mean([clips.wer(told.said.text, told.final) for told in people])
    restless = sum(replaced(told.heard.captions) for told in people) / max(1, words)
    spread = f"p95 {_share(tentative, 95):.2f} s; {detail}"
    right = f"against what was said: committed {mine:.1f} %, final pass {theirs:.1f} %"
    rows = (
        ("End of sound to committed word, median", _share(committed, 50), COMMIT_P50_S, " s", f"{len(committed)} words"),
        ("End of sound to committed word, p95", _share(committed, 95), COMMIT_P95_S, " s", detail),
        ("End of sound to tentative word, median", _share(tentative, 50), TENTATIVE_P50_S, " s", spread),
        ("WER of committed words against the final pass", float(np.mean(wer)), MAX_WER, " %", right),
        ("Tentative words replaced for each committed word", restless, MAX_FLICKER, "", "case and punctuation do not count"),
    )
    return [Figure(f"{what}, {name}", value, goal, unit=unit, detail=told) for what, value, goal, unit, told in rows]


def _share(values: list[float], share: float) -> float:
    return float(np.percentile(values, share))


def _core_s() -> float:
    """What a worker measures at its start."""
    command = [sys.executable, "-m", "utils.jobs.live_slots"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **SETTINGS}, stdout=subprocess.PIPE, check=True)
    return float(json.loads(done.stdout)["core_s"])


def _token(url: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url + "/api/v1/sessions", method="POST"), timeout=30) as answer:
        return str(json.loads(answer.read())["token"])


if __name__ == "__main__":
    print(table(grow(float(sys.argv[1])) if len(sys.argv) > 1 else run()))
