"""How many files may come in at one time, how many may be looked at, and how many long texts may be made into something."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import TooMany

MOST = 128  # files that arrive at one time, of all sessions; the web process lets fewer bodies in, see `api.bodies`
MOST_OF_SESSION = 8
LOOKS = 2  # children that look into a file at one time; each may take a second of a processor
AFTER_S = 5.0
LONG_CHARS = 150_000  # a text of more takes a second and more, and some two hundred bytes a character
MAKES = 4  # long texts that are corrected or become files at one time


class Door:
    """Counts what comes in. One for a server process."""

    def __init__(self, most: int = MOST, most_of_session: int = MOST_OF_SESSION) -> None:
        self._most = most
        self._most_of_session = most_of_session
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._looks = threading.BoundedSemaphore(LOOKS)
        self._makes = threading.BoundedSemaphore(MAKES)

    @contextmanager
    def entering(self, session_id: str) -> Iterator[None]:
        """While a file of this session comes in. Raises TooMany."""
        with self._lock:
            if self._inside[session_id] >= self._most_of_session or self._inside.total() >= self._most:
                raise TooMany("Too many recordings arrive at this moment.", "Send fewer at one time.", retry_after_s=AFTER_S)
            self._inside[session_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[session_id] -= 1
                if not self._inside[session_id]:
                    del self._inside[session_id]

    @contextmanager
    def looking(self) -> Iterator[None]:
        """While somebody looks into a file; waits for its turn."""
        with self._looks:
            yield

    @contextmanager
    def making(self, chars: int) -> Iterator[None]:
        """While somebody works on a text of so many characters. Raises TooMany for a long one while others are worked on."""
        if chars <= LONG_CHARS:
            yield
            return
        if not self._makes.acquire(blocking=False):  # who waits would keep one of the server's threads from everybody else
            raise TooMany("Too many long texts are being worked on at this moment.", "Try again.", retry_after_s=AFTER_S)
        try:
            yield
        finally:
            self._makes.release()
