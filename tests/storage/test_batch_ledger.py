"""The log of one attempt: appended whole, taken over by copying, true whatever a predecessor still does."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from utils.errors import NotFound, StoreUnavailable
from utils.storage.atomic import write_whole
from utils.storage.batch_ledger import CUES, Ledger, read_cues
from utils.storage.batch_log import DONE, Log, Progress, RowResult


def ledger_in(folder: Path) -> closing[Ledger]:
    return closing(Ledger(folder, lambda name, data: write_whole(folder / name, data)))


def done(*numbers: int) -> list[RowResult]:
    return [RowResult(number, "done", file=f"{number:04d}.mp3") for number in numbers]


def numbers(folder: Path) -> list[int]:
    return sorted(Progress(folder).refresh().results)


def test_ledger_results_are_read_back(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as ledger:
        ledger.append(done(1, 2))
        ledger.append(done(3))
    assert numbers(tmp_path) == [1, 2, 3]


def test_ledger_next_attempt_keeps_what_was_accepted_and_drops_what_was_torn(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as ledger:
        ledger.append(done(1, 2))
    with (tmp_path / DONE).open("ab") as log:
        log.write(b'{"number": 3, "sta')
    with ledger_in(tmp_path) as ledger:
        ledger.append(done(4))
    assert numbers(tmp_path) == [1, 2, 4]
    assert (tmp_path / DONE).read_bytes().count(b"\n") == 3


def test_ledger_predecessor_that_wakes_writes_into_nothing(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as old:
        old.append(done(1))
        with ledger_in(tmp_path) as new:
            os.write(old._done, b'{"number": 9, "state": "done"}\n')  # frozen between its look at the lease and the write
            new.append(done(2))
    assert numbers(tmp_path) == [1, 2]


def test_ledger_predecessor_that_wakes_in_its_own_beginning_takes_nothing_away_for_long(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as first:
        first.append(done(1))
    stale = (tmp_path / DONE).read_bytes()
    with ledger_in(tmp_path) as ledger:
        write_whole(tmp_path / DONE, stale)
        ledger.append(done(2))
        write_whole(tmp_path / DONE, (tmp_path / DONE).read_bytes())
        ledger.append(done(3))
    assert numbers(tmp_path) == [1, 2, 3]


def test_ledger_reader_that_goes_on_reading_sees_each_line_once(tmp_path: Path) -> None:
    log, seen = Log(tmp_path / DONE), list[int]()

    def look() -> None:
        lines, anew = log.news()
        if anew:
            seen.clear()
        seen.extend(line["number"] for line in lines)

    for attempt in range(6):
        with ledger_in(tmp_path) as ledger:
            look()
            ledger.append(done(attempt))
            look()
    assert seen == list(range(6))


@contextmanager
def limited(folder: Path) -> Iterator[Path]:
    """A folder in which no file grows over 600 bytes. Inside a test only: the runner's own output may be a file, too."""
    resource = pytest.importorskip("resource")
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
    try:
        yield folder
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_ledger_line_that_the_disk_refuses_is_taken_back(tmp_path: Path) -> None:
    with limited(tmp_path), ledger_in(tmp_path) as ledger:
        ledger.append(done(1, 2))
        with pytest.raises(StoreUnavailable):
            ledger.append(done(*range(3, 20)))
        ledger.append(done(3))
    assert numbers(tmp_path) == [1, 2, 3]
    assert b"}{" not in (tmp_path / DONE).read_bytes()


def test_ledger_of_a_batch_that_was_deleted_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "item"
    folder.mkdir()
    with ledger_in(folder) as ledger:
        folder.rename(tmp_path / "trash")
        with pytest.raises(NotFound):
            ledger.append(done(1))
        with pytest.raises(NotFound):
            ledger.add_cues([[(0.0, 1.0, "Hello.")]])
    with pytest.raises(NotFound):
        Ledger(folder, lambda name, data: write_whole(folder / name, data))


def test_ledger_cues_are_found_by_their_place_whatever_stands_between(tmp_path: Path) -> None:
    with ledger_in(tmp_path) as ledger:
        first, second = ledger.add_cues([[(0.0, 1.0, "Grüße, 東京\nand more")], [(0.5, 2.25, "Two."), (3.0, 4.0, "Three.")]])
        with (tmp_path / CUES).open("ab") as file:
            file.write(b'[[0, 1, "torn by a dead pre')
        (third,) = ledger.add_cues([[]])
    assert read_cues(tmp_path, first) == [(0.0, 1.0, "Grüße, 東京\nand more")]
    assert read_cues(tmp_path, second) == [(0.5, 2.25, "Two."), (3.0, 4.0, "Three.")]
    assert read_cues(tmp_path, third) == []


def test_ledger_errors_of_the_disk_are_told_in_a_sentence(tmp_path: Path) -> None:
    def write(name: str, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreUnavailable) as caught:
        Ledger(tmp_path, write)
    assert caught.value.sentence == "The disk that holds OUTPUTS_DIR is full."
