"""How a batch stands at the end of an attempt: sums in its item, its manifest, and the error of one without a single good row."""

from __future__ import annotations

from collections import Counter
from typing import Any

from utils.errors import AppError
from utils.jobs.batch_work import BatchWork
from utils.storage.batch_log import RowResult
from utils.storage.batch_readers import Reader
from utils.storage.batch_sounds import drop_orphans
from utils.storage.item import ItemFile
from utils.storage.manifest import manifest_csv

MANIFEST = "manifest.csv"


class AllFailed(AppError):
    """Not one row of a batch could be spoken."""

    code, status = "all_rows_failed", 502


def sum_up(work: BatchWork, *, stopping: bool = False) -> None:
    """Write the manifest, and the sums into the item; with `stopping` also after the job was cancelled."""
    context = work.context
    context.check_ours() if stopping else context.check()
    drop_orphans(work.folder, work.rows, work.progress.results.values())
    data = manifest_csv(Reader(work.folder).rows())
    context.sessions.write_file(context.session_id, context.item.id, MANIFEST, data)
    files = [file for file in context.item.files if file.name != MANIFEST]
    context.finish(_sums(work), [*files, ItemFile(MANIFEST, "text/csv", len(data), "manifest")], stopping=stopping)


def refuse_if_all_failed(work: BatchWork) -> None:
    """Raise AllFailed if every row that was to be spoken failed."""
    wanted = [row.number for row in work.rows if not work.progress.is_left_out(row)]
    failed = [result for result in _results(work) if result.state == "failed"]
    if wanted and len(failed) == len(wanted):
        first = min(failed, key=lambda result: result.number)
        error = first.error or {}
        raise AllFailed(f"No row could be spoken. Row {first.number}: {error.get('sentence', '')}", str(error.get("hint", "")))


def _results(work: BatchWork) -> list[RowResult]:
    """Of the rows that are not to be spoken (again)."""
    return [
        work.progress.results[row.number]
        for row in work.rows
        if row.number in work.progress.results and not work.progress.is_open(row)
    ]


def _sums(work: BatchWork) -> dict[str, Any]:
    results = _results(work)
    done = [result for result in results if result.state == "done"]
    skipped = sum(work.progress.is_left_out(row) for row in work.rows)
    merged = work.context.item.result.get("merged")
    return {
        **({"merged": merged} if merged else {}),
        "rows": len(work.rows),
        "done": len(done),
        "failed": len(results) - len(done),
        "skipped": skipped,
        "waiting": len(work.rows) - skipped - len(results),
        "seconds": round(sum(result.seconds for result in done), 3),
        "characters": sum(result.characters for result in done),
        "requests": sum(result.requests for result in done),
        "size_bytes": sum(result.size_bytes for result in done),
        "engines": dict(Counter(result.engine for result in done)),
        "fallbacks": sum(bool(result.fallback) for result in done),
        **_checked(done),
    }


def _checked(done: list[RowResult]) -> dict[str, Any]:
    """What a check by transcribing found, if there was one: rows that were heard, and their mean word error rate."""
    rates = [result.check_wer for result in done if result.check_wer is not None]
    return {"checked": len(rates), "check_wer": round(sum(rates) / len(rates), 4)} if rates else {}
