"""Which language a recording is in: asked once, of several places of it, not of its first half minute alone.

Forty-five minutes of Dutch came out as English because the first 30 s were (Vexa-ai/vexa PR 1543).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from utils.transcription.contract import RATE_HZ, LanguageGuess, Samples, Segment, Span

PLACES = (0.5, 0.9, 0.25, 0.75)  # shares of what follows the first speech
ENOUGH, SURE = 3, 0.8  # so many places that agree, each at least so sure: the others are not asked, text comes sooner
LISTEN_S = 30.0  # what Whisper hears at once
LOOK_S = 45.0  # of sound, for speech at such a place
LEAST_S = 2.0  # of speech; less says little

Read = Callable[[int, int], Samples]  # first sample, sample behind the last


def decide(
    first: Samples,
    read: Read,
    start: int,
    total: int,
    *,
    speech: Callable[[Samples], Sequence[Span]],
    detect: Callable[[Samples], LanguageGuess],
) -> LanguageGuess:
    """The language that most of the places are in, and the mean share of certainty that it got.

    Args:
        first: The first speech, at most LISTEN_S.
        read: Gives samples of the recording.
        start: Sample at which the first speech ends.
        total: Samples of the recording.
        speech: The engine's voice detector.
        detect: The engine's opinion of at most LISTEN_S.
    """
    guesses = [(detect(first), len(first) / RATE_HZ)]
    for place in PLACES if (total - start) / RATE_HZ > 2 * LOOK_S else ():
        if len(guesses) >= ENOUGH and _agree([guess for guess, _ in guesses]):
            break
        begin = start + int((total - start) * place)
        sound = read(begin, min(total, begin + int(LOOK_S * RATE_HZ)))
        voices = speech(sound)
        if not voices:
            continue
        heard = sound[int(voices[0].start * RATE_HZ) :][: int(LISTEN_S * RATE_HZ)]
        spoken = sum(max(0.0, min(span.end, voices[0].start + LISTEN_S) - span.start) for span in voices)
        if spoken >= LEAST_S:
            guesses.append((detect(heard), spoken))
    return _winner(guesses)


def usual(segments: Sequence[Segment]) -> str:
    """The language that most of a multilingual transcript is in, by time; "" without any."""
    seconds: dict[str, float] = defaultdict(float)
    for segment in segments:
        seconds[segment.language] += segment.end - segment.start
    seconds.pop("", None)
    return max(seconds, key=lambda tag: seconds[tag]) if seconds else ""


def _agree(guesses: Sequence[LanguageGuess]) -> bool:
    return len({guess.language for guess in guesses}) == 1 and min(guess.probability for guess in guesses) >= SURE


def _winner(guesses: Sequence[tuple[LanguageGuess, float]]) -> LanguageGuess:
    votes: dict[str, float] = defaultdict(float)
    for guess, seconds in guesses:
        votes[guess.language] += guess.probability * min(seconds, LISTEN_S)
    best = max(votes, key=lambda tag: votes[tag])
    return LanguageGuess(best, round(votes[best] / sum(min(seconds, LISTEN_S) for _, seconds in guesses), 4))
