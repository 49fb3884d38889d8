"""The manifest: every row once, no cell that a spreadsheet program would compute."""

from __future__ import annotations

import csv
import io

import pytest

from utils.storage.batch_log import PlannedRow, RowResult
from utils.storage.batch_readers import RowView
from utils.storage.manifest import COLUMNS, manifest_csv


def test_manifest_tells_every_row_whatever_became_of_it() -> None:
    done = RowResult(1, "done", attempts=2, file="0001-a.mp3", engine="espeak", fallback="Google could not be reached", seconds=1.5)
    failed = RowResult(2, "failed", error={"sentence": "eSpeak NG broke off."})
    rows = [
        RowView(PlannedRow(1, "0001-Grüße", {}), "", "done", done),
        RowView(PlannedRow(2, "0002", {}), "", "failed", failed),
        RowView(PlannedRow(3, "0003", {}, skip="The row has no text."), "", "skipped", None),
        RowView(PlannedRow(4, "0004", {}), "", "waiting", None),
    ]
    data = manifest_csv(rows)
    assert data.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert tuple(found[0]) == COLUMNS
    assert [(row["number"], row["state"], row["error"]) for row in found] == [
        ("1", "done", ""),
        ("2", "failed", "eSpeak NG broke off."),
        ("3", "skipped", "The row has no text."),
        ("4", "waiting", ""),
    ]
    assert (found[0]["name"], found[0]["seconds"], found[0]["attempts"]) == ("0001-Grüße", "1.500", "2")


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "＝1", "＠x"])
def test_manifest_formulas_are_disarmed(name: str) -> None:
    data = manifest_csv([RowView(PlannedRow(1, name, {}), "", "waiting", None)])
    assert next(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))["name"] == "'" + name
