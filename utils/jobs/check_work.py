"""One attempt at a check: which rows are to be heard, in which language, and what came of it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from utils.errors import AppError, BadInput
from utils.jobs.batch_work import BatchWork
from utils.jobs.context import Context
from utils.speech.plan import plan
from utils.storage.batch_log import PlannedRow, RowResult
from utils.storage.names import is_file_name
from utils.transcription.contract import RATE_HZ, Decoding, Samples, TranscriptionRequest

log = logging.getLogger(__name__)

MOST_S = 900.0  # of one row: the longest cell allowed is spoken in less
ROWS_AT_ONCE = 64  # so often what was heard is written down


class CheckWork:
    """Hears rows, those of one language after the other."""

    def __init__(self, context: Context, work: BatchWork) -> None:
        """Starts nothing yet."""
        self._context = context
        self._work = work
        spoken = [row for row in work.rows if self._sound(row) is not None]
        self._total = len(spoken)
        self._todo = [row for row in spoken if work.progress.results[row.number].check_wer is None]
        self._done = self._total - len(self._todo)

    def run(self) -> None:
        """Hear all that are left. Raises BadInput when there is no model that could, and what stops the job."""
        self._context.progress(self._done, self._total)
        by_language: dict[str, list[PlannedRow]] = defaultdict(list)
        for row in self._todo:
            by_language[self._work.progress.results[row.number].language.partition("-")[0].lower()].append(row)
        for language, rows in sorted(by_language.items()):
            self._hear(language, rows)
        self._context.note("")

    def _hear(self, language: str, rows: Sequence[PlannedRow]) -> None:
        from utils.transcription import engines

        known = self._context.shared.once("transcription_engines", lambda: engines.build(self._context.settings))
        if "whisper" not in known:
            raise BadInput("A check needs a Whisper model, which this server does not use (STT_ENGINE).", "Ask its operator.")
        # The language goes to each call, so that a model which does not know it leaves those rows out instead of failing all.
        request = TranscriptionRequest(engine="whisper", word_timestamps=False, vad=False)
        if problem := known["whisper"].problem(request):
            raise BadInput(f"A check needs a Whisper model. {problem}", "Ask the operator of this server for one.")
        with closing(known["whisper"].open(request, note=self._context.note, check=self._context.stay)) as decoding:
            self._context.note("")
            if language not in decoding.model.languages:
                log.info("event=check_left_out job=%s language=%s rows=%d", self._context.name.logged, language, len(rows))
                self._done += len(rows)
                self._context.progress(self._done, self._total)
                return
            for begin in range(0, len(rows), ROWS_AT_ONCE):
                self._some(decoding, language, rows[begin : begin + ROWS_AT_ONCE])

    def _some(self, decoding: Decoding, language: str, rows: Sequence[PlannedRow]) -> None:
        from utils.transcription.compare import compare
        from utils.transcription.hear import hear

        readable: list[PlannedRow] = []
        results: list[RowResult] = []
        # `hear` first: each of its answers comes after the clip's row was noted.
        for heard, row in zip(hear(decoding, self._clips(rows, readable), language), readable, strict=False):
            found = compare(self._spoken(row), heard, language)
            result = self._work.progress.results[row.number]
            results.append(replace(result, check_wer=round(found.wer, 4), heard=heard))
        self._work.note(results)
        self._done += len(rows)
        self._context.progress(self._done, self._total)

    def _spoken(self, row: PlannedRow) -> str:
        """What the row's sound should say: its text after cleaning, the dictionary and without marks for pauses."""
        return plan(self._work.request_of(row), max_chars=self._context.settings.max_text_chars).words

    def _clips(self, rows: Sequence[PlannedRow], readable: list[PlannedRow]) -> Iterator[Samples]:
        """The sounds of rows; each that can be read is noted in `readable` before it is answered."""
        import numpy as np

        from utils.audio.decoder import decode_trusted

        for row in rows:
            self._context.stay()
            path = self._sound(row)
            if path is None:
                continue
            try:
                wave = decode_trusted(path, RATE_HZ, max_seconds=MOST_S)
            except (AppError, OSError) as exc:
                log.warning(
                    "event=check_unreadable job=%s row=%d cause=%s", self._context.name.logged, row.number, type(exc).__name__
                )
                continue
            readable.append(row)
            yield np.asarray(wave.samples / np.float32(32_768), np.float32)

    def _sound(self, row: PlannedRow) -> Path | None:
        result = self._work.progress.results.get(row.number)
        if result is None or result.state != "done" or self._work.progress.is_open(row) or not is_file_name(result.file):
            return None
        path = self._work.folder / result.file
        return path if path.is_file() and not path.is_symlink() else None
