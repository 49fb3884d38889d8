"""Kills a process at every write in turn, and looks whether the next one puts all right. `python -m tests.jobs.every_write`

A child is forked for each point (nothing here has threads), an audit hook counts what it does to files (open for writing,
rename, remove, make a folder, set a time) and kills it with SIGKILL just before the N-th. Then this process recovers as a new
worker would, and checks what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.jobs.rig import Rig, rig_in
from utils.jobs.machine import tidy
from utils.jobs.runner import Timing
from utils.session_manager import SessionManager

ROWS = 3
WRITES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.truncate"})
LAZY = Timing(lease_s=60.0, tend_s=60.0, slice_s=60.0, retry_s=0.0)


def generate(rig: Rig) -> None:
    job_id = rig.put("rows", rows=ROWS, seconds=0.0)
    rig.journal.reconcile(rig.queue, "speech")
    run_all(rig)
    rig.jobs.status(rig.session, job_id)


def cancel_and_retry(rig: Rig) -> None:
    job_id = rig.put("rows", rows=ROWS, seconds=0.0)
    rig.jobs.cancel(rig.session, job_id)
    rig.jobs.retry(rig.session, job_id)
    run_all(rig)


def fail_and_retry(rig: Rig) -> None:
    job_id = rig.put("flaky")
    run_all(rig)
    run_all(rig)
    run_all(rig)
    rig.jobs.submit(rig.session, rig.new("rows", job_id, rows=ROWS, seconds=0.0))
    run_all(rig)


PHASES: dict[str, Callable[[Rig], None]] = {
    "generate": generate,
    "cancel_and_retry": cancel_and_retry,
    "fail_and_retry": fail_and_retry,
}


def run_all(rig: Rig) -> None:
    """What a worker does with every name that waits, without its threads."""
    runner = rig.runner_without_heart()
    for name in sorted(rig.journal.open_names()):
        runner(str(name))
    rig.queue.clear()


def die_at(number: int) -> None:
    """Arm this process: it dies just before its `number`-th write."""
    left = number

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in WRITES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def survives(rig: Rig, phase: Callable[[Rig], None], number: int) -> bool:
    """Run the phase in a child that dies at its `number`-th write; whether it had fewer."""
    rig.queue.close()
    child = os.fork()
    if child == 0:
        die_at(number)
        try:
            phase(rig)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child must never return into the parent's code
            import traceback

            traceback.print_exc()
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"the phase itself failed at write {number}")
    return status == 0


def recover(rig: Rig) -> Counter[str]:
    """As a new worker and a look of its owner do, and then a sweep; the states of all jobs."""
    rig.journal.release_dead("speech", None)
    rig.journal.find_unmarked()
    tidy(rig.settings.queue_dir, older_than_s=-1.0)
    for _ in range(4):  # as often as a job may be tried
        rig.journal.reconcile(rig.queue, "speech")
        run_all(rig)
    for job in rig.jobs.of_session(rig.session):
        if job.state in ("failed", "cancelled"):
            rig.jobs.retry(rig.session, job.id)
    for _ in range(3):
        run_all(rig)
    SessionManager(rig.sessions.outputs, clock=lambda: time.time() + 600).cleanup_old_sessions()
    return Counter(job.state for job in rig.jobs.of_session(rig.session))


def wrong(rig: Rig) -> Iterator[str]:
    """Everything that is not as it should be."""
    if rig.journal.open_names():
        yield "a marker is left"
    for item in rig.sessions.list_items(rig.session)[0]:
        home = rig.sessions.item_path(rig.session, item.id)
        if item.request.get("rows"):
            names = [f"row-{row:04}.txt" for row in range(ROWS)]
            if sorted(file.name for file in item.files) != names:
                yield f"rows {[file.name for file in item.files]}"
            elif [json.loads((home / name).read_text())["row"] for name in names] != list(range(ROWS)):
                yield "a row is torn"
        allowed = {"item.json", "job.json", "computed.log", "speech.txt", *(file.name for file in item.files)}
        if left := {path.name for path in home.iterdir()} - allowed:
            yield f"left behind {sorted(left)}"
    strays = [path.name for path in rig.sessions.outputs.rglob(".*") if path.name.startswith((".tmp", ".work"))]
    if strays:
        yield f"temporaries {strays}"


@contextmanager
def scratch() -> Iterator[Rig]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # SIGKILL leaves the page cache: a disk would only be slower
    folder = Path(tempfile.mkdtemp(dir=memory))
    try:
        with rig_in(folder, timing=LAZY) as rig:
            yield rig
    finally:
        shutil.rmtree(folder)


def sweep_through(phase: str, first: int, stride: int) -> dict[str, Any]:
    """Die at write `first`, `first + stride`, ... until the phase has no more writes."""
    states: Counter[str] = Counter()
    problems, number, points = [], first, 0
    while True:
        with scratch() as rig:
            finished = survives(rig, PHASES[phase], number)
            states += recover(rig)
            problems += [f"{phase} at write {number}: {problem}" for problem in wrong(rig)]
        if finished:
            return {"phase": phase, "points": points, "states": dict(states), "problems": problems}
        number, points = number + stride, points + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    for phase in PHASES:
        print(json.dumps(sweep_through(phase, options.first, options.stride)), flush=True)


if __name__ == "__main__":
    main()
