"""The language of what is being said, found out while it is said: once it is known it stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from utils.transcription.contract import RATE_HZ, Decoding, LanguageGuess, Samples, Span

SURE, SURE_S = 0.8, 2.0  # so sure about so much speech: known
ENOUGH_S = 8.0  # of speech in all: the best guess is taken
LISTEN_S = 30.0  # what Whisper hears at once


class LiveLanguage:
    """Asks the engine until it is sure. Used by one thread."""

    def __init__(self, decoding: Decoding, language: str) -> None:
        """Begin.

        Args:
            decoding: The engine.
            language: As given, or "" = find it out.
        """
        only = decoding.model.languages
        self._decoding = decoding
        self._known = language or (only[0] if len(only) == 1 else "")
        self._votes: dict[str, float] = defaultdict(float)
        self._heard_s = 0.0
        self._last: tuple[LanguageGuess, float] | None = None

    @property
    def known(self) -> str:
        """The language, or "" while it is not sure."""
        return self._known

    def of(self, sound: Samples, speech: Sequence[Span]) -> str:
        """The language to decode this sound in, the best guess so far."""
        if self._known:
            return self._known
        first, spoken_s = speech[0].start, sum(span.end - span.start for span in speech)
        guess = self._decoding.detect(sound[round(first * RATE_HZ) :][: round(LISTEN_S * RATE_HZ)])
        self._last = (guess, spoken_s)
        if guess.probability >= SURE and spoken_s >= SURE_S:
            self._known = guess.language
        return max((*self._votes, guess.language), key=lambda tag: self._weight(tag))

    def settle(self) -> None:
        """What was heard is over; the last guess about it counts as much as was said."""
        if self._known or self._last is None:
            return
        guess, spoken_s = self._last
        self._votes[guess.language] += guess.probability * spoken_s
        self._heard_s += spoken_s
        self._last = None
        if self._heard_s >= ENOUGH_S:
            self._known = max(self._votes, key=lambda tag: self._votes[tag])

    def _weight(self, tag: str) -> float:
        guess, spoken_s = self._last or (LanguageGuess("", 0.0), 0.0)
        return self._votes[tag] + (guess.probability * spoken_s if tag == guess.language else 0.0)
