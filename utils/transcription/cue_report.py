"""Which cues break which rule, by how much, and why it could not be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from utils.subtitles import script
from utils.transcription.cue_times import Shown
from utils.transcription.presets import CueRules

RULES = ("max_chars", "max_lines", "min_s", "max_s", "max_cps", "gap_s")
_TINY = 1e-9  # the noise of floats


@dataclass(frozen=True)
class Breach:
    """A cue that breaks a rule.

    Attributes:
        rule: One of RULES.
        number: Of the cue, counted from 1.
        start: Of the cue, in seconds.
        value: What it has.
        limit: What it should have at most, or at least.
        why: Why it could not be kept, a plain sentence.
    """

    rule: str
    number: int
    start: float
    value: float
    limit: float
    why: str


@dataclass(frozen=True)
class CueReport:
    """What became of the rules.

    Attributes:
        cues: How many there are.
        breaches: In order of the cues.
    """

    cues: int
    breaches: tuple[Breach, ...] = ()

    @property
    def ok(self) -> bool:
        """Every cue keeps every rule."""
        return not self.breaches

    def rule(self, name: str) -> tuple[Breach, ...]:
        """The cues that break one rule."""
        return tuple(breach for breach in self.breaches if breach.rule == name)

    def counts(self) -> dict[str, int]:
        """Rule -> how many cues break it, for all of RULES."""
        return {name: sum(breach.rule == name for breach in self.breaches) for name in RULES}

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"cues": self.cues, "counts": self.counts(), "breaches": [asdict(breach) for breach in self.breaches]}


@dataclass(frozen=True)
class Timed:
    """A finished cue."""

    shown: Shown
    text: str


def reading_speed(text: str, duration_ms: int) -> float:
    """Columns a second; line feeds do not count."""
    return width(text) * 1000 / duration_ms


def width(text: str) -> int:
    """Columns of all lines together."""
    return script.width(text.replace("\n", ""))


def report(cues: Sequence[Timed], rules: CueRules) -> CueReport:
    """Hold each cue against each rule."""
    found: list[Breach] = []
    for number, cue in enumerate(cues, start=1):
        shown = cue.shown
        start_s, duration_ms = shown.start_ms / 1000, shown.end_ms - shown.start_ms
        rows = cue.text.split("\n")
        columns = max(map(script.width, rows))
        if columns > rules.max_chars:
            why = "A single character is wider than the line."
            found.append(Breach("max_chars", number, start_s, columns, rules.max_chars, why))
        if len(rows) > rules.max_lines:
            why = "A single word needs more lines than there are."
            found.append(Breach("max_lines", number, start_s, len(rows), rules.max_lines, why))
        if duration_ms < rules.min_s * 1000 - _TINY:
            found.append(Breach("min_s", number, start_s, duration_ms / 1000, rules.min_s, _why_short(shown)))
        if duration_ms > rules.max_s * 1000 + _TINY:
            why = "The shortest and the longest time lie within one millisecond."
            found.append(Breach("max_s", number, start_s, duration_ms / 1000, rules.max_s, why))
        speed = reading_speed(cue.text, duration_ms)
        if rules.max_cps and speed > rules.max_cps + _TINY:
            found.append(Breach("max_cps", number, start_s, round(speed, 3), rules.max_cps, _why_fast(shown)))
        if shown.next_ms is not None and shown.next_ms - shown.end_ms < rules.gap_s * 1000 - _TINY:
            why = "The next cue's first word begins at the same moment or so soon after that no time is left for a gap."
            found.append(Breach("gap_s", number, start_s, (shown.next_ms - shown.end_ms) / 1000, rules.gap_s, why))
    return CueReport(len(cues), tuple(found))


def _why_short(shown: Shown) -> str:
    if shown.bound == "next" and shown.next_ms is not None:
        return f"The next cue begins {_seconds(shown.next_ms - shown.start_ms)} later, and both together do not make a good cue."
    return "The recording ends here."


def _why_fast(shown: Shown) -> str:
    spoken = f"These words are spoken in {_seconds(max(1, shown.spoken_ms - shown.start_ms))}"
    if shown.bound == "next":
        return f"{spoken} and the next cue follows at once; shorter cues would not be slower."
    if shown.bound == "longest":
        return f"{spoken} and the cue already stays for the longest time."
    if shown.bound == "end":
        return f"{spoken} and the recording ends behind them."
    return f"{spoken} and the cue already stays {_seconds(shown.end_ms - shown.spoken_ms)} into the silence behind them."


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.2f} s"
