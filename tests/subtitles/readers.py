"""Readers of SRT and VTT, written from the formats' descriptions and not from our writers."""

from __future__ import annotations

import html
import re

from utils.subtitles import Cue

_SRT_TIMES = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d),(\d{3})")
_VTT_TIMES = re.compile(
    r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[ \t].*)?"
)


def _seconds(hours: str | None, minutes: str, seconds: str, ms: str) -> float:
    return (((int(hours or 0) * 60) + int(minutes)) * 60_000 + int(seconds) * 1000 + int(ms)) / 1000


def read_srt(text: str) -> list[Cue]:
    """Strict: counted from 1 without a gap, one empty line between cues."""
    cues = []
    for number, block in enumerate(re.split(r"\n\n+", text.rstrip("\n")) if text.strip("\n") else [], start=1):
        lines = block.split("\n")
        assert lines[0] == str(number), block
        match = _SRT_TIMES.fullmatch(lines[1])
        assert match, block
        assert lines[2:], block
        cues.append(Cue(_seconds(*match.groups()[:4]), _seconds(*match.groups()[4:]), "\n".join(lines[2:])))
    return cues


def read_vtt(text: str) -> list[Cue]:
    """The steps of the W3C parser as far as cues without settings need them: any line with an arrow begins a cue."""
    text = text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    assert lines[0] == "WEBVTT"
    cues, at = [], 1
    while at < len(lines):
        if "-->" not in lines[at]:
            assert not lines[at], f"neither a cue nor an empty line: {lines[at]!r}"
            at += 1
            continue
        match = _VTT_TIMES.fullmatch(lines[at])
        assert match, lines[at]
        at += 1
        payload = []
        while at < len(lines) and lines[at] and "-->" not in lines[at]:
            payload.append(lines[at])
            at += 1
        shown = html.unescape(re.sub(r"<[^>]*>?", "", "\n".join(payload)))
        cues.append(Cue(_seconds(*match.groups()[:4]), _seconds(*match.groups()[4:]), shown))
    return cues
