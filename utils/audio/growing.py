"""A recording of a stranger that still comes, decoded while it does: the limited child reads it from a pipe."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from utils.audio.decode_process import ColdChild, Job, Report, run

RATE_HZ = 16_000
LOOK_S = 0.1
PIECE_BYTES = 65_536


class Growing:
    """Follows a growing file (WebM) into a file of samples: s16le, mono, RATE_HZ. What cannot be decoded ends it early."""

    def __init__(
        self, source: Path, pcm: Path, *, arrived: Callable[[], int], ended: Callable[[], bool], max_seconds: float
    ) -> None:
        """Start the child.

        Args:
            source: The file that grows.
            pcm: Where the sound goes; made here.
            arrived: How many bytes of the source count by now.
            ended: No more will come.
            max_seconds: Longer sound is not decoded.

        Raises:
            EngineUnreachable: No process can be started.
        """
        self._source, self._arrived, self._ended = source, arrived, ended
        self._stopped = threading.Event()
        reading, writing = os.pipe()
        with open(reading, "rb") as end, pcm.open("wb") as sink:
            try:
                self._child = ColdChild(Job("decode", max_seconds, follow=True), end, sink)
            except BaseException:
                os.close(writing)
                raise
        self._threads = [
            threading.Thread(target=self._feed, args=(writing,), name="growing-feed", daemon=True),
            threading.Thread(target=self._listen, name="growing-listen", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_over(self) -> bool:
        """There will be no more samples."""
        return not self._threads[1].is_alive()

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _feed(self, pipe: int) -> None:
        """Hand over what has arrived; closing the pipe is the end."""
        at = 0
        with suppress(OSError), self._source.open("rb") as file:  # a broken pipe: the child has had enough
            while not self._stopped.is_set():
                over = self._ended()
                left = self._arrived() - at
                if left <= 0:
                    if over:
                        break
                    self._stopped.wait(LOOK_S)
                    continue
                data = file.read(min(left, PIECE_BYTES))
                at += len(data)
                view = memoryview(data)
                while len(view) and not self._stopped.is_set():
                    view = view[os.write(pipe, view) :]
        os.close(pipe)

    def _listen(self) -> None:
        """Until the child has ended; it may be idle for as long as nobody speaks."""

        def hear(report: Report) -> float:
            return 0.0

        with suppress(_Stopped):
            run(self._child, hear=hear, check=self._check, clock=lambda: 0.0)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise _Stopped


class _Stopped(Exception):
    """Nobody wants the sound any more; the child is killed."""
