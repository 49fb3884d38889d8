"""Calls of an engine in a thread of their own, so that whoever waits for them can look around meanwhile and leave.

One call decodes up to eight chunks at once, which takes many seconds with a large model on a CPU and cannot be broken off.
Somebody who cancels does not wait for it: the thread ends it, gives back what the engine holds, and ends itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.1  # between two looks around
_END = object()


class Aside:
    """The threads of one job. Used by one other thread."""

    def __init__(self, check: Callable[[], None]) -> None:
        """Begin.

        Args:
            check: Called every LOOK_S while a call is under way; what it raises passes, the call is left behind.
        """
        self._check = check
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._beside = ThreadPoolExecutor(
            1, thread_name_prefix="ahead"
        )  # of calls that do not need the engine; starts on first use
        self._left = False  # a call was left behind

    def run(self, call: Callable[[], T]) -> T:
        """The answer of a call, or what it raised."""
        return self._wait(self._pool.submit(call))

    def begin(self, call: Callable[[], T]) -> Future[T]:
        """Start a call that may run while the engine's do; `wait` gives its answer."""
        return self._beside.submit(call)

    def wait(self, answer: Future[T]) -> T:
        """What a call that was begun answers, or what it raised."""
        return self._wait(answer)

    def iterate(self, begin: Callable[[], Iterator[T]]) -> Generator[T, None, None]:
        """What an iterator gives, step by step; it is closed at the end in any case."""
        source = self.run(begin)
        try:
            while True:
                found = self._wait(self._pool.submit(next, source, _END))
                if found is _END:
                    return
                yield found  # type: ignore[misc]  # all but _END comes from the iterator
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                self._finish(close)

    def end(self, last: Callable[[], None]) -> None:
        """Call `last` behind all that is under way, and end the thread; waits only when nothing was left behind."""
        try:
            self._finish(last)
        finally:
            self._pool.shutdown(wait=not self._left)
            self._beside.shutdown(wait=False, cancel_futures=True)

    def _finish(self, call: Callable[[], None]) -> None:
        done = self._pool.submit(call)
        if not self._left:
            done.result()

    def _wait(self, answer: Future[T]) -> T:
        while True:
            try:
                return answer.result(LOOK_S)
            except NotYet:
                if answer.done():  # it was the call itself that ran out of time
                    raise
            try:
                self._check()
            except BaseException:
                self._left = True
                raise
