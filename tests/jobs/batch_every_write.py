"""Lets the work on a batch die, or its disk refuse, at every write in turn, and looks whether the next attempt puts all right.

    python -m tests.jobs.batch_every_write [--how kill|full|readonly] [--stride N] [--first N]

As `every_write`, with real eSpeak: a child is forked for each point. It is killed just before its N-th write, or from the N-th
write on each one fails as on a disk that is full or read-only.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.jobs.batch_rig import DEFAULTS, Batches, planned, wrong
from tests.jobs.every_write import WRITES, die_at, scratch
from utils.jobs.kinds import KINDS
from utils.jobs.machine import tidy
from utils.session_manager import SessionManager
from utils.storage.batch_log import RowResult, Wish

TEXTS = ("One.", "Two.", "One.", "Four.")
OPTIONS = {"merged": "mp3", "row_subtitles": True, "gap_ms": 100}
REFUSALS = {"full": errno.ENOSPC, "readonly": errno.EROFS}


def speak(batches: Batches) -> None:
    batches.put(planned(TEXTS), options=OPTIONS, defaults=DEFAULTS)
    run_all(batches)


def edit(batches: Batches) -> None:
    speak(batches)
    (job,) = batches.jobs.of_session(batches.rig.session)
    batches.wish(job.id, Wish(2, "Twenty two."))
    run_all(batches)


def cancel_and_go_on(batches: Batches) -> None:
    job_id = batches.put(planned(TEXTS), options=OPTIONS, defaults=DEFAULTS)
    batches.jobs.cancel(batches.rig.session, job_id)
    batches.jobs.retry(batches.rig.session, job_id)
    run_all(batches)


PHASES: dict[str, Callable[[Batches], None]] = {"speak": speak, "edit": edit, "cancel_and_go_on": cancel_and_go_on}


def run_all(batches: Batches) -> None:
    """What a worker does with every name that waits."""
    runner = batches.rig.runner_without_heart(KINDS)
    for name in sorted(batches.rig.journal.open_names()):
        runner(str(name))
    batches.rig.queue.clear()


def refuse_from(number: int, code: int) -> None:
    """Arm this process: from its `number`-th write on the disk refuses."""
    left = number

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in WRITES - {"os.remove", "os.rmdir"} or (event == "open" and _is_new(*arguments)):
            left -= 1
            if left <= 0:
                raise OSError(code, os.strerror(code))

    sys.addaudithook(hook)


def _is_new(path: object, _: object, flags: int) -> bool:
    """A file is opened to be written; a pipe's end is not one, and the null device is never full."""
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) and not isinstance(path, int) and path != os.devnull


def survives(batches: Batches, phase: Callable[[Batches], None], number: int, how: str) -> bool:
    """Run the phase in a child with the `number`-th write as its last good one; whether it had no more than that."""
    batches.rig.queue.close()
    child = os.fork()
    if child == 0:
        die_at(number) if how == "kill" else refuse_from(number, REFUSALS[how])
        try:
            phase(batches)
            os._exit(_how_it_ended(batches))
        except OSError as exc:
            os._exit(3 if exc.errno in REFUSALS.values() else _shown())
        except BaseException as exc:  # noqa: BLE001 - a child must never return into the parent's code
            os._exit(3 if getattr(exc, "code", "") in ("store_unavailable", "conflict") else _shown())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 3, -9):
        raise SystemExit(f"the phase itself failed at write {number}")
    return status == 0


def _how_it_ended(batches: Batches) -> int:
    """0: well; 3: not, for the disk's sake; 1: for another reason."""
    jobs = batches.jobs.of_session(batches.rig.session)
    errors = {str(job.error["code"]) for job in jobs if job.error}
    if errors - {"store_unavailable"}:
        print(errors, file=sys.stderr)
        return 1
    return 0 if {job.state for job in jobs} == {"done"} else 3


def _shown() -> int:
    traceback.print_exc()
    return 1


def recover(batches: Batches) -> Counter[str]:
    """As a new worker and the owner's "retry" do, and then a sweep; the states of all jobs."""
    rig = batches.rig
    rig.journal.release_dead("speech", None)
    rig.journal.find_unmarked()
    tidy(rig.settings.queue_dir, older_than_s=-1.0)
    for _ in range(3):
        rig.journal.reconcile(rig.queue, "speech")
        run_all(batches)
    for job in batches.jobs.of_session(rig.session):
        if job.state in ("failed", "cancelled"):
            batches.jobs.retry(rig.session, job.id)
        elif "is open" in " ".join(wrong(batches.home(job.id))):  # killed between a wish and the job that answers it
            batches.wish(job.id)
        run_all(batches)
    SessionManager(rig.sessions.outputs, clock=lambda: time.time() + 600).cleanup_old_sessions()
    return Counter(job.state for job in batches.jobs.of_session(rig.session))


def finished(batches: Batches) -> dict[tuple[str, int], RowResult]:
    """Rows that are done now."""
    return {
        (item.id, number): result
        for item in batches.rig.sessions.list_items(batches.rig.session)[0]
        for number, result in batches.results(item.id).items()
        if result.state == "done"
    }


def problems_of(batches: Batches, before: dict[tuple[str, int], RowResult]) -> Iterator[str]:
    """Everything that is not as it should be, after the recovery; `before` are the rows that were done before it."""
    rig = batches.rig
    if rig.journal.open_names():
        yield "a marker is left"
    for item in rig.sessions.list_items(rig.session)[0]:
        home = batches.home(item.id)
        yield from wrong(home)
        if [file.name for file in item.files] != ["merged.mp3", "merged.srt", "merged.vtt", "manifest.csv"]:
            yield f"the item lists {[file.name for file in item.files]}"
        if {result.state for result in batches.results(item.id).values()} != {"done"}:
            yield "a row is not done"
    after = finished(batches)
    for key, result in before.items():
        if key not in after:
            yield f"row {key[1]} is lost"
        elif after[key].wish == result.wish and after[key].attempts != result.attempts:
            yield f"row {key[1]} was spoken again"
    for job in batches.jobs.of_session(rig.session):
        if job.error:
            yield f"the job tells {job.error}"
    strays = [path.name for path in rig.sessions.outputs.rglob(".*") if path.name.startswith((".tmp", ".work"))]
    if strays:
        yield f"temporaries {strays}"


def sweep_through(phase: str, how: str, first: int, stride: int) -> dict[str, Any]:
    """Go wrong at write `first`, `first + stride`, ... until the phase has no more writes."""
    states: Counter[str] = Counter()
    problems, number, points = [], first, 0
    while True:
        with scratch() as rig:
            rig.timing = replace(rig.timing, settle_s=(0.01,))
            batches = Batches(rig)
            well = survives(batches, PHASES[phase], number, how)
            before = finished(batches)
            states += recover(batches)
            problems += [f"{phase} at write {number}: {problem}" for problem in problems_of(batches, before)]
        if well:
            return {"phase": phase, "how": how, "points": points, "states": dict(states), "problems": problems}
        number, points = number + stride, points + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--how", choices=("kill", *REFUSALS), default="kill")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--phase", choices=tuple(PHASES), action="append")
    options = parser.parse_args()
    for phase in options.phase or PHASES:
        print(json.dumps(sweep_through(phase, options.how, options.first, options.stride)), flush=True)


if __name__ == "__main__":
    main()
