"""The template to download: a header and two example rows, as CSV and as XLSX."""

from __future__ import annotations

import csv
import io

HEADER = ("text", "filename", "language", "voice", "speed", "pitch", "format", "pause", "title")
EXAMPLES = (
    ("Good morning. The meeting is on Friday at three o'clock.", "greeting", "en-US", "", "1.0", "", "mp3", "", "Greeting"),
    ("Guten Morgen. Die Besprechung ist am Freitag um drei Uhr.", "gruss", "de", "", "0.9", "", "mp3", "300", "Gruß"),
)


def csv_bytes() -> bytes:
    """The template as CSV; the mark at its beginning makes spreadsheet programs read it as UTF-8."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([HEADER, *EXAMPLES])
    return out.getvalue().encode("utf-8-sig")


def xlsx_bytes() -> bytes:
    """The template as a workbook; all cells are text, so that no program turns them into dates."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Rows"
    for row in [HEADER, *EXAMPLES]:
        sheet.append(row)
    for cells in sheet.iter_rows():
        for cell in cells:
            cell.number_format = "@"
    for letter, width in zip("ABCDEFGHI", (60, 16, 12, 16, 8, 8, 8, 8, 20), strict=True):
        sheet.column_dimensions[letter].width = width
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
