"""Workbooks are opened in a limited process; what one of them costs never falls on the server."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

from utils.errors import AppError, TooLarge
from utils.speech.table.contract import Table
from utils.speech.table.memo import KEPT, KEPT_CHARS, KEPT_S, Checked, Checker
from utils.speech.table.read import from_text
from utils.speech.table.read_xlsx import Limits, read

ROOT = Path(__file__).resolve().parents[3]


def with_styles(count: int) -> bytes:
    """A workbook of two rows whose styles part holds `count` cell formats: small as a file, large when it is opened."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(("text",))
    book.worksheets[0].append(("Hello",))
    plain, out = io.BytesIO(), io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename == "xl/styles.xml":
                body, found = re.subn(rb"(<cellXfs[^>]*>)(.*?)(</cellXfs>)", lambda m: m[1] + m[2] * count + m[3], body, flags=re.S)
                assert found == 1
            new.writestr(entry, body)
    return out.getvalue()


def test_xlsx_never_loads_its_library_into_the_server() -> None:
    code = (
        "import sys; from utils.speech.table.read import read;"
        "table = read(open(sys.argv[1], 'rb').read(), 't.xlsx', max_rows=9); print(len(table.rows), 'openpyxl' in sys.modules)"
    )
    path = ROOT / "tests" / "assets" / "table.xlsx"
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False"], done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes are POSIX")
@pytest.mark.parametrize("limits", [Limits(cpu_s=1), Limits(wall_s=1.0)])
def test_xlsx_that_costs_too_much_is_one_sentence(limits: Limits) -> None:
    data = with_styles(150_000)
    assert len(data) < 200_000
    with pytest.raises(TooLarge, match="more memory or time"):
        read(data, max_rows=10, limits=limits)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes are POSIX")
def test_xlsx_over_its_memory_is_one_sentence() -> None:
    with pytest.raises(AppError) as refused:
        read(with_styles(20_000), max_rows=10, limits=Limits(memory_bytes=64 * 2**20))
    assert refused.value.status in (413, 422)


def test_xlsx_usual_number_of_styles_is_read() -> None:
    assert [row.cells for row in read(with_styles(500), max_rows=10).rows] == [("Hello",)]


def table_of(characters: int) -> Table:
    return from_text("text\n" + "x" * characters + "\n", ".csv", max_rows=10)


def test_checker_forgets_by_number_by_size_and_by_age() -> None:
    now = [0.0]
    checker = Checker(clock=lambda: now[0])
    checked = Checked(table_of(10), {}, None)  # type: ignore[arg-type]
    for number in range(KEPT + 2):
        checker.put(str(number), checked)
    assert [number for number in range(KEPT + 2) if checker.get(str(number)) is not None] == list(range(2, KEPT + 2))
    now[0] = KEPT_S + 1
    assert checker.get("5") is None
    big = Checked(table_of(100_000), {}, None)  # type: ignore[arg-type]
    wide = Checked(Table("csv", ("text",), big.table.rows * (KEPT_CHARS // 100_000)), {}, None)  # type: ignore[arg-type]
    checker.put("big", big)
    checker.put("wide", wide)
    assert (checker.get("big"), checker.get("wide")) == (None, wide)
