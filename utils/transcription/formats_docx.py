"""A document for word processors: title, notes, and a table with times in its margin column. Doubtful words are marked.

The table is written as XML in one go: python-docx makes it cell by cell, which takes a minute for a long interview.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from utils.subtitles import script
from utils.transcription.contract import DOUBTFUL_BELOW, Segment, Transcript
from utils.transcription.cue_atoms import same_text
from utils.transcription.formats_notes import clock, one_line, paragraphs
from utils.transcription.formats_notes import notes as notes_of

_RIGHT_TO_LEFT = frozenset(["ar", "he", "iw", "fa", "ur", "yi", "ps", "sd", "ug", "dv", "ckb"])
_NOT_IN_XML = str.maketrans("", "", "\ufffe\uffff")
_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_WORD, _PASSAGE = "yellow", "lightGray"
_MARGIN_TWIPS, _TEXT_TWIPS = 1500, 7500  # twentieths of a point: 2.6 and 13.2 cm
_BORDERLESS = "".join(f'<w:{side} w:val="nil"/>' for side in ("top", "left", "bottom", "right", "insideH", "insideV"))
DOCUMENT_TITLE = "Transcript"  # where none is given
Run = tuple[str, str]  # text, colour of its mark or ""


def docx(transcript: Transcript, *, times: bool, title: str, notes: bool) -> bytes:
    """The bytes of a .docx file.

    Args:
        transcript: What was said.
        times: A row a segment with start and end, instead of a row a paragraph with its start.
        title: Heading, or "".
        notes: Say what to be careful with.
    """
    from docx import Document
    from docx.oxml.parser import parse_xml

    document = Document()
    shown = _safe(one_line(title)) or DOCUMENT_TITLE
    properties = document.core_properties
    properties.title, properties.author, properties.comments = shown[:250], "Sotto", ""
    document.add_heading(shown, level=0)
    document.add_paragraph(_safe(_facts(transcript)))
    groups = paragraphs(transcript)
    rows = [[segment] for group in groups for segment in group] if times else groups
    marked = [_runs(row) for row in rows]
    if notes:
        for note in [*notes_of(transcript), *_legend(marked)]:
            document.add_paragraph().add_run(_safe(note)).italic = True
    if rows:
        xml = _table([_margin(row, times) for row in rows], marked, _is_right_to_left(transcript))
        document.element.body.insert(len(document.element.body) - 1, parse_xml(xml))  # before the section's properties
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _facts(transcript: Transcript) -> str:
    """One line: model, language, length."""
    length = clock(transcript.seconds).partition(".")[0]
    return one_line(" · ".join(filter(None, (transcript.model, transcript.language, length))))


def _margin(row: Sequence[Segment], times: bool) -> list[str]:
    start = clock(row[0].start)
    return [start, clock(max(row[-1].start, row[-1].end))] if times else [start]


def _legend(rows: Sequence[Sequence[Run]]) -> list[str]:
    colours = {colour for runs in rows for _, colour in runs}
    found = ["Words marked in yellow are those that the engine was unsure of."] if _WORD in colours else []
    return [*found, "Passages marked in grey may be wrong."] if _PASSAGE in colours else found


def _runs(row: Sequence[Segment]) -> list[Run]:
    """Texts with their marks, neighbours of one colour joined."""
    pieces: list[Run] = []
    for segment in row:
        text = one_line(segment.text)
        before = pieces[-1][0] if pieces else ""
        space = " " if before and not script.joined_without_space(before, text) else ""
        pieces += [(space, "")] if space else []
        pieces += _marked(segment, text)
    joined = [("".join(text for text, _ in same), colour) for colour, same in groupby(pieces, key=lambda piece: piece[1])]
    return [(_safe(text), colour) for text, colour in joined if text]


def _marked(segment: Segment, text: str) -> Iterator[Run]:
    if segment.doubt:
        yield text, _PASSAGE
        return
    low = [word.probability is not None and word.probability < DOUBTFUL_BELOW for word in segment.words]
    if not any(low) or not same_text(segment):
        yield text, ""
        return
    at = 0
    for word, doubtful in zip(segment.words, low, strict=True):
        bare = one_line(word.text)
        begin = text.find(bare, at) if bare else -1
        if begin < 0:
            continue
        if doubtful:
            yield text[at:begin], ""
            yield bare, _WORD
            at = begin + len(bare)
        else:
            yield text[at : begin + len(bare)], ""
            at = begin + len(bare)
    yield text[at:], ""


def _table(margins: Sequence[Sequence[str]], rows: Sequence[Sequence[Run]], right_to_left: bool) -> str:
    visual = "<w:bidiVisual/>" if right_to_left else ""
    width = _MARGIN_TWIPS + _TEXT_TWIPS
    head = (
        f'<w:tbl xmlns:w="{_NAMESPACE}"><w:tblPr>{visual}<w:tblW w:w="{width}" w:type="dxa"/>'
        f'<w:tblBorders>{_BORDERLESS}</w:tblBorders><w:tblLayout w:type="fixed"/></w:tblPr>'
        f'<w:tblGrid><w:gridCol w:w="{_MARGIN_TWIPS}"/><w:gridCol w:w="{_TEXT_TWIPS}"/></w:tblGrid>'
    )
    body = "".join(_row(margin, runs, right_to_left) for margin, runs in zip(margins, rows, strict=True))
    return f"{head}{body}</w:tbl>"


def _row(margin: Sequence[str], runs: Sequence[Run], right_to_left: bool) -> str:
    times = "<w:r><w:br/></w:r>".join(
        f'<w:r><w:rPr><w:color w:val="767676"/><w:sz w:val="16"/></w:rPr><w:t>{time}</w:t></w:r>' for time in margin
    )
    both = "<w:pPr><w:bidi/></w:pPr>" if right_to_left else ""
    text = "".join(_run(words, colour, right_to_left) for words, colour in runs)
    return (
        f'<w:tr><w:tc><w:tcPr><w:tcW w:w="{_MARGIN_TWIPS}" w:type="dxa"/></w:tcPr><w:p>{times}</w:p></w:tc>'
        f'<w:tc><w:tcPr><w:tcW w:w="{_TEXT_TWIPS}" w:type="dxa"/></w:tcPr><w:p>{both}{text}</w:p></w:tc></w:tr>'
    )


def _run(text: str, colour: str, right_to_left: bool) -> str:
    style = (f'<w:highlight w:val="{colour}"/>' if colour else "") + ("<w:rtl/>" if right_to_left else "")
    return f'<w:r>{f"<w:rPr>{style}</w:rPr>" if style else ""}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _is_right_to_left(transcript: Transcript) -> bool:
    return transcript.language.partition("-")[0].lower() in _RIGHT_TO_LEFT


def _safe(text: str) -> str:
    """Characters that XML allows; controls and surrogates are gone already."""
    return text.translate(_NOT_IN_XML)
