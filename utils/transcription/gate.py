"""The gate: no invented words. It looks at the sound before an engine does, and at the text afterwards.

Batched decoding has no safety net of its own, sequential decoding a coarse one; both pass here. What looks wrong is decoded once
more, alone and carefully. What still looks wrong is kept and marked with the reason, or left out where there is no sound or no
voice; what is left out is counted and its place is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from utils.transcription.contract import RATE_HZ, Dropped, Samples, Segment, Span
from utils.transcription.levels import at, flux, is_quiet

REASONS = {
    "no_speech": "The engine itself doubts that anybody speaks here.",
    "unsure": "The engine was very unsure of these words.",
    "repetition": "The same words come again and again, as they do when an engine is caught in a loop.",
    "rate": "There are more words here than anybody can say in that time.",
    "outside": "No voice was heard at this place.",
    "silence": "There is no sound at this place.",
    "too_short": "The sound at this place is too short for a word.",
    "no_voice": "The sound at this place does not change as a voice does; it may be a tone, a machine or music.",
}

NO_SPEECH = 0.6  # the rule of openai-whisper: doubt and a low score together
LOW_LOGPROB = -1.0
MAX_COMPRESSION = 2.4  # openai-whisper's sign of a loop ...
COMPRESSIBLE_CHARS = 60  # ... which says nothing about short texts
MAX_WORDS_A_SECOND = 9.0  # auctioneers reach 7, eSpeak at its fastest 7.5
MAX_CHARS_A_SECOND = 45.0
LEAST_WORDS = 5  # for a rate
MAX_PERIOD = 16  # words of a loop
VOICE_FLUX = 0.32  # trembling and gated tones reach 0.18; half seconds of speech begin at 0.26, a tenth of them is under 0.4
SHORT_FLUX = 0.28  # for a stretch that is shorter than STEADY_S; single words begin at 0.33
WORD_S = 0.55  # of voice with the detector's margins; the shortest words last 0.65 s with them
SLIVER_S = 0.5  # what is left beside a steady sound and is shorter belongs to it; a word with the margin behind it is not
ALONE_S = 1.0  # without any other voice around
FLUX_S = 0.5  # a look at the flux
STEADY_S = 2.5  # so long a stretch without a voice's changes holds no words; no vowel lasts so long
NEAR_S = 0.4  # a segment so near to speech belongs to it

_WORDS = re.compile(r"\w+", re.UNICODE)


@dataclass(frozen=True)
class Verdict:
    """What becomes of the text of a chunk.

    Attributes:
        segments: Kept, some of them marked.
        again: It was decoded a second time.
        dropped: What was left out.
    """

    segments: tuple[Segment, ...] = ()
    again: bool = False
    dropped: tuple[Dropped, ...] = ()


def voiced(samples: Samples, speech: Sequence[Span]) -> tuple[list[Span], list[Dropped]]:
    """What is left of the voice detector's speech without silence, blips and steady tones, and what was taken out.

    The detector takes a trembling tone for speech, and now and then a knock; speech changes its spectrum all the time, and a word
    takes its time. Out of longer stretches only STEADY_S and more are taken, so that no word is touched.
    """
    kept: list[Span] = []
    dropped: list[Dropped] = []
    for index, span in enumerate(speech):
        sound = at(samples, span)
        before = span.start - speech[index - 1].end if index else ALONE_S
        behind = speech[index + 1].start - span.end if index + 1 < len(speech) else ALONE_S
        reason = _no_word(sound, alone=min(before, behind) >= ALONE_S)
        if reason:
            dropped.append(Dropped(span.start, span.end, reason, 0))
            continue
        place = span.start
        for steady in _steady(sound):
            a, b = span.start + steady.start, span.start + steady.end
            dropped.append(Dropped(a, b, "no_voice", 0))
            if a - place > SLIVER_S:
                kept.append(Span(place, a))
            place = b
        if span.end - place > (SLIVER_S if place > span.start else 0.0):
            kept.append(Span(place, span.end))
    return kept, dropped


def suspicion(segments: Sequence[Segment], speech_s: float) -> str:
    """The first rule that the text of one chunk breaks, a key of REASONS; "" when there is none.

    Args:
        segments: Of the chunk.
        speech_s: Seconds of voice in it.
    """
    if sum(len(_WORDS.findall(segment.text)) for segment in segments) > max(LEAST_WORDS, MAX_WORDS_A_SECOND * speech_s):
        return "rate"
    for segment in segments:
        low = segment.avg_logprob is not None and segment.avg_logprob < LOW_LOGPROB
        if low and segment.no_speech_prob is not None and segment.no_speech_prob > NO_SPEECH:
            return "no_speech"
        ratio = segment.compression_ratio or 0.0
        if ratio > MAX_COMPRESSION and len(segment.text) >= COMPRESSIBLE_CHARS:
            return "repetition"
        if _too_fast(segment):
            return "rate"
        if low:
            return "unsure"
    return "repetition" if repeats(" ".join(segment.text for segment in segments)) else ""


def repeats(text: str) -> bool:
    """A run of words that comes at least three times in a row: short ones oftener, as people do say "no, no, no"."""
    words = [word.casefold() for word in _WORDS.findall(text)]
    if len(words) < 4 and len(text) > 16:  # written without spaces
        words = [char for char in text if char.isalnum()]
    for period in range(1, min(MAX_PERIOD, len(words) // 3) + 1):
        needed = max(3, -(-10 // period))  # at least ten words in all
        run = 0
        for place in range(period, len(words)):
            run = run + 1 if words[place] == words[place - period] else 0
            if run >= period * (needed - 1):
                return True
    return False


def judge(sound: Samples, speech_s: float, first: Sequence[Segment], again: Callable[[], Sequence[Segment]] | None) -> Verdict:
    """Look at the text of one chunk; decode it again when it is suspect, and decide.

    Args:
        sound: The chunk.
        speech_s: Seconds of voice in it.
        first: What was decoded; segments without text are left out.
        again: Decodes the chunk once more, carefully; None when there is no time, then suspects are only marked.
    """
    heard = [segment for segment in first if segment.text.strip()]
    reason = suspicion(heard, speech_s)
    if not reason:
        return Verdict(tuple(heard))
    if again is None:
        return Verdict(tuple(replace(segment, doubt=reason) for segment in heard))
    second = [segment for segment in again() if segment.text.strip()]
    if not second:  # decoded with the engine's own thresholds, there is nothing
        return Verdict((), True, (_dropped(heard, "no_speech" if reason == "unsure" else reason),))
    still = suspicion(second, speech_s)
    if not still:
        return Verdict(tuple(second), True)
    if still == "no_speech" or is_quiet(sound) or flux(sound) < VOICE_FLUX:
        return Verdict((), True, (_dropped(second, still),))
    return Verdict(tuple(replace(segment, doubt=still) for segment in second), True)


def bounded(segments: Sequence[Segment], samples: Samples, speech: Sequence[Span], *, strict: bool) -> Verdict:
    """Text where no voice was heard: left out when there is no sound either (or `strict`), else marked.

    Args:
        segments: Times as those of `speech`.
        samples: Of the window.
        speech: Where there is a voice.
        strict: Voice detector and engine must agree word by word; for engines that give no scores.
    """
    kept: list[Segment] = []
    dropped: list[Dropped] = []
    for segment in segments:
        if strict and segment.words:
            words = tuple(word for word in segment.words if _near(word.start, word.end, speech, 0.0))
            if len(words) < len(segment.words):
                dropped.append(_dropped([segment], "outside", len(segment.words) - len(words)))
            if words:
                text = "".join(word.text for word in words).strip()
                kept.append(replace(segment, start=words[0].start, end=words[-1].end, text=text, words=words))
        elif _near(segment.start, segment.end, speech, NEAR_S):
            kept.append(segment)
        else:
            sound = at(samples, Span(segment.start, max(segment.end, segment.start + FLUX_S)))
            if strict or is_quiet(sound) or flux(sound) < VOICE_FLUX:
                dropped.append(_dropped([segment], "silence" if is_quiet(sound) else "outside"))
            else:
                kept.append(replace(segment, doubt=segment.doubt or "outside"))
    return Verdict(tuple(kept), False, tuple(dropped))


def _no_word(sound: Samples, *, alone: bool) -> str:
    """Why a stretch that the voice detector found cannot hold a word, or ""."""
    if is_quiet(sound):
        return "silence"
    if alone and len(sound) < WORD_S * RATE_HZ:
        return "too_short"
    return "no_voice" if len(sound) < STEADY_S * RATE_HZ and flux(sound) < SHORT_FLUX else ""


def _steady(sound: Samples) -> list[Span]:
    """Stretches of at least STEADY_S in which no look at the flux reaches that of a voice."""
    size = int(FLUX_S * RATE_HZ)
    # The last look reaches back to a full length: one of a few frames in a trough of a trembling tone says nothing.
    looks = np.array([flux(sound[max(0, min(begin, len(sound) - size)) :][:size]) for begin in range(0, len(sound), size)])
    low = np.concatenate(([False], looks < VOICE_FLUX, [False]))
    edges = np.flatnonzero(low[1:] != low[:-1])
    end = len(sound) / RATE_HZ
    runs = [Span(int(a) * FLUX_S, min(int(b) * FLUX_S, end)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [run for run in runs if run.end - run.start >= STEADY_S]


def _too_fast(segment: Segment) -> bool:
    count = len(_WORDS.findall(segment.text))
    seconds = max(segment.end - segment.start, 0.1)
    if count < LEAST_WORDS:
        return False
    return count / seconds > MAX_WORDS_A_SECOND or len(segment.text) / seconds > MAX_CHARS_A_SECOND


def _near(start: float, end: float, speech: Sequence[Span], margin_s: float) -> bool:
    return any(start < span.end + margin_s and end > span.start - margin_s for span in speech)


def _dropped(segments: Sequence[Segment], reason: str, words: int | None = None) -> Dropped:
    count = sum(len(_WORDS.findall(segment.text)) for segment in segments) if words is None else words
    return Dropped(min(segment.start for segment in segments), max(segment.end for segment in segments), reason, count)
