"""What should have been said against what was heard: word error rate, and the words that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from utils.subtitles import script
from utils.transcription.compare_words import Token, normalised, tokens

__all__ = ["Comparison", "Piece", "compare", "normalised"]


@dataclass(frozen=True)
class Piece:
    """A stretch of both texts.

    Attributes:
        kind: `same`, `other` (another word was heard), `missing` (not heard) or `added` (heard, but not said).
        reference: What should have been said; "" for `added`.
        heard: What was heard; "" for `missing`.
    """

    kind: str
    reference: str
    heard: str


@dataclass(frozen=True)
class Comparison:
    """How well two texts agree.

    Attributes:
        wer: Errors over words of the reference; above 1 when much was added.
        words: Of the reference, after both were made comparable; characters in scripts without spaces.
        substitutions: Other words.
        deletions: Words that are missing.
        insertions: Words that were added.
        pieces: Both texts side by side, in order.
    """

    wer: float
    words: int
    substitutions: int
    deletions: int
    insertions: int
    pieces: tuple[Piece, ...]

    @property
    def differing(self) -> tuple[Piece, ...]:
        """The pieces that are not the same."""
        return tuple(piece for piece in self.pieces if piece.kind != "same")

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def compare(reference: str, heard: str, language: str = "") -> Comparison:
    """Compare two texts by their words, with the fewest errors that explain the difference.

    Args:
        reference: What should have been said.
        heard: What was heard.
        language: BCP 47 tag of both; decides on numbers and apostrophes.
    """
    from rapidfuzz.distance import Levenshtein

    said, got = tokens(reference, language), tokens(heard, language)
    counts = {"replace": 0, "delete": 0, "insert": 0, "equal": 0}
    pieces = []
    for code in Levenshtein.opcodes([token.key for token in said], [token.key for token in got]):
        counts[code.tag] += max(code.src_end - code.src_start, code.dest_end - code.dest_start)
        pieces.append(_piece(code.tag, said[code.src_start : code.src_end], got[code.dest_start : code.dest_end]))
    errors = counts["replace"] + counts["delete"] + counts["insert"]
    wer = errors / len(said) if said else float(bool(got))
    return Comparison(wer, len(said), counts["replace"], counts["delete"], counts["insert"], tuple(pieces))


def _piece(tag: str, said: Sequence[Token], got: Sequence[Token]) -> Piece:
    kind = {"replace": "other", "delete": "missing", "insert": "added"}.get(tag, "same")
    return Piece(kind, _shown(said), _shown(got))


def _shown(words: Sequence[Token]) -> str:
    text = ""
    for word in words:
        close = not text or (script.without_spaces(text[-1]) and script.without_spaces(word.shown[0]))
        text += word.shown if close else " " + word.shown
    return text
