"""TXT for reading, TSV for programs."""

from __future__ import annotations

import csv
import io

from utils.transcription.contract import Transcript
from utils.transcription.cues import CueSheet
from utils.transcription.formats_notes import clock, joined, notes, one_line, paragraphs

# What spreadsheet programs take for a formula; full-width signs too.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def txt(transcript: Transcript, *, times: bool, title: str, notes: bool) -> bytes:
    """Plain text: a title, notes, then paragraphs with an empty line between them.

    Args:
        transcript: What was said.
        times: Each segment in a line of its own, behind `[start --> end]`.
        title: First line, or "".
        notes: Say what to be careful with.
    """
    blocks = [one_line(title)] if one_line(title) else []
    if notes and (told := _told(transcript)):
        blocks.append(told)
    for paragraph in paragraphs(transcript):
        if times:
            lines = [f"[{clock(part.start)} --> {clock(max(part.start, part.end))}] {one_line(part.text)}" for part in paragraph]
            blocks.append("\n".join(lines))
        else:
            blocks.append(joined([one_line(part.text) for part in paragraph]))
    return ("\n\n".join(blocks) + "\n").encode() if blocks else b""


def _told(transcript: Transcript) -> str:
    return "\n".join(f"Note: {note}" for note in notes(transcript))


def tsv(sheet: CueSheet) -> bytes:
    """A row a cue: start and end in milliseconds, and the text with an apostrophe before what would be a formula."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(("start", "end", "text"))
    for cue in sheet.cues:
        writer.writerow((round(cue.start * 1000), round(cue.end * 1000), _cell(unbroken(cue.text))))
    return out.getvalue().encode()


def unbroken(text: str) -> str:
    """A cue's lines as one."""
    return joined(text.split("\n"))


def _cell(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text
