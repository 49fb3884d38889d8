"""A stand-in for the web server, for tests that kill it: keeps a worker alive, and with `--busy` brings work too.

`python -m tests.jobs.server [--busy]`
"""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.jobs.made_up import KINDS
from tests.jobs.rig import WORKER
from utils.errors import AppError
from utils.jobs.contract import NewJob
from utils.jobs.file_jobs import FileJobs
from utils.jobs.journal import Journal
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.supervise import Supervisor
from utils.session_manager import SessionManager
from utils.settings import Settings

KEPT_OPEN = 10
SOUGHT = (
    NewJob("small", "Small", "speech", {"seconds": 0.02}),
    NewJob("steps", "Steps", "speech", {"steps": 10, "seconds": 0.02}),
    NewJob("rows", "Rows", "batch", {"rows": 15, "seconds": 0.01}, folder="bulk"),
)


def bring_work(settings: Settings) -> None:
    """Submit, cancel, retry and look at random, as a few people do, until killed."""
    sessions, dice = SessionManager.from_settings(settings), random.Random()
    queue = Queue(settings.jobs_url, settings.queue_dir, ("speech",))
    jobs = FileJobs(Journal(sessions), queue, KINDS, Rates(settings.queue_dir / "rates.json"), slots={"speech": 4})
    while True:
        time.sleep(dice.random() * 0.02)
        session = dice.choice(sessions.get_all_session_ids())
        with suppress(AppError):  # such as Conflict: it ended meanwhile
            shown = jobs.of_session(session, open_only=True)
            if len(shown) < KEPT_OPEN:
                jobs.submit(session, dice.choice(SOUGHT))
            elif dice.random() < 0.1:
                victim = dice.choice(shown).id
                jobs.cancel(session, victim)
                jobs.retry(session, victim)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    settings = Settings.load(os.environ, Path("no.env"))
    Supervisor(settings, ["speech"], command=WORKER, max_pause_s=0.3).start()
    if "--busy" in sys.argv:
        bring_work(settings)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
