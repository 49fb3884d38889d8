"""Pasted text as a table: what it is, found out by its looks, as people copy it from spreadsheets, lists and subtitle files."""

from __future__ import annotations

import re

from utils.speech.table.columns import looks_like_header, recognise
from utils.speech.table.read_csv import DELIMITERS

_CUE = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->", re.MULTILINE)


def suffix_of(text: str) -> str:
    """The suffix of the format that a text has: `.srt`, `.vtt`, `.jsonl`, `.csv` (any delimiter), `.tsv` or `.txt`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return ".txt"
    first = lines[0].strip()
    if first.startswith("WEBVTT"):
        return ".vtt"
    if _CUE.search(text):
        return ".srt"
    if first.startswith("{") and first.endswith("}"):
        return ".jsonl"
    if _names_columns(first, lines[1:]):
        return ".csv"
    return ".tsv" if all("\t" in line for line in lines) else ".txt"


def _names_columns(first: str, rest: list[str]) -> bool:
    """The first line is a header whose columns we know; prose with commas is not."""
    for delimiter in DELIMITERS:
        names = [name.strip(' "') for name in first.split(delimiter)]
        if len(names) > 1 and recognise(names) and not any(name.endswith((".", "!", "?")) for name in names):
            return True
    return looks_like_header((first.strip('"'),)) and not any(delimiter in line for line in rest for delimiter in DELIMITERS)
