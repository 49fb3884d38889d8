"""When each cue is shown: from its first word, long enough to be read, not far into silence, never over the next one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from utils.transcription.cue_atoms import Atom
from utils.transcription.presets import CueRules

LINGER_S = 2.0  # no cue stays longer than this after its last word, unless the least time demands it


@dataclass(frozen=True)
class Limits:
    """The rules in whole milliseconds, rounded so that what keeps these keeps those.

    Attributes:
        columns: Width of a line.
        lines: Lines a cue.
        min_ms: Shortest time.
        max_ms: Longest time.
        gap_ms: Least time between cues.
        hold_ms: Silence that a cue bridges.
        linger_ms: How far a cue may stand into a longer silence.
        max_cps: Columns a second, 0 = no limit.
        easy_cps: Columns a second that are aimed at, 0 = none.
        end_ms: Where the sound ends, or None.
    """

    columns: int
    lines: int
    min_ms: int
    max_ms: int
    gap_ms: int
    hold_ms: int
    linger_ms: int
    max_cps: float
    easy_cps: float
    end_ms: int | None

    @classmethod
    def of(cls, rules: CueRules, end_ms: int | None) -> Limits:
        """Rounded: least times up, greatest times down."""
        min_ms = _up(rules.min_s * 1000)
        return cls(
            rules.max_chars,
            rules.max_lines,
            min_ms,
            max(1, min_ms, math.floor(rules.max_s * 1000 + 1e-6)),
            _up(rules.gap_s * 1000),
            round(rules.hold_s * 1000),
            max(round(LINGER_S * 1000), min_ms),
            rules.max_cps,
            rules.easy_cps,
            end_ms,
        )


@dataclass(frozen=True)
class Shown:
    """When a cue is shown, and what kept it from staying longer.

    Attributes:
        start_ms: Of its first word.
        end_ms: At least a millisecond later.
        spoken_ms: When its last word ends.
        next_ms: When the next cue begins, or None.
        bound: `next`, `longest`, `silence`, `end` (of the sound), or "" when nothing did.
    """

    start_ms: int
    end_ms: int
    spoken_ms: int
    next_ms: int | None
    bound: str


def times(atoms: Sequence[Atom], groups: Sequence[tuple[int, int]], limits: Limits) -> list[Shown]:
    """When each group of atoms (first, behind the last) is shown."""
    starts_ms, at_ms = [], 0
    for start, _ in groups:
        starts_ms.append(max(at_ms, atoms[start].start_ms))
        at_ms = starts_ms[-1] + 1
    shown = []
    for number, (start, stop) in enumerate(groups):
        next_ms = starts_ms[number + 1] if number + 1 < len(groups) else None
        spoken_ms = max(atoms[stop - 1].end_ms, starts_ms[number] + 1)
        shown.append(_shown(starts_ms[number], spoken_ms, next_ms, width_of(atoms, start, stop), limits))
    return shown


def width_of(atoms: Sequence[Atom], start: int, stop: int) -> int:
    """Columns of the atoms in one line."""
    width = 0
    for atom in atoms[start:stop]:
        width += atom.width + atom.space
    return width - atoms[start].space


def _shown(start_ms: int, spoken_ms: int, next_ms: int | None, width: int, limits: Limits) -> Shown:
    wanted_ms = max(spoken_ms, start_ms + limits.min_ms)
    if limits.easy_cps:
        wanted_ms = max(wanted_ms, start_ms + _up(width * 1000 / limits.easy_cps))
    bounds = {"longest": start_ms + limits.max_ms, "silence": spoken_ms + limits.linger_ms}
    if next_ms is not None:
        bounds["next"] = next_ms - limits.gap_ms
        if next_ms - limits.gap_ms - wanted_ms <= limits.hold_ms:
            wanted_ms = max(wanted_ms, next_ms - limits.gap_ms)
    elif limits.end_ms is not None:
        bounds["end"] = max(limits.end_ms, spoken_ms)
    bound = min(bounds, key=lambda name: bounds[name])
    if bounds[bound] > wanted_ms:
        return Shown(start_ms, wanted_ms, spoken_ms, next_ms, "")
    end_ms = bounds[bound]
    if end_ms <= start_ms and next_ms is not None:  # no room for the gap
        end_ms = next_ms
    return Shown(start_ms, max(end_ms, start_ms + 1), spoken_ms, next_ms, bound)


def _up(value: float) -> int:
    """To the next whole number, but for the noise of floats."""
    return math.ceil(value - 1e-6)
