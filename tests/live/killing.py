"""Kills a server at random moments of recordings, and holds what is on disk against what was acknowledged.

`python -m tests.live.killing --cycles 100`: one recording a cycle. The server dies by SIGKILL at any moment of it, another one
starts on the same folder, and the client goes on with what was not acknowledged. In the end the WAV must be the sound, sample by
sample.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.api.served import ROOT, Served, wait_until_up
from tests.live.speaking import Speaker, chunks_of, sound, speaking, token_of
from tests.ports import Port

LOST = (ConnectionClosed, InvalidHandshake, OSError, EOFError, TimeoutError)


class Mortal:
    """A server that can be killed and started again on the same folder and port."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.outputs, self.log = folder / "outputs", folder / "server.log"
        self.held = Port()
        self.port = self.held.number
        self.outputs.mkdir(exist_ok=True)
        more = {
            "OUTPUTS_DIR": str(self.outputs),
            "TTS_ENGINE": "espeak",
            "STT_ENGINE": "draft",
            "LIVE_WORKERS": "0",
            "TRANSCRIBE_WORKERS": "0",
        }
        self._environ = os.environ | more | settings
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until_up(Served(self.url, self.outputs, self.log, self._process.pid), self._process)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
            self.kill()

    @property
    def pid(self) -> int:
        """Of the server that runs now."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)


@contextlib.contextmanager
def mortal(folder: Path, **settings: str) -> Iterator[Mortal]:
    """A server, started."""
    server = Mortal(folder, **settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.held.close()


class Feeder:
    """Feeds one recording, as a page does: what is not acknowledged is kept and sent again."""

    def __init__(self, server: Mortal, token: str, parts: list[bytes], url: str = "") -> None:
        self.server, self.token, self.parts = server, token, parts
        self.url = url or server.url
        self.item_id, self.acked = "", -1
        self.over = False
        self.problems: list[str] = []

    def feed(self, until: int, *, stop: bool = False, ack_within_s: float = 60, pace_s: float = 0.0) -> bool:
        """Connect, feed up to a chunk, and stop if asked to; False when the line broke before."""
        try:
            with speaking(self.url, open_timeout=30, close_timeout=1) as speaker:
                first = self._begin(speaker)
                for seq in range(first, until):
                    speaker.send(seq, self.parts[seq])
                    for event in speaker.there():
                        self.acked = event["seq"] if event["event"] == "ack" else self.acked
                    time.sleep(pace_s)
                while self.acked < until - 1 and not self.over:
                    self.acked = speaker.until("ack", ack_within_s)["seq"]
                if stop and not self.over:
                    speaker.say("stop", next_seq=len(self.parts))
                    speaker.until("status", 60)
                    self.over = True
                return True
        except LOST:
            return False

    def _begin(self, speaker: Speaker) -> int:
        """Start or resume; the chunk to go on with."""
        if not self.item_id:
            speaker.say("start", sample_rate=16_000, token=self.token, captions=False, transcript=False)
            told = speaker.next()
            if told.get("code") == "too_many":
                raise ConnectionError(told["detail"])
            self.item_id = told["item_id"]  # also of the refusal: a start that nobody heard of any more
            if told["event"] == "status":
                return int(told["next_seq"])
        speaker.say("resume", item_id=self.item_id, token=self.token)
        told = speaker.next()
        if told["event"] == "error" and told["code"] == "conflict":  # stopped before, as far as the server knows
            self.over = True
            return len(self.parts)
        if told["event"] == "error":  # comes too often: later
            raise ConnectionError(told["detail"])
        if told["next_seq"] <= self.acked:
            self.problems.append(f"acknowledged {self.acked}, but {told['next_seq']} is asked for")
        return int(told["next_seq"])

    def finish(self) -> bytes:
        """The end of it, and the samples of the WAV."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with speaking(self.url) as speaker, self.server.client() as client:
            if self._begin(speaker) < len(self.parts):
                self.problems.append("chunks are missing in the end")
            if not self.over:
                speaker.say("stop", next_seq=len(self.parts))
            speaker.until("final", 60)
            item = client.get(f"/api/v1/items/{self.item_id}", headers=headers).json()
            if (item["kind"], item["result"].get("why")) != ("recording", "stop"):
                self.problems.append(f"not finished: {item}")
            answer = client.get(f"/api/v1/items/{self.item_id}/files/recording.wav", headers=headers)
            with wave.open(BytesIO(answer.content)) as file:
                return bytes(file.readframes(file.getnframes()))


def cycle(server: Mortal, dice: random.Random, seconds: float = 6.0) -> dict[str, Any]:
    """One recording with a death at any moment: at its start, in its midst, while it is stopped or made."""
    import threading

    data = sound(seconds, seed=dice.randrange(2**31))
    parts = chunks_of(data, dice.choice((640, 3200, 12_800)))
    with server.client() as client:
        feeder = Feeder(server, token_of(client), parts)
    if dice.random() < 0.8 and not feeder.feed(dice.randint(0, len(parts) // 2)):
        feeder.problems.append("the line broke without a death")
    killer = threading.Timer(dice.random() * dice.choice((0.1, 0.6)), server.kill)
    killer.start()
    feeder.feed(len(parts), stop=True)
    killer.join()
    server.start()
    ends = time.monotonic() + 120
    while not feeder.feed(len(parts)) and time.monotonic() < ends:
        time.sleep(0.1)
    found = feeder.finish()
    if found != data:
        feeder.problems.append(f"{len(found)} bytes instead of {len(data)}, or other ones")
    return {"chunks": len(parts), "problems": feeder.problems}


def run(folder: Path, cycles: int, seed: int, most_s: float = 3600) -> list[str]:
    """All problems of so many cycles."""
    dice, problems = random.Random(seed), list[str]()
    with mortal(folder) as server:
        ends = time.monotonic() + most_s
        for number in range(cycles):
            if time.monotonic() > ends:
                problems.append(f"only {number} cycles went into the time")
                break
            found = cycle(server, dice)
            problems += [f"cycle {number} (seed {seed}): {problem}" for problem in found["problems"]]
        problems += [f"not seen to its end: {left.name}" for left in server.outputs.glob(".live/*")]
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60, help="no further cycle begins after so long")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = run(Path(folder), options.cycles, options.seed, options.minutes * 60)
    print("\n".join(problems) or f"{options.cycles} cycles, nothing lost, nothing doubled")


if __name__ == "__main__":
    main()
