"""WebVTT with notes and, on request, the time of each word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from utils.subtitles import Cue, render
from utils.transcription.contract import Transcript
from utils.transcription.cues import CueSheet, Stamp
from utils.transcription.formats_notes import notes as notes_of


def vtt(transcript: Transcript, sheet: CueSheet, *, notes: bool) -> bytes:
    """WebVTT (W3C): a NOTE with what to be careful with, then the cues, with word times if the sheet has stamps."""
    return "".join(chain(["WEBVTT\n\n"], _head(transcript) if notes else [], _cues(sheet))).encode()


def _head(transcript: Transcript) -> Iterator[str]:
    told = notes_of(transcript)
    if told:
        yield "NOTE\n" + "\n".join(render.unarrowed(note) for note in told) + "\n\n"


def _cues(sheet: CueSheet) -> Iterator[str]:
    for number, cue in enumerate(sheet.cues):
        start_ms, end_ms = round(cue.start * 1000), round(cue.end * 1000)
        text = _stamped(cue, sheet.stamps[number]) if sheet.stamps else render.escaped(cue.text)
        yield f"{render.timestamp(start_ms, '.')} --> {render.timestamp(end_ms, '.')}\n{text}\n\n"


def _stamped(cue: Cue, stamps: Sequence[Stamp]) -> str:
    """The text with times in it; the format wants them to grow, and to lie inside the cue."""
    made = []
    at_ms, end_ms = round(cue.start * 1000), round(cue.end * 1000)
    for stamp in stamps:
        word = stamp.text.lstrip(" \n")
        mark = ""
        if at_ms < stamp.start_ms < end_ms:
            at_ms = stamp.start_ms
            mark = f"<{render.timestamp(at_ms, '.')}>"
        made.append(stamp.text[: len(stamp.text) - len(word)] + mark + render.escaped(word))
    return "".join(made)
