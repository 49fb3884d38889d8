"""Live captions: sound goes in as it comes, words come out as they settle.

    look      every 0.2 s of sound: is there a voice at its end? (the voice detector on two seconds)
    decode    every half second while somebody speaks, slower when the engine is slow: all the sound since the last cut, through the
              gate; two texts in a row that agree commit words (`captions_agree`)
    settle    after 0.8 s of silence: what is doubtful is decoded once more, carefully; everything is committed, the sound let go

The sound that is kept is bounded, and each decoding reaches to the newest sound, so that the lag does not grow. Where an engine
cannot keep up at all, sound is skipped here and told; the recording has it, and the final pass hears it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from utils.transcription import gate, word_times
from utils.transcription.captions_agree import Agreement
from utils.transcription.captions_language import LiveLanguage
from utils.transcription.captions_rules import FRESH, WHISPER, Caption, Past, Rules
from utils.transcription.contract import RATE_HZ, Decoding, Samples, Segment, Span, Word
from utils.transcription.levels import HOP_S, levels, quietest

TAIL_S = 2.0  # that a look for a voice takes in; what it sees is looked at again in all the sound before it is decoded
PAD_S = 0.2  # that engines leave around a voice
SAME_S = 0.15  # ends of a voice that differ by less are one
TAKE_S = 8.0  # sound taken at once; with what is kept it stays under the 30 s that Whisper hears
JOIN_S = 2.0  # voices nearer to each other are decoded together
AROUND_S = 0.05  # a place between two words is looked for, as their times are not exact
LONGEST_COST_S = 10.0  # that is believed of one decoding: a machine that slept for an hour is not slow
START_S = 1.0  # kept before the first word, once the sound must be cut


class Captions:
    """The captions of one recording. Used by one thread."""

    def __init__(
        self,
        decoding: Decoding,
        *,
        language: str = "",
        rules: Rules = WHISPER,
        clock: Callable[[], float] = time.monotonic,
        past: Past = FRESH,
    ) -> None:
        """Begin, or go on.

        Args:
            decoding: Opened with `captions_rules.live_request`; stays the caller's.
            language: Given, or "" = found out from what is said.
            rules: As the engine needs them.
            clock: Seconds, monotonic; tells how long decodings take and how long no sound has come.
            past: What was done before; the first sound fed is that at `past.settled`.
        """
        self._decoding, self._rules, self._clock = decoding, rules, clock
        self._agreement = Agreement(past.words, past.settled)
        self._language = LiveLanguage(decoding, language, past.language)
        self._waiting: deque[Samples] = deque()
        self._sound: Samples = np.zeros(0, np.float32)
        self._begin = round(past.settled * RATE_HZ)  # sample of the recording that `_sound` begins with
        self._n, self._committed_s, self._told = past.n, past.end, ""
        self._looked_s = self._decoded_s = self._begin_s
        self._voice_s = self._covered_s = self._begin_s - 1.0  # where the last voice ends; how much of it was decoded
        self._first_s = self._begin_s  # where the first voice of the sound begins
        self._speech: list[Span] = []  # in the sound, as it was decoded last
        self._suspect = False  # what was decoded last
        self._cost_s = 0.0
        self._fed_at = clock()
        self._stalled_s = -1.0

    @property
    def waiting_s(self) -> float:
        """Sound that was fed and not looked at yet."""
        return sum(map(len, self._waiting)) / RATE_HZ

    @property
    def at_s(self) -> float:
        """How far it has looked, in seconds of the recording."""
        return self._begin_s + len(self._sound) / RATE_HZ

    @property
    def cost_s(self) -> float:
        """Seconds that a decoding takes, of late."""
        return self._cost_s

    def feed(self, samples: Samples) -> None:
        """Take the sound that follows: 16 kHz, mono, float32, finite."""
        size = int(TAKE_S * RATE_HZ)
        self._waiting.extend(samples[at : at + size] for at in range(0, len(samples), size))
        if len(samples):
            self._fed_at = self._clock()

    def step(self) -> Caption | None:
        """Do what is due: at most one look and one decoding, and what settles.

        Returns:
            How the captions stand, or None when nothing has changed.

        Raises:
            EngineError: The engine failed.
        """
        return self._caption(self._advance())

    def finish(self) -> Caption | None:
        """There will be no more sound: commit everything."""
        return self._caption(self._finished())

    def skip_to(self, second: float) -> Caption | None:
        """The next sound that is fed is that of a later second; what is there now is committed, what waits is thrown away."""
        self._waiting.clear()
        made = self._heard_to_the_end() + self._agreement.force(self.at_s - self._rules.edge_s)
        left = self._agreement.tentative  # a word that the skip cuts
        skipped = Span(left[0].start if left else self.at_s, second)
        self._agreement.forget()
        self._cut(second)
        return self._caption(made, skipped)

    def _advance(self) -> tuple[Word, ...]:
        self._take()
        fresh_s = self.at_s - self._looked_s
        if fresh_s < self._rules.look_s:
            return self._stalled()
        self._look(fresh_s)
        made: tuple[Word, ...] = ()
        full = len(self._sound) / RATE_HZ >= self._rules.full_s
        due = self.at_s - self._decoded_s >= self._step_s or self._quiet_s >= self._rules.closed_s or full
        if self._has_unheard and due:
            made += self._decode()
        made += self._settled() if self._quiet_s >= self._rules.silence_s else self._trimmed()
        return made

    def _finished(self) -> tuple[Word, ...]:
        made: tuple[Word, ...] = ()
        while self._waiting:
            made += self._advance()
        return made + self._heard_to_the_end() + self._settled()

    def _heard_to_the_end(self) -> tuple[Word, ...]:
        """Decode what was not decoded yet; what was suspect, once more."""
        if self.at_s > self._looked_s:
            self._look(self.at_s - self._looked_s)
        made = self._decode() if self._has_unheard else ()
        return made + self._resolve()

    # ---- sound ----------------------------------------------------------------------------------------------------

    @property
    def _begin_s(self) -> float:
        return self._begin / RATE_HZ

    @property
    def _step_s(self) -> float:
        return min(self._rules.trim_s, max(self._rules.step_s, self._rules.step_factor * self._cost_s))

    @property
    def _quiet_s(self) -> float:
        """Silence at the end of the sound."""
        return self.at_s - self._voice_s + PAD_S if self._voice_s < self.at_s - HOP_S else 0.0

    @property
    def _has_unheard(self) -> bool:
        return self._voice_s > self._covered_s + SAME_S

    def _take(self) -> None:
        room = int(TAKE_S * RATE_HZ)
        parts = [self._sound]
        while self._waiting and len(self._waiting[0]) <= room:
            parts.append(self._waiting.popleft())
            room -= len(parts[-1])
        if len(parts) > 1:
            self._sound = np.concatenate(parts)

    def _look(self, fresh_s: float) -> None:
        """Where the last voice ends."""
        tail = self._sound[-int(max(TAIL_S, fresh_s + 1.0) * RATE_HZ) :]
        spans = self._decoding.speech(tail)
        if spans:
            self._voice_s = max(self._voice_s, self.at_s - len(tail) / RATE_HZ + spans[-1].end)
        self._looked_s = self.at_s

    def _cut(self, second: float, *, clean: bool = False) -> None:
        """Let go of the sound before that second, which may lie behind it all; `clean`: in a silence."""
        first = max(self._begin, round(second * RATE_HZ))
        gone_s = (first - self._begin) / RATE_HZ
        self._sound = self._sound[first - self._begin :]
        self._begin = first
        self._speech = [Span(max(0.0, one.start - gone_s), one.end - gone_s) for one in self._speech if one.end > gone_s]
        self._suspect = self._suspect and bool(self._speech)
        self._looked_s = max(self._looked_s, self._begin_s)
        self._agreement.trim(self._begin_s, clean=clean)

    # ---- text -----------------------------------------------------------------------------------------------------

    def _decode(self) -> tuple[Word, ...]:
        """Decode all the sound there is; words that this commits."""
        began = self._clock()
        sound, rules = self._sound, self._rules
        heard = self._decoding.speech(sound)
        speech, _ = gate.voiced(sound, heard)
        voice_ended = self._quiet_s >= rules.closed_s
        if speech or voice_ended:  # what is too short for a word may become one
            self._covered_s = self._voice_s
        self._speech, self._suspect = speech, False
        if not speech:
            self._agreement.forget()
            if sum(span.end - span.start for span in heard) > 1.0:
                self._decoded_s = self.at_s  # it costs a little to find out that it is a tone
            return ()
        self._decoded_s = self.at_s
        spans = _joined(speech)
        self._first_s = self._begin_s + spans[0].start
        tongue = self._language.of(sound, speech)
        segments = list(self._decoding.decode(sound, spans, tongue))
        took = min(self._clock() - began, LONGEST_COST_S)
        self._cost_s = max(took, (self._cost_s + took) / 2)
        if self._is_suspect(segments, speech):  # looked into when it settles; until then the text before stands, tentative
            self._suspect = True
            return ()
        sure = 0.0 if not self._language.known else self.at_s - (0.0 if voice_ended else rules.edge_s)
        return self._agreement.hear(self._words(segments), sure_until_s=sure)

    @staticmethod
    def _is_suspect(segments: Sequence[Segment], speech: Sequence[Span]) -> bool:
        return bool(gate.suspicion(segments, sum(span.end - span.start for span in speech)))

    def _words(self, segments: Sequence[Segment]) -> list[Word]:
        """Of a hypothesis, in seconds of the recording."""
        speech = self._speech
        bounds = Span(0.0, len(self._sound) / RATE_HZ)
        tidy = word_times.tidy([segment for segment in segments if segment.text], bounds, speech)
        kept = gate.bounded(tidy, self._sound, speech, strict=self._rules.strict).segments
        return [word for segment in kept for word in word_times.moved(segment, self._begin_s).words]

    def _settled(self) -> tuple[Word, ...]:
        """Commit everything, and let the sound go."""
        made = self._resolve() + self._agreement.force()
        self._language.settle(self._sound, self._speech)
        self._speech = []
        self._cut(min(self.at_s, max(self.at_s - self._rules.lead_s, self._voice_s)), clean=self._quiet_s >= self._rules.closed_s)
        return made

    def _resolve(self) -> tuple[Word, ...]:
        """Decode once more what was suspect, and judge it; words that this commits."""
        if not self._suspect:
            return ()
        self._suspect = False
        words = self._careful(self._speech)
        spans = _joined(self._speech)
        if words is None and len(spans) > 1:  # long pauses are in it: had they been heard as they came, each would stand for itself
            words = self._apart(spans)
        if words is None:  # text that never changes again must not be doubtful; the final pass keeps and marks it
            self._agreement.forget()
            return ()
        return self._agreement.hear(words)

    def _apart(self, spans: Sequence[Span]) -> list[Word] | None:
        """What was said between long pauses, each stretch judged alone; None when none of it can be told."""
        words: list[Word] = []
        held = self._agreement.held
        for span in spans:
            found = self._careful([one for one in self._speech if span.start <= one.start < span.end])
            if found is None and held and self._begin_s + span.start < held[-1].end:
                return None  # committed words are in it: what follows could not be laid beside them
            words += found or ()
        return words or None

    def _careful(self, speech: Sequence[Span]) -> list[Word] | None:
        """Decode a stretch of the sound once more; None when it is suspect still."""
        whole = Span(speech[0].start, speech[-1].end)
        sound = self._sound[round(whole.start * RATE_HZ) : round(whole.end * RATE_HZ)]
        again = [word_times.moved(segment, whole.start) for segment in self._decoding.again(sound, self._language.best)]
        return None if self._is_suspect(again, speech) else self._words(again)

    def _trimmed(self) -> tuple[Word, ...]:
        """Keep the sound short: cut it behind what is committed, if need be after committing without agreement."""
        rules, length_s = self._rules, len(self._sound) / RATE_HZ
        if length_s <= rules.trim_s:
            return ()
        if self._first_s - START_S > self._begin_s:  # sound from before anybody spoke
            self._cut(self._first_s - START_S)
            return ()
        made: tuple[Word, ...] = ()
        if self._quiet_s >= rules.closed_s and not self._has_unheard and not self._agreement.tentative and not self._suspect:
            self._settled()  # a short pause, and all before it is committed
            return ()
        place = self._agreement.cut(self._begin_s + length_s / 3)
        if length_s >= rules.full_s and (place is None or self.at_s - place[1] > rules.trim_s):
            made = self._resolve() + self._agreement.force(self.at_s - rules.edge_s)
            place = self._agreement.cut(self._begin_s + length_s / 3)
        if place is not None:
            self._language.settle(self._sound, self._speech)
            low, high = place[0] - self._begin_s - AROUND_S, place[1] - self._begin_s + AROUND_S
            self._cut(self._begin_s + quietest(levels(self._sound), low, high))
        if self.at_s - self._begin_s >= rules.full_s:  # no words for long, or only old ones
            self._cut(self.at_s - rules.lead_s)
        return made

    def _stalled(self) -> tuple[Word, ...]:
        """No sound has come for a while: whoever reads shall not wait for the end of a sentence that is there."""
        if self._stalled_s == self.at_s or self._clock() - self._fed_at < self._rules.stall_s:
            return ()
        self._stalled_s = self.at_s
        return self._heard_to_the_end() + self._agreement.force(self.at_s - self._rules.edge_s)

    def _caption(self, made: tuple[Word, ...], skipped: Span | None = None) -> Caption | None:
        tentative = "".join(word.text for word in self._agreement.tentative)
        if not made and tentative == self._told and skipped is None:
            return None
        self._n, self._told = self._n + 1, tentative
        self._committed_s = made[-1].end if made else self._committed_s
        return Caption(
            n=self._n,
            committed="".join(word.text for word in made),
            words=made,
            tentative=tentative,
            end=self._committed_s,
            at=self.at_s,
            settled=self._begin_s,
            language=self._language.known,
            skipped=skipped,
        )


def _joined(speech: Sequence[Span]) -> list[Span]:
    """Voices near to each other as one: the engine needs as long for a word as for half a minute."""
    made: list[Span] = []
    for span in speech:
        if made and span.start - made[-1].end < JOIN_S:
            made[-1] = Span(made[-1].start, span.end)
        else:
            made.append(span)
    return made
