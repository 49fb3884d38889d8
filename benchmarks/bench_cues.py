"""A long transcript as cues, files and edited, against reading the same transcript from JSON."""

from __future__ import annotations

import json

from benchmarks.figure import Figure, best
from tests.transcription.spoken import interview
from utils.transcription import cues, edits, formats, presets, transcript_file
from utils.transcription.edits import Edit, Merge, SetText, Split

SEGMENTS, EDITS = 5_000, 500
ROUNDS = 5
CUES_GOAL, FORMAT_GOAL, EDITS_GOAL = 20.0, 40.0, 3.0  # times as long as json.loads


def run() -> list[Figure]:
    """Each against `json.loads` of the transcript's file, the best of several rounds."""
    whole = interview(SEGMENTS)
    rules = presets.rules()
    data = transcript_file.to_bytes(whole)
    yard_s = best(lambda: json.loads(data), ROUNDS)
    words = sum(len(segment.words) for segment in whole.segments)
    made = f"{SEGMENTS:,} segments, {words:,} words, {len(data) / 1e6:.1f} MB of JSON"
    cues_s = best(lambda: cues.make(whole, rules), ROUNDS)
    load_s = best(lambda: transcript_file.from_bytes(data), ROUNDS)
    times = {
        key: best(lambda key=key: formats.render(whole, key, rules, times=True, word_times=True), ROUNDS)  # type: ignore[misc]
        for key in formats.FORMATS
    }
    slowest = max(times, key=lambda key: times[key])
    row = _edits(EDITS)
    edits_s = best(lambda: edits.apply(whole, row), ROUNDS)
    listed = ", ".join(f"{key} {seconds:.2f}" for key, seconds in times.items())
    return [
        Figure(
            "cues of 5,000 segments against json.loads", cues_s / yard_s, CUES_GOAL, unit=" x", detail=f"{cues_s:.2f} s; {made}"
        ),
        Figure("loading that transcript, checked", load_s / yard_s, CUES_GOAL / 2, unit=" x", detail=f"{load_s:.2f} s"),
        Figure(f"slowest of its files ({slowest})", times[slowest] / yard_s, FORMAT_GOAL, unit=" x", detail=f"seconds: {listed}"),
        Figure("500 edits of it", edits_s / yard_s, EDITS_GOAL, unit=" x", detail=f"{edits_s * 1000:.0f} ms"),
    ]


def _edits(count: int) -> list[Edit]:
    """Other words, a cut, the cut undone by merging, and other words again, over the whole length."""
    row: list[Edit] = []
    for number in range(count // 4):
        at = number * (4 * SEGMENTS // count - 1)
        row += [
            SetText(at, "It was a rather cold day in April, and"),
            Split(at, 6),
            Merge(at),
            SetText(at, "It was a cold day, and"),
        ]
    return row
