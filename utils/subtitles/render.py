"""Cues -> the text of an SRT or VTT file. Times are printed from whole milliseconds; cutting off floats misprints some of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from utils.subtitles.cue import Cue

_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")  # all controls but the line feed


def srt(cues: Iterable[Cue]) -> str:
    """SubRip, UTF-8. The format knows no escapes, so the one sequence that would break it, `-->`, becomes an arrow."""
    return "".join(
        f"{number}\n{_time(start_ms, ',')} --> {_time(end_ms, ',')}\n{_unarrowed(text)}\n\n"
        for number, (start_ms, end_ms, text) in enumerate(_usable(cues), start=1)
    )


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT (W3C), with `&`, `<` and `>` escaped."""
    return "WEBVTT\n\n" + "".join(
        f"{_time(start_ms, '.')} --> {_time(end_ms, '.')}\n{_escaped(text)}\n\n" for start_ms, end_ms, text in _usable(cues)
    )


def _usable(cues: Iterable[Cue]) -> Iterator[tuple[int, int, str]]:
    """Whole milliseconds and clean text; a cue without text is left out, one without length gets a millisecond."""
    for cue in cues:
        text = _clean(cue.text)
        if text:
            start_ms = max(0, round(cue.start * 1000))
            yield start_ms, max(start_ms + 1, round(cue.end * 1000)), text


def _clean(text: str) -> str:
    """No controls, and no empty line: that would end the cue."""
    lines = (" ".join(line.split()) for line in _UNSEEN.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n"))
    return "\n".join(line for line in lines if line)


def _unarrowed(text: str) -> str:
    return text.replace("-->", "→")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(at_ms: int, mark: str) -> str:
    seconds, ms = divmod(at_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{ms:03}"
