"""One attempt at a batch: which rows are open, what was spoken, and how it is written down."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from utils.errors import AppError
from utils.jobs.context import Context, HandBack
from utils.jobs.speech_kind import chooser_of
from utils.jobs.traces import where
from utils.speech.batch import BatchOptions
from utils.speech.batch_rows import Ended, Means, RowSpeaker
from utils.speech.contract import SpeechRequest
from utils.speech.finish_pool import FinishPool
from utils.speech.finish_row import RowFiles
from utils.speech.row import RowTask, SpokenRow
from utils.storage.batch_ledger import Ledger
from utils.storage.batch_log import PlannedRow, Progress, RowResult, read_rows
from utils.storage.batch_sounds import beside, stem_of

SERVICE_ROWS = (4, 16)  # least and most rows that ask a service in parallel; its governor decides how often
LOOK_AT_QUOTA_BYTES = 32 * 2**20
WIND_UP_S = 2.0  # how long rows that were begun may go on after somebody else's turn has come
LINKED_AT_ONCE = 100
log = logging.getLogger(__name__)


class BatchWork:
    """What an attempt works with. Close it.

    Attributes:
        context: Of the job.
        folder: Of the item.
        rows: All rows as planned.
        options: Of the batch.
        progress: How the rows stand.
        ledger: Where their ends are written.
    """

    def __init__(self, context: Context) -> None:
        """Take the batch over: nobody who had it before can write into it from now on."""
        self.context = context
        context.check()
        context.sessions.clear_scratch(context.session_id, context.item.id)
        self.folder = context.sessions.item_path(context.session_id, context.item.id)
        self.rows = read_rows(self.folder)
        self.options = BatchOptions.from_dict(context.item.request.get("options", {}))
        self.ledger = Ledger(self.folder, partial(context.sessions.write_file, context.session_id, context.item.id))
        self.progress = Progress(self.folder).refresh()
        self._planned = {row.number: row for row in self.rows}
        self._same: dict[int, list[int]] = defaultdict(list)  # a row that is spoken -> rows that say exactly the same
        self._total = sum(not self.progress.is_left_out(row) for row in self.rows)
        self._open = {row.number for row in self.rows if self.progress.is_open(row)}
        self._unweighed_bytes = 0

    def close(self) -> None:
        """Let go of the log."""
        self.ledger.close()

    def request_of(self, row: PlannedRow) -> SpeechRequest:
        """What a row says and how, with the newest edit."""
        defaults = self.context.item.request.get("defaults", {})
        return SpeechRequest.from_dict({**defaults, **row.request, "text": self.progress.text(row)})

    def speak(self) -> None:
        """Speak all open rows. What stops the job passes through, after what was finished is written down."""
        tasks = self._tasks()
        if not tasks:
            return
        self.context.sessions.check_quota(self.context.session_id)
        with self.context.scratch() as scratch:
            tasks = self._take_over(tasks, scratch)
            with closing(RowSpeaker(tasks, self._means(scratch))) as speaker:
                try:
                    self._report()
                    while not speaker.finished:
                        self._keep(speaker.poll(), scratch)
                        self.context.note(speaker.note)
                        self._report()
                except HandBack:
                    self._wind_up(speaker, scratch)
                    raise
        self.context.note("")

    # ---- before -----------------------------------------------------------------------------------------------------

    def _tasks(self) -> list[RowTask]:
        return [RowTask(row.number, stem_of(row), self.request_of(row)) for row in self.rows if row.number in self._open]

    def _take_over(self, tasks: Sequence[RowTask], scratch: Path) -> list[RowTask]:
        """Give rows that say exactly what an earlier one says its sound, now or when it is spoken; answer the rest."""
        spoken: dict[SpeechRequest, RowResult] = {}
        for row in self.rows:
            result = self.progress.results.get(row.number)
            if result is not None and result.state == "done" and row.number not in self._open:
                spoken.setdefault(_content(self.request_of(row)), result)
        first: dict[SpeechRequest, RowTask] = {}
        linked: list[tuple[RowTask, RowResult]] = []
        for task in tasks:
            content = _content(task.request)
            known = spoken.get(content)
            if known is not None and task.number not in self.progress.wishes:  # who wants a row again does not want the old sound
                linked.append((task, known))
            elif content in first:
                self._same[first[content].number].append(task.number)
            else:
                first[content] = task
        missing = self._link_known(linked, scratch)
        return [*missing, *first.values()]

    def _link_known(self, linked: Sequence[tuple[RowTask, RowResult]], scratch: Path) -> list[RowTask]:
        """Give rows the sound of a row that is done already; answer those for which it is gone."""
        missing = []
        for begin in range(0, len(linked), LINKED_AT_ONCE):
            built: dict[str, Path] = {}
            results = []
            for task, known in linked[begin : begin + LINKED_AT_ONCE]:
                names = [known.file, *(name for name in beside(known.file) if (self.folder / name).is_file())]
                try:
                    built |= self._linked(task.number, [self.folder / name for name in names], scratch)
                except FileNotFoundError:
                    missing.append(task)
                else:
                    results.append(self._as_same(known, task.number))
            self.write_down(built, results)
            self._report()
        return missing

    def _means(self, scratch: Path) -> Means:
        least, most = SERVICE_ROWS
        settings = self.context.settings
        return Means(
            chooser=chooser_of(self.context),
            folder=scratch,
            run=self.context,
            files=RowFiles(subtitles=self.options.row_subtitles, cues=bool(self.options.merged)),
            max_chars=settings.max_text_chars,
            service_rows=min(most, max(least, settings.gtts_workers)),
            finishers=self.context.shared.once("finish_pool", lambda: FinishPool(os.cpu_count() or 1)),
        )

    # ---- after ------------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        self.context.progress(self._total - len(self._open), self._total)

    def _wind_up(self, speaker: RowSpeaker, scratch: Path) -> None:
        """Write down what still ends by itself."""
        speaker.wind_up()
        until = time.monotonic() + WIND_UP_S
        while not speaker.finished and time.monotonic() < until:
            self._keep(speaker.poll(), scratch)

    def _keep(self, ended: Iterable[Ended], scratch: Path) -> None:
        """Publish what was made and write down how the rows ended, those that say the same with them."""
        built: dict[str, Path] = {}
        results: list[RowResult] = []
        spoken: list[SpokenRow] = []
        for task, outcome in ended:
            same = self._same.pop(task.number, [])
            if not isinstance(outcome, SpokenRow):
                error = _as_data(outcome, str(self.context.name), task.number)
                results += [self._result(number, "failed", error=error) for number in (task.number, *same)]
                continue
            paths = [scratch / name for name in outcome.files]
            result = self._result(task.number, "done", **_facts(outcome, paths[0]))
            results.append(result)
            for number in same:
                built |= self._linked(number, paths, scratch)
                results.append(self._as_same(result, number))
            built |= {path.name: path for path in paths}
            spoken += [outcome] * (1 + len(same))
        if self.options.merged and spoken:
            places = iter(self.ledger.add_cues([(cue.start, cue.end, cue.text) for cue in row.cues] for row in spoken))
            results = [replace(result, cues_at=next(places)) if result.state == "done" else result for result in results]
        self.write_down(built, results)

    def write_down(self, built: dict[str, Path], results: list[RowResult]) -> None:
        """Publish files, then write how rows ended."""
        if built:
            self.context.publish_all(built)
        if results:
            self.context.check()
            self.ledger.append(results)
        self.progress.results.update({result.number: result for result in results})
        self._open.difference_update(result.number for result in results)
        self._unweighed_bytes += sum(result.size_bytes for result in results)
        if self._unweighed_bytes > LOOK_AT_QUOTA_BYTES:
            self._unweighed_bytes = 0
            self.context.sessions.check_quota(self.context.session_id)

    def note(self, results: list[RowResult]) -> None:
        """Write more about rows that ended before, such as what was heard in them."""
        self.context.check()
        self.ledger.append(results)
        self.progress.results.update({result.number: result for result in results})

    def _result(self, number: int, state: str, **facts: Any) -> RowResult:
        before = self.progress.results.get(number)
        wish = self.progress.wishes.get(number, (0, None))[0]
        return RowResult(number, state, wish, 1 + (before.attempts if before else 0), **facts)

    def _as_same(self, known: RowResult, number: int) -> RowResult:
        """The result of a row that got the sound of another one."""
        own = self._result(number, "done")
        file = stem_of(self._planned[number]) + Path(known.file).suffix
        return replace(known, number=number, wish=own.wish, attempts=own.attempts, requests=0, file=file, over_s=0.0, faster=1.0)

    def _linked(self, number: int, paths: Sequence[Path], scratch: Path) -> dict[str, Path]:
        """More names in scratch for files of another row: links, or copies where the disk knows no links."""
        built = {}
        for path in paths:
            name = stem_of(self._planned[number]) + path.suffix
            built[name] = scratch / f".same-{name}"
            try:
                os.link(path, built[name])
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(path, built[name])
        return built


def _content(request: SpeechRequest) -> SpeechRequest:
    """What makes two rows the same."""
    return replace(request, title="")


def _facts(spoken: SpokenRow, sound: Path) -> dict[str, Any]:
    return {
        "file": sound.name,
        "engine": spoken.engine,
        "fallback": spoken.fallback,
        "language": spoken.language,
        "voice": spoken.voice,
        "seconds": spoken.seconds,
        "characters": spoken.characters,
        "requests": spoken.requests,
        "size_bytes": sound.stat().st_size,
    }


def _as_data(error: Exception, job: str, number: int) -> dict[str, Any]:
    """The error of a row for its result; what we did not foresee is told without details and goes to the log."""
    if isinstance(error, AppError):
        log.info("event=row_refused job=%s row=%d code=%s", job, number, error.code)
        return dict(error.as_dict())
    log.error("event=row_broke job=%s row=%d trace=%s", job, number, where(error))
    return dict(AppError("Something went wrong with this row that we did not foresee.", "Speak it again later.").as_dict())
