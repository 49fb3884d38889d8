"""manifest.csv of a batch: one line a row, safe to open in a spreadsheet program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from utils.storage.batch_readers import RowView

COLUMNS = (
    "number", "name", "state", "attempts", "engine", "fallback", "language", "voice",
    "seconds", "characters", "file", "error", "check_wer",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width signs begin formulas too


def safe_cell(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet program would take it for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def manifest_csv(rows: Iterable[RowView]) -> bytes:
    """The manifest, with the mark that makes spreadsheet programs read it as UTF-8. `check_wer` stays empty without a check."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in _cells(row)])
    return out.getvalue().encode("utf-8-sig")


def _cells(row: RowView) -> list[str]:
    plan, result = row.plan, row.result
    if result is None:
        why = plan.skip if row.state == "skipped" else ""
        return [str(plan.number), plan.name, row.state, "0", *[""] * 7, why, ""]
    error = "" if result.error is None or row.state == "done" else str(result.error.get("sentence", ""))
    spoken = [result.engine, result.fallback, result.language, result.voice, f"{result.seconds:.3f}", str(result.characters)]
    wer = "" if result.check_wer is None else f"{result.check_wer:.3f}"
    return [str(plan.number), plan.name, row.state, str(result.attempts), *spoken, result.file, error, wer]
