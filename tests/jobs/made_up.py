"""Kinds of work for the tests, in the shapes of the real ones, and a worker that runs them.

`python -m tests.jobs.made_up speech --attached` is the real worker with these kinds. Its timing comes from the environment,
which only this module reads.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from utils.errors import BadInput
from utils.jobs.context import Context
from utils.jobs.kinds import Kind
from utils.jobs.runner import Timing
from utils.jobs.worker import end, run
from utils.settings import Settings
from utils.storage.item import ItemFile

TIMING = "TEST_TIMING"


def publish(context: Context, name: str, text: str) -> ItemFile:
    with context.scratch() as folder:
        built = folder / name
        built.write_text(text, "utf-8")
        path = context.publish(built, name)
    return ItemFile(name, "text/plain", path.stat().st_size, "audio")


def small(context: Context) -> None:
    """A short text: sleeps, then publishes one file."""
    time.sleep(context.item.request.get("seconds", 0.0))
    context.finish({"attempt": context.attempt}, [publish(context, "speech.txt", "speech")])


def steps(context: Context) -> None:
    """Work without checkpoints that reports often."""
    total = context.item.request.get("steps", 20)
    for step in range(total):
        time.sleep(context.item.request.get("seconds", 0.1))
        context.note(f"Step {step + 1}.")
        context.progress(step + 1, total)
    context.finish({}, [publish(context, "speech.txt", "speech")])


def rows(context: Context) -> None:
    """A batch: each row is a file and a checkpoint; every computation is noted in a log beside them."""
    total, home = context.item.request["rows"], context.sessions.item_path(context.session_id, context.item.id)
    files = []
    for row in range(total):
        name = f"row-{row:04}.txt"
        if (home / name).exists():
            files.append(ItemFile(name, "text/plain", (home / name).stat().st_size, "audio"))
            continue
        time.sleep(context.item.request.get("seconds", 0.02))
        with (home / "computed.log").open("a") as log:
            log.write(f"{row}\n")
        files.append(publish(context, name, json.dumps({"row": row})))
        context.progress(row + 1, total)
    context.finish({"rows": total}, files)


def poison(context: Context) -> None:
    """Kills its own worker, as a crash in native code would."""
    os.kill(os.getpid(), signal.SIGKILL)


def flaky(context: Context) -> None:
    """Fails twice, then works."""
    if context.attempt < 3:
        raise OSError("secret words of somebody")
    small(context)


def broken(context: Context) -> None:
    """Fails always, by surprise."""
    raise RuntimeError("secret words of somebody")


def refused(context: Context) -> None:
    """Cannot be done as it was asked."""
    raise BadInput("The text holds no letter.", "Type some.")


def deaf(context: Context) -> None:
    """Never asks whether it should stop, then writes."""
    time.sleep(context.item.request.get("seconds", 4.0))
    context.finish({"deaf": True}, [publish(context, "late.txt", "late")])


def leaves(context: Context) -> None:
    """Leaves a call behind in a thread that nothing can end, as a decoding that is broken off does."""
    ThreadPoolExecutor(1).submit(time.sleep, 60)
    steps(context)


def struck(context: Context) -> None:
    """The signal to end arrives in this thread, not in the main one: the kernel is free to choose."""
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    steps(context)


KINDS = {
    "small": Kind("speech", small),
    "steps": Kind("speech", steps),
    "rows": Kind("speech", rows, resumable=True),
    "poison": Kind("speech", poison),
    "flaky": Kind("speech", flaky),
    "broken": Kind("speech", broken),
    "refused": Kind("speech", refused),
    "deaf": Kind("speech", deaf),
    "leaves": Kind("speech", leaves),
    "struck": Kind("speech", struck),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pool")
    parser.add_argument("--attached", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    settings = Settings.load(os.environ, Path("no.env"))
    run(settings, options.pool, kinds=KINDS, timing=Timing(**json.loads(os.environ.get(TIMING, "{}"))), attached=options.attached)
    end()


if __name__ == "__main__":
    main()
