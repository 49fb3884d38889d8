"""LocalAgreement-2: words that two hypotheses in a row agree on are committed; the rest stays tentative.

Pure: it knows words, not sound. All times are seconds of the recording. What is committed never changes again; a later hypothesis
that hears the same sound otherwise is laid beside the committed words, and only what lies behind them counts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from utils.transcription.contract import Word

SEAM_WORDS = 5  # committed words in front of the sound, against which the first words behind a cut are compared
LEFT_OVER_S, LEFT_WORD_S = 0.15, 0.2  # words behind a cut that end sooner are what is left of those before it; people speak slower
LEFT_RUN, LEFT_RUN_S = 3, 0.5  # so many different words are not said twice at the very cut; seconds for each
AFTER_S = 0.3  # a word may end so much later than the engine says
SENTENCE_ENDS = (".", "?", "!", "…", "。", "\uff1f", "\uff01", "؟", "।")  # \u: full-width forms of ? and of !


class Agreement:
    """The words of one recording, as they settle. Used by one thread."""

    def __init__(self, held: Sequence[Word] = (), begin_s: float = 0.0) -> None:
        """Nothing heard yet.

        Args:
            held: Words that were committed before, by somebody who went on from here; those before `begin_s` guard the seam.
            begin_s: Where the sound begins that is listened to.
        """
        self._held = list(held)
        self._seam: list[Word] = []
        self._behind = ""  # first word behind the last cut, as it was heard when all the sound was there
        self._tentative: list[Word] = []
        self._begin_s = begin_s
        self.trim(begin_s)

    @property
    def tentative(self) -> tuple[Word, ...]:
        """What the last hypothesis says behind the committed words."""
        return tuple(self._tentative)

    @property
    def held(self) -> tuple[Word, ...]:
        """Committed words whose sound is still listened to."""
        return tuple(self._held)

    def hear(self, hypothesis: Sequence[Word], *, sure_until_s: float = float("inf")) -> tuple[Word, ...]:
        """Take a hypothesis of all the sound there is.

        Args:
            hypothesis: Words in order.
            sure_until_s: Words that end later may still be cut, and are not committed even if both hypotheses agree on them.

        Returns:
            Words that are committed by it.
        """
        tail = self._beyond(hypothesis)
        agreed = 0
        for mine, theirs in zip(tail, self._tentative, strict=False):
            if plain(mine.text) != plain(theirs.text) or mine.end > sure_until_s:
                break
            agreed += 1
        self._tentative = tail
        return self._commit(agreed)

    def force(self, until_s: float = float("inf")) -> tuple[Word, ...]:
        """Commit the tentative words that end before `until_s`, agreed or not.

        Returns:
            Words that are committed by it.
        """
        count = 0
        while count < len(self._tentative) and self._tentative[count].end <= until_s:
            count += 1
        return self._commit(count)

    def forget(self) -> None:
        """Throw away the tentative words: there was nothing."""
        self._tentative = []

    def trim(self, begin_s: float, *, clean: bool = False) -> None:
        """The sound now begins later: committed words before that place only guard the seam.

        Args:
            begin_s: Where it begins.
            clean: In a silence, behind all that was said: nothing is left of those words, and what is said again was said again.
        """
        gone = 0
        while gone < len(self._held) and (self._held[gone].start + self._held[gone].end) / 2 < begin_s:
            gone += 1
        self._seam = [] if clean else [*self._seam, *self._held[:gone]][-SEAM_WORDS:]
        del self._held[:gone]
        if gone:
            self._behind = plain(self._tentative[0].text) if self._tentative else ""
        self._begin_s = begin_s

    def cut(self, earliest_s: float) -> tuple[float, float] | None:
        """The best place to cut the sound: behind the last committed sentence, else behind the last committed word.

        Args:
            earliest_s: A sentence that ends earlier is passed over, so that enough sound is let go.

        Returns:
            End of the word before the place and begin of the word behind it, or None when nothing is committed.
        """
        if not self._held:
            return None
        following = [*self._held[1:], *self._tentative[:1]]
        last = len(self._held) - 1
        ends = [at for at, word in enumerate(self._held) if word.text.rstrip().endswith(SENTENCE_ENDS)]
        at = ends[-1] if ends and self._held[ends[-1]].end >= earliest_s else last
        end = self._held[at].end
        return end, max(end, following[at].start) if at < len(following) else end + AFTER_S

    def _commit(self, count: int) -> tuple[Word, ...]:
        made = tuple(self._tentative[:count])
        self._held += made
        del self._tentative[:count]
        return made

    def _beyond(self, hypothesis: Sequence[Word]) -> list[Word]:
        """The hypothesis without what is committed already."""
        skip = behind(self._held, hypothesis) if self._held else self._repeated(hypothesis)
        return list(hypothesis[skip:])

    def _repeated(self, hypothesis: Sequence[Word]) -> int:
        """How many words at the beginning are the committed ones before the cut, heard again in what is left of their sound.

        None of them if the first one was heard there before the cut as well: somebody says it twice.
        """
        before = [plain(word.text) for word in self._seam]
        words = [plain(word.text) for word in hypothesis[: len(before)]]
        for count in range(len(words), 0, -1):
            left_s = LEFT_OVER_S + LEFT_WORD_S * (count - 1)
            if len(set(words[:count])) >= LEFT_RUN:
                left_s = LEFT_RUN_S * count
            if hypothesis[count - 1].end <= self._begin_s + left_s and words[:count] == before[-count:]:
                return 0 if words[0] == self._behind else count
        return 0


def behind(committed: Sequence[Word], hypothesis: Sequence[Word]) -> int:
    """How many words of the hypothesis stand for the committed ones, which it begins with, changed as they may be.

    The number with the fewest changes; among equals the one whose edge is nearest to the time at which the committed words end.
    """
    row = list(range(len(hypothesis) + 1))  # changes from no committed word to so many words
    theirs = [plain(word.text) for word in hypothesis]
    for i, word in enumerate(committed, start=1):
        mine, above = plain(word.text), row
        row = [i]
        for j, other in enumerate(theirs, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (mine != other)))
    end = committed[-1].end if committed else 0.0

    def apart(count: int) -> float:
        before = hypothesis[count - 1].end if count else end
        after = hypothesis[count].start if count < len(hypothesis) else end
        return max(0.0, before - end) + max(0.0, end - after)

    return min(range(len(hypothesis) + 1), key=lambda count: (row[count], apart(count), -count))


def plain(text: str) -> str:
    """A word for comparison: letters and digits, folded; what has none stays as it is."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum() or unicodedata.category(char).startswith("M")) or folded.strip()
