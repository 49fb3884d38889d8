"""Cues -> the text of an SRT or VTT file. Times are printed from whole milliseconds; cutting off floats misprints some of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from utils.subtitles.cue import Cue

_SPACES = re.compile(r"[ \u1680\u2000-\u2006\u2008-\u200a\u205f\u3000]+")  # where a line may break; not the no-break spaces
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")  # all controls but the line feed


def srt(cues: Iterable[Cue]) -> str:
    """SubRip, UTF-8. The format knows no escapes, so the one sequence that would break it, `-->`, becomes an arrow."""
    return "".join(
        f"{number}\n{timestamp(start_ms, ',')} --> {timestamp(end_ms, ',')}\n{unarrowed(text)}\n\n"
        for number, (start_ms, end_ms, text) in enumerate(_usable(cues), start=1)
    )


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT (W3C), with `&`, `<` and `>` escaped."""
    return "WEBVTT\n\n" + "".join(
        f"{timestamp(start_ms, '.')} --> {timestamp(end_ms, '.')}\n{escaped(text)}\n\n" for start_ms, end_ms, text in _usable(cues)
    )


def _usable(cues: Iterable[Cue]) -> Iterator[tuple[int, int, str]]:
    """Whole milliseconds and clean text; a cue without text is left out, one without length gets a millisecond."""
    for cue in cues:
        text = clean(cue.text)
        if text:
            start_ms = max(0, round(cue.start * 1000))
            yield start_ms, max(start_ms + 1, round(cue.end * 1000)), text


def clean(text: str) -> str:
    """No controls, and no empty line: that would end the cue."""
    lines = (
        _SPACES.sub(" ", line).strip() for line in _UNSEEN.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    )
    return "\n".join(line for line in lines if line)


def unarrowed(text: str) -> str:
    """Without the sequence that begins the times of a cue; for places that know no escapes."""
    return text.replace("-->", "→")


def escaped(text: str) -> str:
    """As WebVTT wants its text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def timestamp(at_ms: int, mark: str) -> str:
    """`00:00:01.000`, with `mark` before the milliseconds; hours grow past two digits."""
    seconds, ms = divmod(at_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{ms:03}"
