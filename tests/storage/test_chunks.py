"""The growing sound of a recording: whatever a killed writer has left, what counts is whole, and there is one writer."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from utils.storage.atomic import Folder
from utils.storage.chunks import ENTRY, INDEX, ChunkFile, confirmed
from utils.storage.locks import Busy

SOUND = "sound.pcm"
PARTS = [bytes([number]) * (7 * number + 2) for number in range(5)]


@contextmanager
def opened(path: Path) -> Iterator[ChunkFile]:
    with Folder.open(path) as folder:
        file = ChunkFile(folder, SOUND)
        try:
            yield file
        finally:
            file.close()


def test_chunks_go_on_where_they_stopped(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        file.append(PARTS[:2])
        file.append(PARTS[2:3])
    with opened(tmp_path) as file:
        assert (file.next_seq, file.size_bytes) == (3, sum(map(len, PARTS[:3])))
        file.append(PARTS[3:])
    assert (tmp_path / SOUND).read_bytes() == b"".join(PARTS)
    assert confirmed(tmp_path, SOUND) == len(b"".join(PARTS))


def test_chunks_cut_anywhere_are_whole_chunks_again(tmp_path: Path) -> None:
    """Both files cut at every pair of places: what is opened is a beginning of the chunks, and going on makes all of them."""
    with opened(tmp_path) as file:
        file.append(PARTS)
    whole, index = (tmp_path / SOUND).read_bytes(), (tmp_path / INDEX).read_bytes()
    sums = [sum(map(len, PARTS[:count])) for count in range(len(PARTS) + 1)]
    place = tmp_path / "cut"
    for left in range(len(index) + 1):
        for kept in {*sums, *(end + 1 for end in sums[:-1]), len(whole)}:
            place.mkdir()
            (place / SOUND).write_bytes(whole[:kept])
            (place / INDEX).write_bytes(index[:left])
            with opened(place) as file:
                count = min(left // ENTRY.size, max(number for number, end in enumerate(sums) if end <= kept))
                assert (file.next_seq, file.size_bytes) == (count, sums[count])
                file.append(PARTS[count:])
            assert (place / SOUND).read_bytes() == whole
            assert (place / INDEX).read_bytes() == index
            shutil.rmtree(place)


def test_chunks_behind_the_index_do_not_count(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        file.append(PARTS[:2])
    with (tmp_path / SOUND).open("ab") as sound:
        sound.write(b"without a record")
    assert confirmed(tmp_path, SOUND) == len(PARTS[0] + PARTS[1])
    with opened(tmp_path) as file:
        file.append(PARTS[2:])
    assert (tmp_path / SOUND).read_bytes() == b"".join(PARTS)


def test_chunks_have_one_writer(tmp_path: Path) -> None:
    with opened(tmp_path) as file, Folder.open(tmp_path) as folder:
        with pytest.raises(Busy):
            ChunkFile(folder, SOUND)
        assert file.is_there
        (tmp_path / INDEX).rename(tmp_path / "elsewhere")
        assert not file.is_there


def test_chunks_that_the_disk_refuses_do_not_count_and_can_come_again(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(tmp_path) as file:
        file.append(PARTS[:2])
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(PARTS[0] + PARTS[1]) + 3, hard))
            with pytest.raises(OSError, match="large"):
                file.append(PARTS[2:])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert file.next_seq == 2
        assert (tmp_path / SOUND).read_bytes() == PARTS[0] + PARTS[1]
        file.append(PARTS[2:])
    assert (tmp_path / SOUND).read_bytes() == b"".join(PARTS)
