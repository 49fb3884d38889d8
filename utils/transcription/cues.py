"""Transcript -> cues that can be read: where they are cut, how long they stand, and which rule each of them breaks.

Cuts are chosen for a whole stretch between two rests at once: of all ways that keep the limits of size, the one with the best
places, even filling, and the fewest cues that are too short or too fast to read. Cues are stored nowhere: any preset can be had
from one transcript at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from utils.subtitles import Cue, lines
from utils.transcription import cue_cuts, cue_report
from utils.transcription.contract import Transcript
from utils.transcription.cue_atoms import Atom, atoms, milliseconds
from utils.transcription.cue_joints import cut_costs
from utils.transcription.cue_report import CueReport, Timed
from utils.transcription.cue_times import Limits, times
from utils.transcription.presets import CueRules

_BREAK_COST = 4.0  # columns squared for a unit of the cost of a cut: lines break where cues would


@dataclass(frozen=True)
class Stamp:
    """A piece of a cue's text that begins at a time of its own; joined, the pieces are the cue's text."""

    start_ms: int
    text: str


@dataclass(frozen=True)
class CueSheet:
    """A transcript as subtitles.

    Attributes:
        cues: In order, without overlap, none empty; whole milliseconds; lines divided by a line feed, in logical order.
        report: Which cues break which rule, and why it could not be kept.
        segments: For each cue the index of the segment that it begins in.
        stamps: For each cue its words with their times; empty unless asked for.
    """

    cues: tuple[Cue, ...]
    report: CueReport
    segments: tuple[int, ...]
    stamps: tuple[tuple[Stamp, ...], ...] = ()


def make(transcript: Transcript, rules: CueRules, *, stamps: bool = False) -> CueSheet:
    """Cues of a transcript.

    Every cue starts when its first word starts. No text is left out; what cannot be shown within the rules is shown all the
    same and told in the report.

    Args:
        transcript: With or without word times.
        rules: From `presets.rules`.
        stamps: Also say when each word of each cue begins.
    """
    found = atoms(transcript, rules.max_chars)
    costs = cut_costs(found, transcript.language)
    limits = Limits.of(rules, _end_ms(transcript))
    groups = cue_cuts.groups(found, costs, limits)
    shown = times(found, groups, limits)
    places = [_BREAK_COST * cost for cost in costs]
    cues, timed = [], []
    for (start, stop), span in zip(groups, shown, strict=True):
        text = lines.break_lines(found[start:stop], rules.max_chars, places=places[start:stop], lower_longer=True)
        cues.append(Cue(span.start_ms / 1000, span.end_ms / 1000, text))
        timed.append(Timed(span, text))
    return CueSheet(
        tuple(cues),
        cue_report.report(timed, rules),
        tuple(found[start].segment for start, _ in groups),
        tuple(_stamps(found[start:stop], cue.text) for (start, stop), cue in zip(groups, cues, strict=True)) if stamps else (),
    )


def _end_ms(transcript: Transcript) -> int | None:
    """Where the sound ends, if that is known."""
    known = math.isfinite(transcript.seconds) and transcript.seconds > 0
    return milliseconds(transcript.seconds) if known else None


def _stamps(group: Sequence[Atom], text: str) -> tuple[Stamp, ...]:
    """The cue's text divided where its atoms begin; what stands between two of them belongs to the later one."""
    return tuple(_pieces(group, text))


def _pieces(group: Sequence[Atom], text: str) -> Iterator[Stamp]:
    at = 0
    for atom in group:
        stop = text.index(atom.text, at) + len(atom.text)
        yield Stamp(atom.start_ms, text[at:stop])
        at = stop
