"""The kind "batch": the rows that lie planned in the item become sounds beside them, and one merged track if that was asked for.

Finished rows are the checkpoints: a row's sound is published before its line in done.jsonl, so whatever kills the work, the next
attempt speaks what has no line and nothing else.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from utils.errors import AppError

if TYPE_CHECKING:
    from utils.jobs.context import Context


def run_batch(context: Context) -> None:
    """Speak the rows that are open, and write down how the batch stands then, however the attempt ends."""
    from utils.jobs.batch_sums import refuse_if_all_failed, sum_up
    from utils.jobs.batch_track import merge
    from utils.jobs.batch_work import BatchWork

    with closing(BatchWork(context)) as work:
        try:
            work.speak()
            merge(work)
        except BaseException:
            with suppress(AppError):  # the work's own error is the one to tell; and a lost lease writes nothing
                sum_up(work, stopping=True)
            raise
        sum_up(work)
        refuse_if_all_failed(work)
