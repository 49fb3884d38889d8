"""Many rows spoken side by side: rows for a service ask it in parallel, rows for our own engine are spoken in groups.

    todo -> planned -> service lane: a thread a row           -> finished, a thread a core -> ended
                    -> own lane:     one group after another  ->

A group is one call of the engine for rows of one voice and prosody, because a call costs a process. Rows are independent: one that
fails ends alone with its error, and of a group that failed each row is spoken by itself, so that only the guilty one fails.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from utils.errors import AppError, Cancelled, EngineBusy, EngineError, QuotaExceeded, StoreUnavailable
from utils.speech.batch_lanes import OwnLane, ServiceLane, Tape
from utils.speech.choose import Chooser, label_of
from utils.speech.contract import Run
from utils.speech.finish_pool import FinishPool
from utils.speech.finish_row import FinishedRow, RowFiles
from utils.speech.plan import plan
from utils.speech.row import Ready, RowTask, SpokenRow, Take, finish_task, speak, spoken_row
from utils.speech.row_run import RowRun

T = TypeVar("T")
Ended = tuple[RowTask, SpokenRow | Exception]

TICK_S = 0.1  # how long `poll` waits at most, and how soon a stop is seen
AHEAD = 500  # rows planned before they are spoken
TAPES = 2  # groups on disk at the same time: one is spoken while the one before it is finished
FINISHING = 64  # rows that may wait for a thread to finish them before a service is asked for more
UNTAKEN = 200  # rows that may have ended without being answered before no more is started
MOST_WAITS = 4  # pauses asked by a service that one row sits out when no other engine may speak it


@dataclass(frozen=True)
class Means:
    """What speaking rows needs.

    Attributes:
        chooser: Puts the engines in order.
        folder: For the rows' files, and temporary ones.
        run: Its session and its cache are used; it is told nothing.
        files: What to make beside each sound.
        max_chars: Longest text of a row.
        service_rows: Rows that ask a service in parallel.
        finishers: Finish the sounds.
        clock: Seconds, monotonic.
    """

    chooser: Chooser
    folder: Path
    run: Run
    files: RowFiles
    max_chars: int
    service_rows: int
    finishers: FinishPool
    clock: Callable[[], float] = time.monotonic


class RowSpeaker:
    """Speaks rows in threads of its own; call `poll` until `finished`, and `close` in every case.

    Attributes:
        note: One sentence for the person who waits, or empty.
    """

    def __init__(self, tasks: Iterable[RowTask], means: Means) -> None:
        """Begin. The rows end roughly in this order."""
        self.note = ""
        self._means = means
        self._cache = means.run.cache
        self._speakers = ThreadPoolExecutor(means.service_rows + 1, "rows-speak")
        self._stop = threading.Event()
        self._winding_up = threading.Event()
        # between the two threads, under the lock
        self._news = threading.Condition()
        self._ended: list[Ended] = []
        self._over = False
        self._broken: BaseException | None = None
        # of the leading thread alone
        self._todo = deque(tasks)
        self._service = ServiceLane(means.service_rows, means.clock)
        self._own = OwnLane()
        self._tapes = self._finishing = 0
        self._running: dict[Future[Any], Callable[[], None]] = {}
        self._cheap: set[Future[Any]] = set()  # sounds of our own engine on their way: given up when others have their turn
        self._numbers = count(1)  # of temporary files
        self._troubles: dict[int, str] = {}
        self._fallback = ""
        self._leader = threading.Thread(target=self._lead, name="rows-lead", daemon=True)
        self._leader.start()

    @property
    def finished(self) -> bool:
        """No row will end any more, and every one that did was answered."""
        with self._news:
            return self._over and not self._ended and self._broken is None

    def poll(self) -> list[Ended]:
        """Wait up to TICK_S for rows to end, and answer those with what came of them.

        Raises:
            StoreUnavailable: The disk takes no more, so that no row can be finished.
        """
        with self._news:
            self._news.wait_for(lambda: self._ended or self._over, TICK_S)
            if self._broken is not None and not self._ended:
                raise self._broken
            ended, self._ended = self._ended, []
            return ended

    def wind_up(self) -> None:
        """Start nothing more, and go on with what runs: a request that was sent should not be lost."""
        self._winding_up.set()

    def close(self) -> None:
        """Stop everything, and wait some tenths of a second until it has. Rows that have not ended are given up."""
        self._winding_up.set()
        self._stop.set()
        self._leader.join()
        self._speakers.shutdown(wait=True, cancel_futures=True)
        self._means.finishers.give_up(self)

    # ---- the leading thread -----------------------------------------------------------------------------------------

    def _lead(self) -> None:
        try:
            while not self._stop.is_set() and (self._running or self._has_more()):
                self._step()
        except BaseException as exc:  # noqa: BLE001 - raised by `poll`
            self._broken = exc
        with self._news:
            self._over = True
            self._news.notify()

    def _has_more(self) -> bool:
        return not self._winding_up.is_set() and bool(self._todo or self._service or self._own)

    def _step(self) -> None:
        """Start what can be started, and wait for something to end."""
        if self._winding_up.is_set():
            for future in self._cheap:
                if future.cancel():
                    self._running.pop(future, None)
            self._cheap.clear()
        elif len(self._ended) < UNTAKEN:
            self._plan_some()
            self._start_service()
            self._start_own()
        if self._running:
            done, _ = wait(self._running, TICK_S, FIRST_COMPLETED)
            for future in done:
                self._running.pop(future)()
        elif self._has_more():
            self._stop.wait(TICK_S)  # a service asked for a pause
        self.note = next(filter(None, list(self._troubles.values())), self._fallback)

    def _end(self, row: RowTask, outcome: SpokenRow | Exception) -> None:
        with self._news:
            self._ended.append((row, outcome))
            self._news.notify()

    # ---- before -----------------------------------------------------------------------------------------------------

    def _plan_some(self) -> None:
        while self._todo and len(self._service) + len(self._own) < AHEAD:
            task = self._todo.popleft()
            try:
                laid_out = plan(task.request, self._means.max_chars)
                self._put(Ready(task, laid_out, self._means.chooser.choices(task.request)))
            except Exception as exc:  # noqa: BLE001 - a row fails alone, whatever it fails of
                self._end(task, exc)

    def _put(self, row: Ready) -> None:
        (self._service if row.asks else self._own).put(row)

    def _start_service(self) -> None:
        while self._finishing < FINISHING and (row := self._service.take()) is not None:
            if not row.reason and not self._still_asks(row):
                self._service.left()
                continue
            tape = Tape(self._new_path(), 1)
            self._start(partial(speak, [row], tape.path, self._run(row)), partial(self._asked, row, tape))

    def _still_asks(self, row: Ready) -> bool:
        """The row was planned some time ago, and the service may have failed another one since: choose anew."""
        try:
            row.choices = self._means.chooser.choices(row.task.request)
        except AppError as exc:
            self._end(row.task, exc)
            return False
        if not row.asks:
            self._fallback = _says(row)
            self._own.put(row)
        return row.asks

    def _start_own(self) -> None:
        while self._own and not self._own.busy and self._tapes < TAPES:
            rows = self._own.take()
            self._own.busy = True
            self._tapes += 1
            tape = Tape(self._new_path(), len(rows), self._tape_gone)
            self._start(partial(speak, rows, tape.path, self._run()), partial(self._grouped, rows, tape))

    def _start(self, job: Callable[[], T], then: Callable[[Future[T]], None]) -> None:
        future = self._speakers.submit(job)
        self._running[future] = partial(then, future)

    def _new_path(self) -> Path:
        return self._means.folder / f".{next(self._numbers)}.spoken.pcm"

    def _tape_gone(self) -> None:
        self._tapes -= 1

    def _run(self, row: Ready | None = None) -> RowRun:
        """What the engine sees: of a row that asks a service, or of a group, which stops as soon as others have their turn."""
        stop, note = (self._stop, partial(self._trouble, row.task.number)) if row else (self._winding_up, _ignored)
        return RowRun(self._means.run.session_id, self._cache, stop, note)

    def _trouble(self, number: int, sentence: str) -> None:
        self._troubles[number] = sentence

    # ---- after ------------------------------------------------------------------------------------------------------

    def _asked(self, row: Ready, tape: Tape, future: Future[list[Take | None]]) -> None:
        """A row was spoken by a service, or not."""
        self._troubles.pop(row.task.number, None)
        try:
            takes = future.result()
        except Exception as exc:  # noqa: BLE001 - sorted out there
            tape.drop()
            self._service.failed() if isinstance(exc, EngineError) else self._service.left()
            self._failed(row, exc)
        else:
            self._service.came()
            self._fallback = ""
            self._finish([row], takes, tape)

    def _grouped(self, rows: list[Ready], tape: Tape, future: Future[list[Take | None]]) -> None:
        """A group was spoken by an engine of our own, or not."""
        self._own.busy = False
        if self._winding_up.is_set():  # forty rows more would take their time, and speaking them again costs next to nothing
            tape.drop(len(rows))
            return
        try:
            takes = future.result()
        except Exception as exc:  # noqa: BLE001 - sorted out there
            tape.drop(len(rows))
            if len(rows) == 1 or isinstance(exc, StoreUnavailable):
                self._failed(rows[0], exc)
            else:
                self._each_alone(rows)
        else:
            self._finish(rows, takes, tape)

    def _finish(self, rows: list[Ready], takes: list[Take | None], tape: Tape) -> None:
        doubtful = []
        for row, take in zip(rows, takes, strict=True):
            if take is None:
                doubtful.append(row)
                continue
            self._finishing += 1
            future = self._means.finishers.submit(self, finish_task(row, take, self._means.folder, self._means.files))
            self._running[future] = partial(self._finished, row, take, tape, future)
            if not row.asks:
                self._cheap.add(future)
        if doubtful:
            tape.drop(len(doubtful))
            self._each_alone(doubtful)

    def _each_alone(self, rows: list[Ready]) -> None:
        for row in rows:
            row.alone = True
            self._own.put(row)

    def _finished(self, row: Ready, take: Take, tape: Tape, future: Future[FinishedRow]) -> None:
        self._finishing -= 1
        self._cheap.discard(future)
        tape.drop()
        try:
            made = future.result()
        except Exception as exc:  # noqa: BLE001 - sorted out there
            self._failed(row, exc)
        else:
            self._end(row.task, spoken_row(row, take, made))

    def _failed(self, row: Ready, exc: Exception) -> None:
        """Let the next engine try, wait for the only one, or end the row with its error."""
        if isinstance(exc, StoreUnavailable | QuotaExceeded | Cancelled):
            raise exc  # not the row's fault
        if isinstance(exc, EngineError):
            reason = self._means.chooser.failed(row.choice, exc)
            if len(row.choices) > 1:
                row.choices, row.reason = row.choices[1:], reason
                self._fallback = _says(row)
                self._put(row)
                return
            if isinstance(exc, EngineBusy) and row.asks and row.waits < MOST_WAITS:
                row.waits += 1
                self._fallback = exc.sentence
                self._service.wait(row, exc.retry_after_s or 0.0)
                return
        self._end(row.task, exc)


def _says(row: Ready) -> str:
    """The sentence about another engine than the first choice."""
    return f"{row.choice.reason}; {label_of(row.choice.engine)} speaks instead." if row.choice.reason else ""


def _ignored(sentence: str) -> None:
    """A group of our own engine has no trouble that somebody could wait for."""
