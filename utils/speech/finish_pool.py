"""Finishes sounds of rows beside their speaking: in threads at first, and in processes of their own once there is much to do.

Encoding lets go of the interpreter's lock for every few milliseconds of sound. With many threads about, taking it back each time
costs more than the encoding, and everything else in the process waits as well; processes have no such trouble. They start when a
batch turns out to be long, and end when there was nothing to do for a while or when this process ends, however it does.

One pool serves all batches of a process, in turns.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from utils.errors import AppError, Cancelled
from utils.speech.finish_child import receive, send
from utils.speech.finish_row import FinishedRow, FinishTask, finish_row

SPAWN_AFTER = 25  # rows that one thread finishes itself before it starts a process, which costs half a second of a core
IDLE_S = 20.0  # a thread and its process end after this long without work
_ROOT = Path(__file__).parents[2]
log = logging.getLogger(__name__)


class FinisherDied(AppError):
    """The process that finished a sound broke off, twice."""

    code, status = "finisher_died", 500


@dataclass(eq=False)
class _Job:
    task: FinishTask
    owner: Hashable
    future: Future[FinishedRow] = field(default_factory=Future)
    child: _Child | None = None  # that does it now
    given_up: bool = False


class FinishPool:
    """Takes tasks of several owners in turns. Thread-safe."""

    def __init__(self, threads: int, *, spawn_after: int = SPAWN_AFTER, idle_s: float = IDLE_S) -> None:
        """Starts nothing yet.

        Args:
            threads: Tasks at the same time.
            spawn_after: Tasks that a thread does itself before it starts a process.
            idle_s: After which threads and processes end.
        """
        self._most, self._spawn_after, self._idle_s = threads, spawn_after, idle_s
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, deque[_Job]] = {}  # owners in the order of their turns
        self._running: set[_Job] = set()
        self._threads = self._idle = self._queued = 0
        self._hands: list[_Hand] = []

    @property
    def processes(self) -> int:
        """How many processes stand ready."""
        with self._changed:
            return sum(hand.ready for hand in self._hands)

    def submit(self, owner: Hashable, task: FinishTask) -> Future[FinishedRow]:
        """Have a sound finished. The future may be cancelled as long as it has not begun."""
        job = _Job(task, owner)
        with self._changed:
            self._waiting.setdefault(owner, deque()).append(job)
            self._queued += 1
            self._changed.notify()
            if self._threads < self._most and self._queued > self._idle:
                self._threads += 1
                threading.Thread(target=self._work, name="rows-finish", daemon=True).start()
        return job.future

    def give_up(self, owner: Hashable) -> None:
        """Nobody wants this owner's sounds any more; returns when nothing of it is being written."""
        with self._changed:
            for job in self._waiting.pop(owner, ()):
                self._queued -= 1
                job.future.cancel()
            running = {job for job in self._running if job.owner == owner}
            for job in running:
                job.given_up = True
                if job.child is not None:
                    job.child.kill()
            self._changed.wait_for(lambda: not (running & self._running))

    def _work(self) -> None:
        hand = _Hand(self._changed, self._spawn_after)
        with self._changed:
            self._hands.append(hand)
        try:
            while (job := self._next()) is not None:
                if job.future.set_running_or_notify_cancel():
                    hand.do(job)
                with self._changed:
                    self._running.discard(job)
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._hands.remove(hand)
            hand.close()

    def _next(self) -> _Job | None:
        """The next job in turn, or None when there was none for a while: then the thread ends."""
        with self._changed:
            self._idle += 1
            wanted = self._changed.wait_for(lambda: bool(self._waiting), self._idle_s)
            self._idle -= 1
            if not wanted:
                self._threads -= 1
                return None
            owner = next(iter(self._waiting))
            jobs = self._waiting.pop(owner)
            job = jobs.popleft()
            if jobs:
                self._waiting[owner] = jobs  # at the end of the line
            self._queued -= 1
            self._running.add(job)
            return job


class _Hand:
    """What one thread does: jobs, one after the other, in a process of its own once there were many."""

    def __init__(self, lock: threading.Condition, spawn_after: int) -> None:
        self._lock, self._left = lock, spawn_after
        self._child: _Child | None = None

    @property
    def ready(self) -> bool:
        """Its process stands ready."""
        child = self._child
        return child is not None and child.ready

    def close(self) -> None:
        """End its process."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def do(self, job: _Job) -> None:
        """Never raises: what goes wrong is the future's."""
        self._left -= 1
        try:
            if self._child is None and self._left < 0:
                self._child = _Child()
            made = self._have_done(job) if self.ready else finish_row(job.task, lambda: job.given_up)
        except BaseException as exc:  # noqa: BLE001 - whoever waits for it decides
            job.future.set_exception(exc)
        else:
            job.future.set_result(made)

    def _have_done(self, job: _Job) -> FinishedRow:
        """Let the process do it; if that breaks off, a fresh one, for it may not have been this sound's fault."""
        for _ in range(2):
            child = self._child = self._child or _Child()
            with self._lock:
                job.child = child
            try:
                if not job.given_up:
                    child.wait()
                    return child.do(job.task)
            except EOFError:
                log.warning("event=finisher_died pid=%d given_up=%s", child.pid, job.given_up)
                self.close()
            finally:
                with self._lock:
                    job.child = None
            if job.given_up:
                raise Cancelled("The work was stopped.")
        raise FinisherDied("The program that finishes the sound broke off twice.", "Try again later, or in another format.")


class _Child:
    """A process that runs `finish_child`."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "utils.speech.finish_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # an interrupt from the terminal is for the server
        )
        self._greeted = threading.Event()
        threading.Thread(target=self._greet, name="finisher-start", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ready(self) -> bool:
        """It has loaded everything, or it will never."""
        return self._greeted.is_set()

    def wait(self) -> None:
        """Until it is ready."""
        self._greeted.wait()

    def _greet(self) -> None:
        with suppress(EOFError):  # it cannot start: the first task will tell
            receive(cast(BinaryIO, self._process.stdout))
        self._greeted.set()

    def do(self, task: FinishTask) -> FinishedRow:
        """Raises what the task raised; EOFError when the process has ended."""
        try:
            send(cast(BinaryIO, self._process.stdin), pickle.dumps(task))
            answer = receive(cast(BinaryIO, self._process.stdout))
        except OSError as exc:
            raise EOFError from exc
        if isinstance(answer, BaseException):
            raise answer
        return cast(FinishedRow, answer)

    def kill(self) -> None:
        """At once; whoever waits for its answer gets EOFError."""
        self._process.kill()

    def close(self) -> None:
        """End it and free what belongs to it."""
        self._process.kill()
        self._process.wait()
        self._greeted.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # a part of a message was still to be written
                    pipe.close()
