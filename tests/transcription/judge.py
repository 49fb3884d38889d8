"""An independent judge of subtitles: written from the rules' descriptions, not from the code that makes the cues."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from fractions import Fraction

from utils.subtitles import Cue
from utils.transcription.presets import CueRules


def columns(text: str) -> int:
    """Full-width characters take two columns, those that combine or cannot be seen none."""
    total = 0
    for char in text:
        if unicodedata.category(char) in ("Mn", "Me", "Cf"):
            continue
        total += 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
    return total


def breaks(cues: Sequence[Cue], rules: CueRules) -> set[tuple[str, int]]:
    """(rule, number of the cue) for everything that is not kept; exact arithmetic on milliseconds."""
    found = set()
    spans = [(Fraction(round(cue.start * 1000), 1000), Fraction(round(cue.end * 1000), 1000)) for cue in cues]
    for number, (cue, (start, end)) in enumerate(zip(cues, spans, strict=True), start=1):
        lines = cue.text.split("\n")
        if max(columns(line) for line in lines) > rules.max_chars:
            found.add(("max_chars", number))
        if len(lines) > rules.max_lines:
            found.add(("max_lines", number))
        if float(end - start) < rules.min_s:
            found.add(("min_s", number))
        if float(end - start) > rules.max_s:
            found.add(("max_s", number))
        if rules.max_cps and sum(columns(line) for line in lines) > Fraction(rules.max_cps) * (end - start):
            found.add(("max_cps", number))
        if number < len(spans) and float(spans[number][0] - end) < rules.gap_s:
            found.add(("gap_s", number))
    return found


def seen(text: str) -> str:
    """All but spaces and what cannot be written to a file; what no subtitle may lose."""
    return "".join(char for char in text if not char.isspace() and unicodedata.category(char) not in ("Cc", "Cs"))
