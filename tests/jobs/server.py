"""A stand-in for the web server, for tests that kill it: it only keeps a worker alive. `python -m tests.jobs.server`"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from tests.jobs.rig import WORKER
from utils.jobs.supervise import Supervisor
from utils.settings import Settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    Supervisor(Settings.load(os.environ, Path("no.env")), ["speech"], command=WORKER, max_pause_s=0.3).start()
    while True:
        time.sleep(60)
