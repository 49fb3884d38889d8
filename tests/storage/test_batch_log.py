"""The logs of a batch: nothing finished is lost, torn lines are skipped, readers take in only what is new."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.errors import NotFound, StoreUnavailable
from utils.storage.batch_log import DONE, WISHES, PlannedRow, Progress, RowResult, Wish, append, read_rows, rows_data

ROWS = [
    PlannedRow(1, "0001-a", {"text": "One", "language": "de"}),
    PlannedRow(2, "0002-b", {"text": "Zwei\nZeilen "}, 0.0, 2.25),
    PlannedRow(3, "0003", {}, skip="The row has no text."),
]


def test_rows_read_back_equal(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(rows_data(ROWS))
    assert read_rows(tmp_path) == ROWS


def test_progress_last_line_of_a_row_counts_and_only_news_is_read(tmp_path: Path) -> None:
    progress = Progress(tmp_path)
    assert progress.refresh().results == {}
    append(tmp_path, DONE, [RowResult(1, "failed", error={"code": "x"}), RowResult(2, "done", file="b.mp3", seconds=2.5)])
    assert progress.refresh().results[1].error == {"code": "x"}
    append(tmp_path, DONE, [RowResult(1, "done", wish=1, attempts=2)])
    results = progress.refresh().results
    assert (results[1].state, results[1].attempts, results[2]) == ("done", 2, RowResult(2, "done", file="b.mp3", seconds=2.5))


def test_progress_row_is_open_until_its_newest_wish_is_answered(tmp_path: Path) -> None:
    progress = Progress(tmp_path)
    row = ROWS[0]
    assert progress.refresh().is_open(row)
    assert not progress.is_open(ROWS[2])
    append(tmp_path, DONE, [RowResult(1, "failed")])
    assert not progress.refresh().is_open(row)
    append(tmp_path, WISHES, [Wish(1)])
    assert progress.refresh().is_open(row)
    assert progress.text(row) == "One"
    append(tmp_path, WISHES, [Wish(1, "Eins")])
    append(tmp_path, DONE, [RowResult(1, "done", wish=1)])
    assert progress.refresh().is_open(row)
    assert progress.text(row) == "Eins"
    append(tmp_path, DONE, [RowResult(1, "done", wish=2)])
    assert not progress.refresh().is_open(row)


def test_progress_torn_line_is_skipped_and_the_next_one_counts(tmp_path: Path) -> None:
    append(tmp_path, DONE, [RowResult(1, "done")])
    with (tmp_path / DONE).open("ab") as file:
        file.write(b'{"number": 2, "state": "do')
    progress = Progress(tmp_path)
    assert set(progress.refresh().results) == {1}
    append(tmp_path, DONE, [RowResult(3, "done")])
    assert set(progress.refresh().results) == {1, 3}
    assert set(Progress(tmp_path).refresh().results) == {1, 3}


def test_progress_replaced_log_is_read_anew(tmp_path: Path) -> None:
    append(tmp_path, DONE, [RowResult(1, "done"), RowResult(2, "done")])
    progress = Progress(tmp_path)
    assert set(progress.refresh().results) == {1, 2}
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    append(fresh, DONE, [RowResult(2, "failed")])
    (fresh / DONE).replace(tmp_path / DONE)
    assert {n: r.state for n, r in progress.refresh().results.items()} == {2: "failed"}


def test_append_to_a_disk_that_takes_only_a_part_is_told_and_what_was_there_counts(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    append(tmp_path, WISHES, [Wish(1, "One")])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / WISHES).stat().st_size + 10, before[1]))
    try:
        with pytest.raises(StoreUnavailable):
            append(tmp_path, WISHES, [Wish(2, "Two")], durable=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Progress(tmp_path).refresh().wishes == {1: (1, "One")}
    append(tmp_path, WISHES, [Wish(2, "Zwei")])
    assert Progress(tmp_path).refresh().wishes == {1: (1, "One"), 2: (1, "Zwei")}


def test_append_to_a_batch_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        append(tmp_path / "gone", WISHES, [Wish(1)])
