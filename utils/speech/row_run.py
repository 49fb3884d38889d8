"""What an engine sees of a batch while it speaks one of its rows."""

from __future__ import annotations

import threading
from collections.abc import Callable

from utils.errors import Cancelled
from utils.speech.contract import PieceCache, Run


class RowRun:
    """The Run that engines see: the batch's session and cache, and a stop for all rows at once."""

    def __init__(self, run: Run, stop: threading.Event, note: Callable[[str], None]) -> None:
        """`note` is told each sentence."""
        self._run, self._stop, self._note = run, stop, note

    @property
    def session_id(self) -> str:
        """The batch's."""
        return self._run.session_id

    @property
    def cache(self) -> PieceCache:
        """The session's."""
        return self._run.cache

    def progress(self, done: float, total: float) -> None:
        """A batch counts whole rows, so this only says whether to stop."""
        if self._stop.is_set():
            raise Cancelled("The work was stopped.")

    def note(self, sentence: str) -> None:
        """Keep the sentence for the batch."""
        self._note(sentence)
