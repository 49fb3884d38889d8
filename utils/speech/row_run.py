"""What an engine sees of a batch while it speaks one of its rows."""

from __future__ import annotations

import threading
from collections.abc import Callable

from utils.errors import Cancelled
from utils.speech.contract import PieceCache


class RowRun:
    """The Run that engines see: the batch's session and cache, and a stop for all rows at once."""

    def __init__(self, session_id: str, cache: PieceCache, stop: threading.Event, note: Callable[[str], None]) -> None:
        """Of the batch.

        Args:
            session_id: Whose it is.
            cache: The session's, one for all rows: it counts what it holds when it is first written to.
            stop: Set when all rows shall stop.
            note: Told each sentence for the person who waits.
        """
        self.session_id = session_id
        self.cache = cache
        self._stop, self._note = stop, note

    def progress(self, done: float, total: float) -> None:
        """A batch counts whole rows, so this only says whether to stop."""
        if self._stop.is_set():
            raise Cancelled("The work was stopped.")

    def note(self, sentence: str) -> None:
        """Keep the sentence for the batch."""
        self._note(sentence)
