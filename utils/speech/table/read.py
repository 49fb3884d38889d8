"""Any table that people have, as rows of text: CSV, TSV, XLSX, JSONL, TXT, SRT, VTT."""

from __future__ import annotations

import re
from pathlib import Path

from utils.errors import BadTable, TooLarge, UnsupportedMedia
from utils.sizes import size
from utils.speech.table import read_csv, read_lines, read_xlsx
from utils.speech.table.contract import Table
from utils.speech.table.text_encoding import decode

MAX_TABLE_BYTES = 20 * 2**20
SUFFIXES = (".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson", ".txt", ".md", ".srt", ".vtt")
_ARCHIVE = b"PK\x03\x04"
_BINARY = (b"\xd0\xcf\x11\xe0", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"ID3", b"OggS", b"\x7fELF", b"MZ\x90")


def read(data: bytes, filename: str, *, max_rows: int, max_bytes: int = MAX_TABLE_BYTES, paragraphs: bool | None = None) -> Table:
    """Read a table that somebody sent.

    Args:
        data: The whole file.
        filename: As the sender called it; only its suffix counts.
        max_rows: More rows are refused.
        max_bytes: A larger file is refused.
        paragraphs: For TXT: one row a paragraph; None finds out (blank lines between most lines).

    Raises:
        BadTable: What is wrong, with the line where it can be named.
        TooLarge: More bytes than allowed, here or unpacked.
        UnsupportedMedia: Not a table.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"The table has {size(len(data))}, allowed are {size(max_bytes)}.", "Split it into several tables.")
    suffix = Path(filename).suffix.lower()
    head = data[:8]
    if head.startswith(_ARCHIVE) or suffix in (".xlsx", ".xlsm", ".xls"):
        if not head:
            raise BadTable("The file is empty.", "Add a header line and at least one row.")
        return read_xlsx.read(data, max_rows=max_rows)
    if suffix not in SUFFIXES or head.startswith(_BINARY):
        raise UnsupportedMedia("The file is not a table.", "Send CSV, TSV, XLSX, JSONL, TXT, SRT or VTT.")
    if not data.strip():
        raise BadTable("The file is empty.", "Add a header line and at least one row.")
    text, encoding = decode(data)
    return from_text(text, suffix, max_rows=max_rows, encoding=encoding, paragraphs=paragraphs)


def from_text(text: str, suffix: str, *, max_rows: int, encoding: str = "utf-8", paragraphs: bool | None = None) -> Table:
    """Read pasted or decoded text as the format that `suffix` names (`.csv`, `.srt`, ...). Raises BadTable."""
    if suffix in (".jsonl", ".ndjson"):
        return read_lines.read_jsonl(text, max_rows=max_rows, encoding=encoding)
    if suffix in (".srt", ".vtt"):
        return read_lines.read_cues(text, max_rows=max_rows, encoding=encoding, kind=suffix[1:])
    if suffix in (".txt", ".md"):
        if paragraphs is None:
            paragraphs = len(re.findall(r"\n[ \t]*\n", text)) >= max(1, text.strip().count("\n") / 3)
        return read_lines.read_txt(text, max_rows=max_rows, encoding=encoding, paragraphs=paragraphs)
    return read_csv.read(text, max_rows=max_rows, encoding=encoding, delimiter="\t" if suffix == ".tsv" else "")
