"""The language of what is being said, found out while it is said.

Once it is known it stays, until two looks in a row, in other sentences, are sure of another one: people change it, and Whisper
does not tell; it translates, with as good scores. A language that was given stays for good.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from utils.transcription.contract import RATE_HZ, Decoding, LanguageGuess, Samples, Span

SURE, SURE_S = 0.8, 2.0  # so sure about so much speech: known
ENOUGH_S = 8.0  # of speech in all: the best guess is taken
AGAIN_S = 10.0  # of speech until the next look; it costs most of a decoding
LISTEN_S = 30.0  # what Whisper hears at once


class LiveLanguage:
    """Asks the engine until it is sure. Used by one thread."""

    def __init__(self, decoding: Decoding, language: str, found: str = "") -> None:
        """Begin.

        Args:
            decoding: The engine.
            language: As given, or "" = find it out.
            found: Before, by a job that was killed.
        """
        only = decoding.model.languages
        self._decoding = decoding
        self._given = language or (only[0] if len(only) == 1 else "")
        self._known = self._given or found
        self._best = self._known
        self._other, self._since_s = "", 0.0
        self._votes: dict[str, float] = defaultdict(float)
        self._heard_s = 0.0
        self._last: tuple[LanguageGuess, float] | None = None

    @property
    def known(self) -> str:
        """The language, or "" while it is not sure."""
        return self._known

    @property
    def best(self) -> str:
        """The same, or the best guess so far; "" before the first sound."""
        return self._known or self._best

    def of(self, sound: Samples, speech: Sequence[Span]) -> str:
        """The language to decode this sound in, the best guess so far."""
        if self._known:
            return self._known
        first, spoken_s = speech[0].start, sum(span.end - span.start for span in speech)
        guess = self._decoding.detect(sound[round(first * RATE_HZ) :][: round(LISTEN_S * RATE_HZ)])
        self._last = (guess, spoken_s)
        self._best = max((*self._votes, guess.language), key=lambda tag: self._weight(tag))
        if guess.probability >= SURE and spoken_s >= SURE_S:
            self._known = guess.language
        elif self._heard_s + spoken_s >= ENOUGH_S:
            self._known = self._best
        return self.best

    def settle(self, sound: Samples, speech: Sequence[Span]) -> None:
        """What was heard is over: the last guess about it counts as much as was said, or a known language is looked at again.

        Args:
            sound: That was decoded last.
            speech: In it.
        """
        spoken_s = sum(span.end - span.start for span in speech)
        if self._given or not speech:
            return
        if self._known:
            begin_s = max(speech[0].start, speech[-1].end - AGAIN_S)
            self._look_again(sound[round(begin_s * RATE_HZ) :], spoken_s)
        elif self._last is not None:
            guess, spoken_s = self._last
            self._votes[guess.language] += guess.probability * spoken_s
            self._heard_s += spoken_s
            self._last = None

    def _look_again(self, sound: Samples, spoken_s: float) -> None:
        self._since_s += spoken_s
        if spoken_s < SURE_S or (self._since_s < AGAIN_S and not self._other):
            return
        guess, self._since_s = self._decoding.detect(sound[: round(LISTEN_S * RATE_HZ)]), 0.0
        other = guess.language if guess.probability >= SURE and guess.language != self._known else ""
        if other and other == self._other:
            self._known, other = other, ""
        self._other = other

    def _weight(self, tag: str) -> float:
        guess, spoken_s = self._last or (LanguageGuess("", 0.0), 0.0)
        return self._votes[tag] + (guess.probability * spoken_s if tag == guess.language else 0.0)
