"""Transcript -> files: one table of formats, one way to render each; nothing rendered is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from utils import subtitles
from utils.errors import UnknownFormat
from utils.transcription import cues, formats_docx, formats_json, formats_lrc, formats_text, formats_vtt
from utils.transcription.contract import Transcript
from utils.transcription.presets import CueRules


@dataclass(frozen=True)
class Form:
    """A file format.

    Attributes:
        key: In addresses and options.
        label: For people.
        suffix: Of file names, with its dot.
        media_type: Of the bytes.
        has_times: `times` makes a difference.
        has_word_times: `word_times` makes a difference.
    """

    key: str
    label: str
    suffix: str
    media_type: str
    has_times: bool = False
    has_word_times: bool = False


_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FORMATS: Mapping[str, Form] = MappingProxyType(
    {
        form.key: form
        for form in (
            Form("txt", "Text", ".txt", "text/plain; charset=utf-8", has_times=True),
            Form("srt", "SubRip subtitles", ".srt", "application/x-subrip; charset=utf-8"),
            Form("vtt", "WebVTT subtitles", ".vtt", "text/vtt; charset=utf-8", has_word_times=True),
            Form("tsv", "Table, times in milliseconds", ".tsv", "text/tab-separated-values; charset=utf-8"),
            Form("json", "JSON with all details", ".json", "application/json"),
            Form("lrc", "Lyrics", ".lrc", "text/plain; charset=utf-8", has_word_times=True),
            Form("docx", "Word document", ".docx", _DOCX, has_times=True),
        )
    }
)


def render(
    transcript: Transcript,
    key: str,
    rules: CueRules,
    *,
    times: bool = False,
    word_times: bool = False,
    title: str = "",
    notes: bool = True,
) -> bytes:
    """The file's bytes.

    Args:
        transcript: As heard, or with its edits.
        key: Of FORMATS.
        rules: Of the cues; SRT, VTT, TSV, LRC and JSON hold cues, TXT and DOCX paragraphs.
        times: TXT and DOCX: each segment with its times, instead of paragraphs.
        word_times: VTT and LRC: also when each word begins.
        title: For formats that have a place for one.
        notes: Say in TXT, VTT and DOCX that the text is a draft, and where it may be wrong.

    Raises:
        UnknownFormat: No format of that key is written here.
    """
    if not isinstance(key, str) or key not in FORMATS:
        raise UnknownFormat("This transcript format is not written here.", f"Choose one of {', '.join(FORMATS)}.")
    if key == "txt":
        return formats_text.txt(transcript, times=times, title=title, notes=notes)
    if key == "docx":
        return formats_docx.docx(transcript, times=times, title=title, notes=notes)
    sheet = cues.make(transcript, rules, stamps=word_times and FORMATS[key].has_word_times)
    if key == "srt":
        return subtitles.srt(sheet.cues).encode()
    if key == "vtt":
        return formats_vtt.vtt(transcript, sheet, notes=notes)
    if key == "tsv":
        return formats_text.tsv(sheet)
    if key == "lrc":
        return formats_lrc.lrc(transcript, sheet, title=title)
    return formats_json.verbose_json(transcript, sheet)
