"""Texts that were read lately, so that a page which is looked at does not parse five megabytes a second time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.transcription.contract import Transcript

MOST_WORDS = 60_000  # of all texts together; about 20 MB. The newest one stays in any case
KEPT_S = 90.0  # since the last look; thousands of small texts would also hold on to the memory around them
CHARS_A_WORD = 100  # of text, at up to four bytes each, weigh as much as a timed word


class TextMemo:
    """Remembers texts by what they were made from; the one that was not asked for the longest time goes first."""

    def __init__(self, most_words: int = MOST_WORDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_words = most_words
        self._clock = clock
        self._lock = threading.Lock()
        self._texts: OrderedDict[Hashable, tuple[Transcript, int, float]] = OrderedDict()  # with its words and its last use

    def get(self, key: Hashable, make: Callable[[], Transcript]) -> Transcript:
        """The text of that key, made by whoever asks first."""
        with self._lock:
            known = self._texts.get(key)
            if known is not None:
                self._texts[key] = (known[0], known[1], self._clock())
                self._texts.move_to_end(key)
                return known[0]
        made = make()
        words = sum(1 + len(segment.words) + len(segment.text) // CHARS_A_WORD for segment in made.segments)
        with self._lock:
            self._texts[key] = (made, words, self._clock())
            self._texts.move_to_end(key)
            while len(self._texts) > 1 and sum(count for _, count, _ in self._texts.values()) > self._most_words:
                self._texts.popitem(last=False)
        return made

    def let_go(self) -> None:
        """Forget what nobody has asked for in KEPT_S seconds."""
        oldest = self._clock() - KEPT_S
        with self._lock:
            while self._texts and next(iter(self._texts.values()))[2] < oldest:
                self._texts.popitem(last=False)
