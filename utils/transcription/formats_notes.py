"""What every format shares: clean text, paragraphs, and the notes that tell how far a transcript can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from utils.subtitles import render, script
from utils.transcription.contract import Segment, Transcript
from utils.transcription.cue_atoms import milliseconds

PARAGRAPH_PAUSE_S = 2.0
_LONG_PARAGRAPH_CHARS = 700  # the next end of a sentence ends it
_LISTED = 20  # places that a note names


def one_line(text: str) -> str:
    """Without line feeds and controls; what the format itself would misread is the format's matter."""
    if text.isascii() and text.isprintable() and "  " not in text:  # most texts
        return text.strip()
    return render.clean(text).replace("\n", " ")


def clock(at_s: float, mark: str = ".") -> str:
    """`00:00:01.000`."""
    return render.timestamp(milliseconds(at_s), mark)


def joined(texts: Sequence[str]) -> str:
    """Texts behind each other, with a space where their scripts write one."""
    whole = ""
    for text in filter(None, texts):
        whole += ("" if not whole or script.joined_without_space(whole, text) else " ") + text
    return whole


def paragraphs(transcript: Transcript) -> list[list[Segment]]:
    """Segments that are read as one: divided at pauses, and where they grow long. Empty segments are left out."""
    found: list[list[Segment]] = []
    size, last_text = 0, ""
    for segment in transcript.segments:
        text = one_line(segment.text)
        if not text:
            continue
        pause = bool(found) and segment.start - found[-1][-1].end >= PARAGRAPH_PAUSE_S
        full = size >= _LONG_PARAGRAPH_CHARS and script.break_after(last_text, text) is script.Break.SENTENCE
        if not found or pause or full:
            found.append([])
            size = 0
        found[-1].append(segment)
        size, last_text = size + len(text), text.rsplit(" ", 1)[-1]
    return found


def notes(transcript: Transcript) -> list[str]:
    """Plain sentences on what to be careful with; [] when there is nothing to say."""
    from utils.transcription.gate import REASONS
    from utils.transcription.models import DRAFT_NOTE

    found = [DRAFT_NOTE] if transcript.is_draft else []
    doubtful = [segment for segment in transcript.segments if segment.doubt]
    found += [
        f"May be wrong at {clock(segment.start)}: {REASONS.get(segment.doubt, 'The engine was unsure.')}"
        for segment in doubtful[:_LISTED]
    ]
    if len(doubtful) > _LISTED:
        found.append(f"{len(doubtful) - _LISTED} more places may be wrong.")
    dropped = transcript.gate.dropped
    found += [
        f"Left out at {clock(part.start)}: {REASONS.get(part.reason, 'No voice was heard at this place.')}"
        for part in dropped[:_LISTED]
    ]
    if len(dropped) > _LISTED:
        found.append(f"At {len(dropped) - _LISTED} more places something was left out.")
    return [one_line(note) for note in found]
