"""The queue: order, waking, stopping, and files that somebody deletes or damages."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.jobs.rig import RedisServer, Rig, until
from utils.jobs.lines import QueueAway
from utils.jobs.queue import Queue


def drained(queue: Queue, count: int, threads: int = 1) -> list[str]:
    """Serve until `count` names came."""
    taken: list[str] = []

    def handle(name: str) -> None:
        taken.append(name)
        if len(taken) >= count:
            queue.stop()

    queue.serve("speech", threads, handle)
    return taken


def test_queue_low_priorities_come_first_then_old_ones(any_rig: Rig) -> None:
    queue = any_rig.queue
    for name, priority in [("c", 2), ("a", 0), ("d", 2), ("b", 1)]:
        queue.enqueue("speech", name, priority)
    assert queue.pending("speech") == {"a", "b", "c", "d"}
    assert drained(queue, 4) == ["a", "b", "c", "d"]


def test_queue_same_name_twice_comes_twice(any_rig: Rig) -> None:
    any_rig.queue.enqueue("speech", "a", 0)
    any_rig.queue.enqueue("speech", "a", 0)
    assert drained(any_rig.queue, 2) == ["a", "a"]


def test_queue_handler_that_fails_does_not_end_the_thread(rig: Rig) -> None:
    taken = []

    def handle(name: str) -> None:
        taken.append(name)
        if name == "last":
            rig.queue.stop()
        raise RuntimeError("words")

    rig.queue.enqueue("speech", "first", 0)
    rig.queue.enqueue("speech", "last", 1)
    rig.queue.serve("speech", 1, handle)
    assert taken == ["first", "last"]


@contextmanager
def serving(folder: Path, poll_s: float, threads: int = 2) -> Iterator[list[str]]:
    """A queue that is served in the background; what it was given so far."""
    taken: list[str] = []
    queue = Queue("", folder, ("speech",), poll_s=poll_s)
    thread = threading.Thread(target=queue.serve, args=("speech", threads, taken.append))
    thread.start()
    until(lambda: (folder / "speech.wake").exists())
    yield taken
    queue.stop()
    thread.join(60.0)
    assert not thread.is_alive()
    queue.close()


def test_queue_submit_of_another_object_wakes_an_idle_server(tmp_path: Path) -> None:
    with serving(tmp_path, poll_s=60.0) as taken, closing(Queue("", tmp_path, ("speech",))) as other:
        for number in range(3):
            other.enqueue("speech", str(number), 0)
            until(lambda wanted=number + 1: len(taken) == wanted)


def test_queue_folder_emptied_under_an_idle_server_is_made_again(tmp_path: Path) -> None:
    with serving(tmp_path, poll_s=0.05) as taken, closing(Queue("", tmp_path, ("speech",))) as other:
        for path in tmp_path.iterdir():
            path.unlink()
        until(lambda: (tmp_path / "speech.wake").exists())
        other.enqueue("speech", "a", 0)
        until(lambda: taken == ["a"])


def damage(path: Path) -> None:
    path.write_bytes(b"\xde\xad\xbe\xef" * 4096)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:700])


def forget_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("drop table task")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("ill", [Path.unlink, damage, shorten, forget_tables])
def test_queue_ill_file_is_replaced(rig: Rig, ill: Callable[[Path], None]) -> None:
    rig.queue.enqueue("speech", "old", 0)
    ill(rig.settings.queue_dir / "speech.db")
    with closing(Queue("", rig.settings.queue_dir, ("speech",))) as other:
        assert other.enqueue("speech", "new", 0)
        assert "new" in rig.queue.pending("speech")
        assert rig.queue.enqueue("speech", "newer", 0)
        assert "newer" in other.pending("speech")


def test_queue_that_cannot_be_opened_is_away(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("a file where the folder should be")
    queue = Queue("", tmp_path / "queue", ("speech",))
    assert not queue.enqueue("speech", "a", 0)
    assert not queue.reachable()
    with pytest.raises(QueueAway):
        queue.pending("speech")


@pytest.mark.redis
def test_queue_redis_away_is_told_and_forgiven(redis: RedisServer, tmp_path: Path) -> None:
    with closing(Queue(redis.url, tmp_path, ("speech",))) as queue:
        assert queue.enqueue("speech", "a", 0)
        redis.kill()
        assert not queue.enqueue("speech", "b", 0)
        assert not queue.reachable()
        redis.start()
        assert queue.enqueue("speech", "c", 0)
        assert queue.pending("speech") == {"c"}


@pytest.mark.redis
def test_queue_redis_holds_nothing_but_names(redis: RedisServer, tmp_path: Path) -> None:
    from redis import Redis

    with closing(Queue(redis.url, tmp_path, ("speech",))) as queue:
        queue.enqueue("speech", "the-name", 3)
    client = Redis.from_url(redis.url)
    [key] = client.keys("*")
    [(member, score)] = client.zrange(key, 0, -1, withscores=True)
    client.close()
    assert member[8:] == b"the-name", "eight bytes of time, then the name; no pickle"
    assert score == 3
