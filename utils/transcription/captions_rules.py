"""Captions as values: what a step says, where a job that was killed goes on, and the rules by which they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.transcription.contract import Span, TranscriptionRequest, Word


@dataclass(frozen=True)
class Rules:
    """When to listen, when to commit, when to let go, in seconds of sound unless told otherwise.

    Attributes:
        look_s: New sound between two looks for a voice, which cost little.
        step_s: New sound between two decodings while somebody speaks, at least.
        step_factor: And at least so many times as the last decoding took: the engine rests in between, others get their turn.
        silence_s: After so long a silence everything is committed.
        closed_s: After so long a silence what was said is decoded as a whole, without waiting for a step.
        edge_s: Words that end so near to the end of the sound may be cut; no agreement commits them.
        trim_s: Longer sound is cut behind committed words.
        full_s: Sound never grows longer; then words are committed without agreement.
        lead_s: Sound kept from before a voice: a detector that begins in the middle of music takes it for one.
        stall_s: When no sound has come for so long (by the clock), what is there is committed.
        behind_s: Sound that waits. More of it, and the newest is preferred if the rest cannot be caught up with soon.
        catch_up_s: How soon that must be.
        strict: The voice detector must agree with every word; for engines without scores.
    """

    look_s: float = 0.2
    step_s: float = 0.5
    step_factor: float = 1.5
    silence_s: float = 0.8
    closed_s: float = 0.3
    edge_s: float = 0.3
    trim_s: float = 15.0
    full_s: float = 20.0
    lead_s: float = 6.0
    stall_s: float = 3.0
    behind_s: float = 30.0
    catch_up_s: float = 60.0
    strict: bool = False


WHISPER = Rules()
DRAFT = Rules(step_s=1.5, step_factor=2.0, edge_s=0.5, trim_s=8.0, full_s=12.0, strict=True)  # its time grows with the sound


@dataclass(frozen=True)
class Caption:
    """How the captions stand after a step: one line of captions.jsonl.

    Attributes:
        n: Counts from 1, without gaps.
        committed: Text that was committed by this step, with the space before it where the language writes one; may be "".
        words: The same, timed.
        tentative: What may follow; replaces the tentative text before.
        end: Second at which the last committed word ends.
        at: Seconds of sound that were looked at.
        settled: From this second on sound is needed to go on; before it nothing will be committed any more.
        language: As given or found so far, or "".
        skipped: Sound that is left to the final pass because the engine could not keep up, or None.
    """

    n: int
    committed: str = ""
    words: tuple[Word, ...] = ()
    tentative: str = ""
    end: float = 0.0
    at: float = 0.0
    settled: float = 0.0
    language: str = ""
    skipped: Span | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a line of JSON; times in whole milliseconds."""
        return {
            "n": self.n,
            "committed": self.committed,
            "words": [[round(word.start, 3), round(word.end, 3), word.text, _rounded(word.probability)] for word in self.words],
            "tentative": self.tentative,
            "end": round(self.end, 3),
            "at": round(self.at, 3),
            "settled": round(self.settled, 3),
            "language": self.language,
            "skipped": None if self.skipped is None else [round(self.skipped.start, 3), round(self.skipped.end, 3)],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Caption:
        """The inverse of `as_dict`; fields of newer versions are left out."""
        skipped = data.get("skipped")
        return cls(
            n=int(data["n"]),
            committed=str(data["committed"]),
            words=tuple(Word(float(start), float(end), str(text), chance) for start, end, text, chance in data["words"]),
            tentative=str(data["tentative"]),
            end=float(data["end"]),
            at=float(data["at"]),
            settled=float(data.get("settled", data["end"])),
            language=str(data.get("language", "")),
            skipped=Span(float(skipped[0]), float(skipped[1])) if skipped else None,
        )


@dataclass(frozen=True)
class Past:
    """What a job that was killed had done.

    Attributes:
        n: Of its last caption.
        settled: Where the sound is needed from.
        words: The last committed words, at least those that end behind `settled`.
        end: Where the last committed word ends.
        language: As found, or "".
    """

    n: int = 0
    settled: float = 0.0
    words: tuple[Word, ...] = ()
    end: float = 0.0
    language: str = ""


FRESH = Past()  # nothing was done yet


def live_request(language: str = "", *, model: str = "", engine: str = "auto") -> TranscriptionRequest:
    """What a `live` job asks an engine for.

    Batched, because decoding one after the other climbs through six temperatures on a doubtful sound, which takes as many times as
    long; what is doubtful is decoded again once, when it is to be committed. In short windows where the model bears them; the
    second look and the final pass have whole ones.

    Args:
        language: A language that Whisper knows, or "" = detect.
        model: The server's LIVE_MODEL; "" = WHISPER_MODEL.
        engine: `auto`, `whisper` or `draft`.
    """
    return TranscriptionRequest(language=language, engine=engine, model=model, beam_size=1, short=True)


def _rounded(chance: float | None) -> float | None:
    return None if chance is None else round(chance, 3)
