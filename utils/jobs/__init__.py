"""Work that outlives a click. `build_jobs` wires it; everybody above sees `contract`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.jobs.file_jobs import FileJobs
    from utils.jobs.supervise import Supervisor
    from utils.session_manager import SessionManager
    from utils.settings import Settings


def build_jobs(settings: Settings, sessions: SessionManager) -> tuple[FileJobs, Supervisor]:
    """The jobs and the supervisor of this server's workers. Starts and opens nothing."""
    from utils.jobs.file_jobs import FileJobs
    from utils.jobs.journal import Journal
    from utils.jobs.kinds import KINDS, pools_of, threads_of
    from utils.jobs.queue import Queue
    from utils.jobs.rates import Rates
    from utils.jobs.supervise import Supervisor

    slots, pools = threads_of(settings), pools_of(KINDS)
    queue = Queue(settings.jobs_url, settings.queue_dir, pools)
    rates = Rates(settings.queue_dir / "rates.json")
    jobs = FileJobs(Journal(sessions, clock=sessions.clock), queue, KINDS, rates, slots=slots)
    return jobs, Supervisor(settings, [pool for pool in pools if slots[pool] > 0])
