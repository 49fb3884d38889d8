"""LRC, as players of music show it: a time before each line and, on request, before each word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from utils.subtitles import Cue
from utils.transcription.contract import Transcript
from utils.transcription.cues import CueSheet, Stamp
from utils.transcription.formats_notes import one_line
from utils.transcription.formats_text import unbroken

_CLEAR_MS = 1000  # a silence this long gets an empty line, else players leave the last one standing
# The format knows no escapes. What would be read as a tag gets other brackets.
_TAG = re.compile(r"\[[^\[\]]*:[^\[\]]*\]")
_WORD_TAG = re.compile(r"<(?=\s*\d)")


def lrc(transcript: Transcript, sheet: CueSheet, *, title: str) -> bytes:
    """A line a cue; times in minutes, seconds and milliseconds."""
    name = one_line(title).replace("[", "(").replace("]", ")")
    head = [f"[ti:{name}]"] if name else []
    head.append("[re:Sotto, draft quality]" if transcript.is_draft else "[re:Sotto]")
    return ("\n".join([*head, *_lines(sheet)]) + "\n").encode()


def _lines(sheet: CueSheet) -> Iterator[str]:
    for number, cue in enumerate(sheet.cues):
        start_ms, end_ms = round(cue.start * 1000), round(cue.end * 1000)
        text = _words(cue, sheet.stamps[number]) if sheet.stamps else _shown(unbroken(cue.text))
        yield f"[{_time(start_ms)}]{text}"
        following = sheet.cues[number + 1] if number + 1 < len(sheet.cues) else None
        if following is None or round(following.start * 1000) - end_ms >= _CLEAR_MS:
            yield f"[{_time(end_ms)}]"


def _words(cue: Cue, stamps: Sequence[Stamp]) -> str:
    """Each word behind its time, as the extended format has it; times never run back."""
    whole, at, made = unbroken(cue.text), 0, []
    at_ms, end_ms = round(cue.start * 1000), round(cue.end * 1000)
    for stamp in stamps:
        word = stamp.text.lstrip(" \n")
        begin = whole.index(word, at)
        made.append(whole[at:begin])
        at = begin + len(word)
        at_ms = min(end_ms, max(at_ms, stamp.start_ms))
        made.append(f"<{_time(at_ms)}>{_shown(word)}")
    return "".join(made)


def _shown(text: str) -> str:
    """Text that no reader takes for a tag."""
    if _TAG.search(text):
        text = text.replace("[", "(").replace("]", ")")
    return _WORD_TAG.sub("\u2039", text)


def _time(at_ms: int) -> str:
    minutes, ms = divmod(at_ms, 60_000)
    return f"{minutes:02}:{ms // 1000:02}.{ms % 1000:03}"
