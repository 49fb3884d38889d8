"""Limits of subtitles: presets after the guides of those who publish them, and a person's own limits, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from utils.errors import BadInput

DEFAULT = "netflix"


@dataclass(frozen=True)
class CueRules:
    """What a cue has to keep.

    Attributes:
        max_chars: Width of a line in columns; full-width characters (Chinese, Japanese, Korean) count 2, marks that combine 0.
        max_lines: Lines a cue.
        min_s: Shortest time to show.
        max_s: Longest time to show.
        max_cps: Fastest reading speed, columns a second; 0 = no limit.
        gap_s: Least time between two cues.
        easy_cps: Reading speed that is aimed at where silence follows; at most `max_cps`, 0 = none.
        hold_s: A cue stays until the next one (but for `gap_s`) when the silence between them is no longer than this.
    """

    max_chars: int
    max_lines: int
    min_s: float
    max_s: float
    max_cps: float
    gap_s: float
    easy_cps: float = 0.0
    hold_s: float = 0.5


PRESETS: Mapping[str, CueRules] = MappingProxyType(
    {
        # Timed text style guide: 42 x 2, 5/6 to 7 s, 17 to 20 characters a second, 2 frames between cues (of 24 a second);
        # silences under half a second are closed.
        "netflix": CueRules(42, 2, 5 / 6, 7.0, 20.0, 2 / 24, 17.0, 0.5),
        # Subtitle guidelines: teletext width, 160 to 180 words a minute (about 15 to 17 characters a second), cues follow each
        # other at once or leave at least a second.
        "bbc": CueRules(37, 2, 1.0, 7.0, 17.0, 0.0, 15.0, 1.0),
        "reels": CueRules(22, 1, 0.5, 2.5, 0.0, 0.0, 0.0, 0.5),  # short upright videos: a few large words at a time
        "plain": CueRules(64, 2, 0.7, 10.0, 25.0, 0.0, 20.0, 0.3),  # few demands: as little cutting as can be read
    }
)

LABELS: Mapping[str, str] = MappingProxyType({"netflix": "Netflix", "bbc": "BBC", "reels": "Reels", "plain": "Plain"})  # for people

# Name -> what it is, least, most.
LIMITS: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {
        "max_chars": ("Characters a line", 8, 100),
        "max_lines": ("Lines a cue", 1, 4),
        "min_s": ("The shortest time of a cue, in seconds,", 0, 5),
        "max_s": ("The longest time of a cue, in seconds,", 0.5, 30),
        "max_cps": ("Characters a second", 5, 60),
        "gap_s": ("The gap between cues, in seconds,", 0, 1),
    }
)


def rules(
    preset: str = DEFAULT,
    *,
    max_chars: float | None = None,
    max_lines: float | None = None,
    min_s: float | None = None,
    max_s: float | None = None,
    max_cps: float | None = None,
    gap_s: float | None = None,
) -> CueRules:
    """A preset with a person's own limits in it.

    Args:
        preset: Key of PRESETS.
        max_chars: Instead of the preset's, as all that follow; None keeps the preset's.
        max_lines: See CueRules.
        min_s: See CueRules.
        max_s: See CueRules.
        max_cps: See CueRules; 0 = no limit.
        gap_s: See CueRules.

    Raises:
        BadInput: An unknown preset, or a limit that is out of range or contradicts another one.
    """
    known = PRESETS.get(preset) if isinstance(preset, str) else None
    if known is None:
        raise BadInput("This subtitle preset is not known here.", f"Choose one of {', '.join(PRESETS)}.")
    made = replace(
        known,
        max_chars=int(_checked("max_chars", max_chars, known.max_chars)),
        max_lines=int(_checked("max_lines", max_lines, known.max_lines)),
        min_s=_checked("min_s", min_s, known.min_s),
        max_s=_checked("max_s", max_s, known.max_s),
        max_cps=_checked("max_cps", max_cps, known.max_cps),
        gap_s=_checked("gap_s", gap_s, known.gap_s),
    )
    if made.min_s > made.max_s:
        raise BadInput(
            f"The shortest time of a cue ({made.min_s:.3g} s) is longer than the longest ({made.max_s:.3g} s).",
            "Change one of the two.",
        )
    return replace(made, easy_cps=min(made.easy_cps, made.max_cps) if made.max_cps else 0.0)


def _checked(name: str, value: object, preset: float) -> float:
    if value is None:
        return preset
    label, least, most = LIMITS[name]
    whole = name in ("max_chars", "max_lines")
    none = " (or 0 for no limit)" if name == "max_cps" else ""
    wanted = f"between {least:g} and {most:g}{none}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{label} must be a number {wanted}.", f"Set {name} to such a number.")
    if whole and value != int(value):
        raise BadInput(f"{label} must be a whole number {wanted}.", f"Set {name} to such a number.")
    if not least <= value <= most and not (name == "max_cps" and value == 0):
        raise BadInput(f"{label} must be {wanted}, not {value:g}.", f"Set {name} to a number in this range.")
    return float(value)
