"""Kills a busy server, its worker or both with -9 at random, again and again, and looks for damage.

    python -m tests.jobs.chaos --cycles 500             SQLite queue
    python -m tests.jobs.chaos --cycles 500 --redis     starts a redis-server of its own, and kills that too

Prints one JSON object. Every process it ends is one that it started.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.jobs.rig import QUICK, SERVER, RedisServer, Rig, rig_in
from utils.jobs.contract import OPEN_STATES
from utils.jobs.machine import tidy
from utils.jobs.records import RECORD
from utils.session_manager import SessionManager

SESSIONS = 3
END_WITHIN_S = 60.0


class Chaos:
    """One run."""

    def __init__(self, rig: Rig, redis: RedisServer | None, seed: int) -> None:
        self.rig = rig
        self.redis = redis
        self.dice = random.Random(seed)
        self.sessions = [rig.session, *(rig.sessions.create_session() for _ in range(SESSIONS - 1))]
        self.torn: list[str] = []
        self.seen_rows: set[Path] = set()
        self.killed: Counter[str] = Counter()
        self.workers: dict[int, psutil.Process] = {}

    def run(self, cycles: int) -> dict[str, Any]:
        """Kill `cycles` times, let everything end, and report."""
        server = self.rig.start((*SERVER, "--busy"))
        for _ in range(cycles):
            self.let_work(server)
            found = self.rig.workers_of(server)
            self.workers |= {worker.pid: worker for worker in found}
            what = self.dice.choice(["worker", "worker", "server", "both"] + (["redis"] if self.redis else ["queue file"]))
            self.killed[what] += 1
            if what in ("worker", "both"):
                for worker in found:
                    worker.kill()
            if what in ("server", "both"):
                server.kill()
                server.wait()
                server = self.rig.start((*SERVER, "--busy"))
            if what == "redis" and self.redis:
                self.redis.kill()
                self.redis.start()
            if what == "queue file":
                self.spoil_queue()
            self.look()
        self.workers |= {worker.pid: worker for worker in self.rig.workers_of(server)}
        server.kill()
        server.wait()
        return self.end()

    def let_work(self, server: subprocess.Popen[bytes]) -> None:
        """Mostly until something is going on, so that a slow machine does not only see starts; then a random while."""
        deadline = time.monotonic() + self.dice.choice([0.0, 5.0, 5.0, 5.0])
        before = len(self.rig.journal.open_names())
        while time.monotonic() < deadline and len(self.rig.journal.open_names()) == before:
            time.sleep(0.02)
        time.sleep(self.dice.uniform(0.0, 0.8))

    def spoil_queue(self) -> None:
        for path in self.rig.settings.queue_dir.glob("speech.db*"):
            if self.dice.random() < 0.5:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(b"spoiled " * 64)

    def look(self) -> None:
        """Read what is there in mid-work: nothing may ever be torn."""
        for path in files_in(self.rig.sessions.outputs):
            if any(part[0] == "." for part in path.relative_to(self.rig.settings.outputs_dir).parts):
                continue  # ours, or being built and seen by nobody
            try:
                data = path.read_bytes()
            except OSError:
                continue
            if path.name.startswith("row-"):
                self.seen_rows.add(path)
            if path.name.startswith("row-") or path.suffix == ".json":
                try:
                    json.loads(data)
                except ValueError:
                    self.torn.append(str(path))
            elif path.name == "speech.txt" and data != b"speech":
                self.torn.append(str(path))

    def end(self) -> dict[str, Any]:
        began = time.monotonic()
        server = self.rig.start(SERVER)
        while self.rig.journal.open_names() and time.monotonic() - began < END_WITHIN_S:
            time.sleep(0.05)
        ended_after_s = time.monotonic() - began
        self.workers |= {worker.pid: worker for worker in self.rig.workers_of(server)}
        server.kill()
        server.wait()
        deadline = time.monotonic() + 10.0  # for workers whose server is gone
        while (orphans := self.orphans()) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.look()
        SessionManager(self.rig.sessions.outputs, clock=lambda: time.time() + 3000).cleanup_old_sessions()
        tidy(self.rig.settings.queue_dir, older_than_s=-1.0)
        return self.figures() | {"ended_after_s": round(ended_after_s, 1), "orphans": orphans}

    def orphans(self) -> list[int]:
        """Workers that still live."""
        alive = []
        for worker in self.workers.values():
            with suppress(psutil.NoSuchProcess):
                if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
                    alive.append(worker.pid)
        return alive

    def figures(self) -> dict[str, Any]:
        jobs = [job for session in self.sessions for job in self.rig.jobs.of_session(session)]
        failed = Counter(str(job.error and job.error["code"]) for job in jobs if job.state == "failed")
        return {
            "kills": dict(self.killed),
            "jobs": len(jobs),
            "states": dict(Counter(job.state for job in jobs)),
            "failed_with": dict(failed),
            "attempts": dict(Counter(str(job.attempt) for job in jobs)),
            "torn": self.torn,
            "finished_rows_seen": len(self.seen_rows),
            "finished_rows_lost": [str(path) for path in self.seen_rows if not path.exists()],
            "wrong_batches": [str(home) for home in self.wrong_batches()],
            "open": sorted(map(str, self.rig.journal.open_names())),
            "left_behind": self.left_behind(),
        }

    def wrong_batches(self) -> list[Path]:
        """Finished batches whose list of files is not each row once."""
        wrong = []
        for record in self.rig.sessions.outputs.glob(f"*/bulk/*/{RECORD}"):
            item = json.loads((record.parent / "item.json").read_bytes())
            names = [file["name"] for file in item["files"]]
            if json.loads(record.read_bytes())["state"] == "done" and names != [f"row-{row:04}.txt" for row in range(15)]:
                wrong.append(record.parent)
        return wrong

    def left_behind(self) -> list[str]:
        """Temporaries, leases and notes that nobody needs any more."""
        found = [path for path in files_in(self.rig.sessions.outputs) if "/.tmp" in str(path) or "/.work" in str(path)]
        for record in self.rig.sessions.outputs.glob(f"*/*/*/{RECORD}"):
            if json.loads(record.read_bytes())["state"] not in OPEN_STATES:
                found += [path for path in record.parent.iterdir() if path.name == "cancel" or path.name.startswith("lease.")]
        return [str(path) for path in found]


def files_in(folder: Path) -> Iterator[Path]:
    """Everything below, as far as it is still there: unlike Path.glob, os.walk does not mind what vanishes."""
    for place, folders, names in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *names))


def run(folder: Path, cycles: int, *, redis: bool, seed: int) -> dict[str, Any]:
    """Everything, in a scratch folder."""
    server = RedisServer(folder) if redis else None
    try:
        with rig_in(folder, url=server.url if server else "", timing=QUICK) as rig:
            return Chaos(rig, server, seed).run(cycles)
    finally:
        if server:
            server.close()


def is_well(figures: dict[str, Any]) -> bool:
    """Nothing torn, lost, doubled, left open or left behind, and everything ended in time."""
    kept = ("torn", "finished_rows_lost", "wrong_batches", "open", "left_behind", "orphans")
    return not any(figures[key] for key in kept) and figures["ended_after_s"] < END_WITHIN_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=500)
    parser.add_argument("--redis", action="store_true")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), options.cycles, redis=options.redis, seed=options.seed)
    figures |= {"seed": options.seed, "seconds": round(time.monotonic() - began)}
    print(json.dumps(figures, indent=1))
    sys.exit(0 if is_well(figures) else 1)


if __name__ == "__main__":
    main()
