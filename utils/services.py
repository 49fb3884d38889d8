"""Composition root: Settings -> Services, everything that pages and routes work with, made once a process."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from utils.errors import BadSetting, StoreUnavailable
from utils.jobs.contract import Jobs
from utils.limits import Buckets
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.table.memo import Checker
from utils.storage.batch_readers import Readers
from utils.storage.door import Door
from utils.storage.passing import Passing
from utils.tally import Tally
from utils.transcription.memo import TextMemo

if TYPE_CHECKING:
    from utils.jobs.supervise import Supervisor
    from utils.speech.contract import SpeechEngine

Clock = Callable[[], float]


@dataclass(frozen=True)
class Services:
    """What the workflows need.

    Attributes:
        settings: As they were at the start.
        sessions: The only writer of the outputs folder.
        jobs: Work that outlives a click.
        engines: Speech engines by name; their libraries load on first use.
        supervisor: Keeps this machine's workers alive; started and stopped by the app's lifespan.
        checker: Remembers the last few tables that were checked.
        readers: Batches that are being looked at.
        tally: What this process has done, for whoever watches the server.
        sign_ins: How often somebody may try the operator's token.
        door: Counts the recordings that come in.
        texts: Transcripts that are being looked at.
        passing: The sessions of this process for requests of which nothing is kept.
        stopping: Set once the server was told to end, while it still waits for its open answers.
        clock: Seconds since the epoch.
    """

    settings: Settings
    sessions: SessionManager
    jobs: Jobs
    engines: Mapping[str, SpeechEngine]
    supervisor: Supervisor
    checker: Checker = field(default_factory=Checker)
    readers: Readers = field(default_factory=Readers)
    tally: Tally = field(default_factory=Tally)
    sign_ins: Buckets = field(default_factory=lambda: Buckets(per_s=1 / 12, burst=5))
    door: Door = field(default_factory=Door)
    texts: TextMemo = field(default_factory=TextMemo)
    passing: Passing = field(default_factory=Passing)
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Clock = time.time

    def let_go(self) -> None:
        """Forget what was kept in memory for somebody who has not asked again."""
        self.texts.let_go()
        self.checker.let_go()


def build(settings: Settings) -> Services:
    """Wire everything from settings. Starts nothing; that is the lifespan's work."""
    from utils.jobs import build_jobs
    from utils.speech.engines import build as build_engines

    sessions = SessionManager.from_settings(settings)
    jobs, supervisor = build_jobs(settings, sessions)
    return Services(settings, sessions, jobs, build_engines(settings), supervisor)


@functools.cache
def default() -> Services:
    """The services of this process, made from the environment on the first call. A wrong setting ends the process."""
    from utils.session_manager import set_manager

    try:
        services = build(Settings.load())
    except (BadSetting, StoreUnavailable) as exc:
        raise SystemExit(f"{exc.sentence} {exc.hint}") from None  # one sentence for the operator instead of a trace
    set_manager(services.sessions)
    return services
