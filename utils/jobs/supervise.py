"""The server's side: keep one worker process a pool alive. Started and stopped by the server's lifespan."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from utils.jobs.machine import sign_of
from utils.settings import Settings

ROOT = Path(__file__).resolve().parents[2]  # where `utils` is importable from
COMMAND = (sys.executable, "-m", "utils.jobs.worker")
CHECK_EVERY_S = 0.5
STEADY_AFTER_S = 10.0  # a worker that lived this long did not fail at start
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0
FROZEN_S = 30.0  # a worker without a sign of life for this long is killed and replaced
STOP_WITHIN_S = 8.0  # containers are killed 10 s after they are asked to stop
log = logging.getLogger(__name__)


@dataclass
class Child:
    """What is known about one pool's worker.

    Attributes:
        process: The running or last one.
        started_at: Monotonic time.
        pause_s: Before it may be started again.
        sign: Last modification time of its sign of life.
        sign_seen_at: Monotonic time at which that changed.
    """

    process: subprocess.Popen[bytes]
    started_at: float
    pause_s: float = 0.0
    sign: float = 0.0
    sign_seen_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Starts a worker for each pool, and another one when it dies or freezes."""

    def __init__(
        self,
        settings: Settings,
        pools: Sequence[str],
        *,
        command: Sequence[str] = COMMAND,
        frozen_s: float = FROZEN_S,
        max_pause_s: float = MAX_PAUSE_S,
    ) -> None:
        """Starts nothing yet.

        Args:
            settings: Handed to the workers as their environment.
            pools: One worker each.
            command: Before the name of the pool; other than usual in tests.
            frozen_s: See FROZEN_S.
            max_pause_s: See MAX_PAUSE_S.
        """
        self.pools = tuple(pools)
        self._settings = settings
        self._command = tuple(command)
        self._frozen_s = frozen_s
        self._max_pause_s = max_pause_s
        self._children: dict[str, Child] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the workers and the thread that watches them; a second call does nothing."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = STOP_WITHIN_S) -> None:
        """Let the workers finish or hand back what runs, and end them. Blocks for `timeout_s` at most."""
        if self._thread is None:
            return
        self._stopped.set()
        self._thread.join()
        self._thread = None
        deadline = time.monotonic() + timeout_s
        for child in self._children.values():
            if child.process.stdin:
                child.process.stdin.close()
        for pool, child in self._children.items():
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("event=worker_killed pool=%s pid=%d cause=stop", pool, child.process.pid)
                child.process.kill()  # its jobs come back when their leases are stale
                child.process.wait()
        self._children.clear()

    def alive(self) -> dict[str, int]:
        """Process ids of the live workers by pool."""
        return {pool: child.process.pid for pool, child in list(self._children.items()) if child.process.poll() is None}

    def _watch(self) -> None:
        while not self._stopped.is_set():
            for pool in self.pools:
                try:
                    self._look_after(pool)
                except OSError as exc:  # no memory or no processes left: the next round tries again
                    log.warning("event=worker_not_started pool=%s cause=%s", pool, type(exc).__name__)
            self._stopped.wait(CHECK_EVERY_S)

    def _look_after(self, pool: str) -> None:
        child = self._children.get(pool)
        if child is None:
            self._children[pool] = Child(self._spawn(pool), time.monotonic())
            return
        code = child.process.poll()
        if code is None:
            if self._is_frozen(pool, child):
                log.warning("event=worker_killed pool=%s pid=%d cause=frozen", pool, child.process.pid)
                child.process.kill()
            return
        lived_s = time.monotonic() - child.started_at
        if lived_s < child.pause_s:
            return
        steady = lived_s > STEADY_AFTER_S + child.pause_s
        pause_s = 0.0 if steady else min(self._max_pause_s, 2 * child.pause_s or FIRST_PAUSE_S)
        log.warning("event=worker_died pool=%s pid=%d code=%d next_pause_s=%.1f", pool, child.process.pid, code, pause_s)
        if child.process.stdin:
            child.process.stdin.close()
        self._children[pool] = Child(self._spawn(pool), time.monotonic(), pause_s)

    def _is_frozen(self, pool: str, child: Child) -> bool:
        """No sign for long, counted on our own clock: after the machine slept, the worker has its time to give one."""
        try:
            sign = sign_of(self._settings.queue_dir, pool, child.process.pid).stat().st_mtime
        except OSError:
            return False  # not begun yet: it waits for the lock of an older one
        if sign != child.sign:
            child.sign, child.sign_seen_at = sign, time.monotonic()
        return time.monotonic() - child.sign_seen_at > self._frozen_s

    def _spawn(self, pool: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own module, by its own interpreter
            [*self._command, pool, "--attached"],
            cwd=ROOT,
            env=environment(self._settings),
            stdin=subprocess.PIPE,  # closed by the system when this process ends, however it ends
            start_new_session=True,  # Ctrl-C in the terminal must not reach the workers
        )
        log.info("event=worker_spawned pool=%s pid=%d", pool, process.pid)
        return process


def environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment that makes a child load the same settings; an empty value means the default."""
    given = dict(os.environ if environ is None else environ)
    for setting in fields(Settings):
        value = getattr(settings, setting.name)
        if isinstance(value, bool):
            value = int(value)
        elif isinstance(value, Path):
            value = value.resolve()
        given[setting.name.upper()] = "" if value == setting.default and not isinstance(value, Path) else str(value)
    given["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), given.get("PYTHONPATH"))))
    return given
