"""ZIP as a stream: right for every reader, as long as it was said to be, and flat in memory."""

from __future__ import annotations

import io
import os
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from utils.storage import archive
from utils.storage.archive import Entry


def test_stream_reads_back_equal_and_intact(tmp_path: Path) -> None:
    sizes = [0, 1, 1000, archive.CHUNK_BYTES, archive.CHUNK_BYTES * 3 + 7]
    entries = []
    for number, length in enumerate(sizes):
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(os.urandom(length))
        entries.append(Entry(f"rows/{number:04d}-grüße 录音.mp3", path, 1_700_000_000))
    entries.append(Entry("manifest.csv", b"number,name\r\n"))
    data = b"".join(archive.stream(entries))
    assert len(data) == archive.size(entries)
    with zipfile.ZipFile(io.BytesIO(data)) as back:
        assert back.testzip() is None
        assert back.namelist() == [entry.name for entry in entries]
        for entry in entries:
            source = entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes()
            assert back.read(entry.name) == source
        assert all(info.compress_type == zipfile.ZIP_STORED for info in back.infolist())


@pytest.mark.parametrize("count", [0, 1, 65_533, 65_534, 65_535, 65_536])
def test_size_of_many_small_files_is_exact(count: int) -> None:
    entries = [Entry(f"{number}", b"x") for number in range(count)]
    data = b"".join(archive.stream(entries))
    assert len(data) == archive.size(entries)
    with zipfile.ZipFile(io.BytesIO(data)) as back:
        assert len(back.infolist()) == count


@pytest.mark.long
@pytest.mark.parametrize("length", [0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0x1_0000_0001])
def test_size_of_files_around_two_and_four_gigabytes_is_exact(tmp_path: Path, length: int) -> None:
    path = tmp_path / "big.wav"
    with path.open("wb") as file:
        file.truncate(length)  # sparse: costs no disk
    entries = [Entry("a.txt", b"before"), Entry("big.wav", path), Entry("b.txt", b"behind")]
    total = archive.size(entries)
    assert sum(len(chunk) for chunk in archive.stream(entries)) == total


def test_stream_memory_stays_flat_and_first_bytes_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "big.wav"
    path.write_bytes(bytes(64 * 2**20))
    tracemalloc.start()
    chunks = archive.stream([Entry("big.wav", path)])
    first = next(chunks)
    assert 0 < len(first) <= archive.CHUNK_BYTES + 100
    for _ in chunks:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_stream_vanished_file_breaks_instead_of_lying(tmp_path: Path) -> None:
    path = tmp_path / "gone.mp3"
    path.write_bytes(b"x" * 10)
    chunks = archive.stream([Entry("a", b"1"), Entry("gone.mp3", path)])
    next(chunks)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(chunks)


def test_unique_names_ignore_case_and_keep_suffixes() -> None:
    assert archive.unique(["a.mp3", "A.mp3", "a (2).mp3", "b.mp3", "a.MP3"]) == [
        "a.mp3",
        "A (2).mp3",
        "a (2) (2).mp3",
        "b.mp3",
        "a (3).MP3",
    ]


def test_stream_passes_an_independent_reader(tmp_path: Path) -> None:
    data = archive.small([Entry("one.txt", b"1" * 100), Entry("zwei-ü.txt", b"2")])
    path = tmp_path / "t.zip"
    path.write_bytes(data)
    done = subprocess.run(["python3", "-m", "zipfile", "-t", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_entries_leave_out_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    found = archive.entries([("x.mp3", tmp_path / "a"), ("y.mp3", tmp_path / "gone"), ("X.mp3", tmp_path / "a")])
    assert [entry.name for entry in found] == ["x.mp3", "X (2).mp3"]


def test_unique_five_thousand_equal_names_stay_quick() -> None:
    chosen = archive.unique(["Übung.mp3"] * 5000)
    assert chosen[-1] == "Übung (5000).mp3"
    assert len(set(chosen)) == 5000
