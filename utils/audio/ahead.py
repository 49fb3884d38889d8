"""Blocks made in a thread of their own while the ones before them are used: decoding beside encoding."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator

from utils.audio.pcm import Pcm

_LOOK_S = 0.1  # how soon the thread ends when nobody wants its blocks any more


def ahead(blocks: Iterator[Pcm], most: int) -> Generator[Pcm, None, None]:
    """The same blocks, up to `most` of them made before they are asked for. Close it: that ends the thread.

    What the blocks raise is raised here.
    """
    ready: queue.Queue[Pcm | BaseException | None] = queue.Queue(most)
    unwanted = threading.Event()

    def put(thing: Pcm | BaseException | None) -> bool:
        while not unwanted.is_set():
            try:
                ready.put(thing, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for block in blocks:
                if not put(block):
                    return
            put(None)
        except BaseException as exc:  # noqa: BLE001 - raised in the other thread
            put(exc)

    maker = threading.Thread(target=make, name="blocks-ahead", daemon=True)
    maker.start()
    try:
        while (thing := ready.get()) is not None:
            if isinstance(thing, BaseException):
                raise thing
            yield thing
    finally:
        unwanted.set()
        maker.join()
