"""The kind "check": the spoken rows of a batch are transcribed back, and each is told how far that is from its text.

Checked rows are the checkpoints: a row's line in done.jsonl carries its word error rate once it was heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.jobs.context import Context

CHECK = "check"


def run_check(context: Context) -> None:
    """Hear every spoken row that was not heard yet."""
    from contextlib import closing

    from utils.jobs.batch_sums import sum_up
    from utils.jobs.batch_work import BatchWork
    from utils.jobs.check_work import CheckWork
    from utils.jobs.context import JobCancelled

    with closing(BatchWork(context)) as work:
        checking = CheckWork(context, work)
        try:
            checking.run()
        except JobCancelled:
            sum_up(work, stopping=True)
            raise
        sum_up(work)


def follows_batch(context: Context) -> str:
    """What comes after a batch: the check, if it was asked for and a row was spoken."""
    wanted = bool(dict(context.item.request.get("options", {})).get("check"))
    return CHECK if wanted and context.item.result.get("done") else ""
