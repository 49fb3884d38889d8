"""Tables as people have them, good and ill: read right, or refused with the line named."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
import zipfile
from contextlib import suppress

import openpyxl
import pytest

from utils.errors import AppError, BadTable, TooLarge, UnsupportedMedia
from utils.speech.table import samples
from utils.speech.table.columns import recognise
from utils.speech.table.contract import Table
from utils.speech.table.read import from_text, read


@pytest.fixture
def table():
    def make(data: bytes | str, name: str = "t.csv", max_rows: int = 5000, **options: object) -> Table:
        data = data.encode("utf-8") if isinstance(data, str) else data
        return read(data, name, max_rows=max_rows, **options)  # type: ignore[arg-type]

    return make


def texts(table: Table) -> list[str]:
    index = recognise(table.columns)["text"]
    return [row.cells[index] for row in table.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_any_unicode_encoding_and_delimiter_gives_the_same_rows(table, encoding: str, delimiter: str) -> None:
    text = delimiter.join(["Text", "Datei Name"]) + "\r\n" + delimiter.join(["Grüße aus Köln", "gruß"]) + "\r\n"
    got = table(text.encode(encoding))
    assert got.columns == ("Text", "Datei Name")
    assert got.rows[0].cells == ("Grüße aus Köln", "gruß")
    assert recognise(got.columns) == {"text": 0, "filename": 1}


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("cp1252", "Über die schöne Straße fährt heute ein grüner Bus, und die Möwen schreien dazu."),
        ("cp1251", "Сегодня хорошая погода, и мы идём гулять в парк вместе с друзьями и собакой."),
        ("shift_jis", "今日は天気がいいので、公園へ散歩に行きましょう。それから図書館で本を読みます。"),
        ("gb18030", "今天天气很好，我们去公园散步，然后在图书馆里看书，晚上一起吃饭。"),
    ],
)
def test_csv_legacy_encoding_is_found(table, encoding: str, sentence: str) -> None:
    rows = "".join(f'"{sentence}"\n' for _ in range(8))
    assert texts(table(("text\n" + rows).encode(encoding)))[0] == sentence


def test_csv_cells_with_quotes_commas_and_line_ends_stay_whole(table) -> None:
    got = table('text,filename\n"He said ""go"", then left.\nTwice.",a\nplain,b\n')
    assert texts(got) == ['He said "go", then left.\nTwice.', "plain"]
    assert [row.line for row in got.rows] == [2, 4]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ('text,filename\ngood,a\n"never closed,b\nrow three,c\nrow four,d\n', 3),
        ('text,filename\n"never closed,b\nrow,c\n"quoted later",d\n', 2),
        ('text\nfine\n"unclosed at the end', 3),
        ('text,filename,voice\n"lost,a,\nx,b,\ny,c,\nz,d",e,f\n', 2),
    ],
)
def test_csv_missing_quote_is_named_and_swallows_nothing(table, data: str, line: int) -> None:
    with pytest.raises(BadTable) as refused:
        table(data)
    assert f"line {line}" in refused.value.sentence
    assert "quote" in refused.value.sentence + refused.value.hint


def test_csv_ragged_rows_are_problems_of_those_rows_only(table) -> None:
    got = table("text,filename,voice\nshort,a\nHello, dear,b,c,d\nfine,c,\n")
    assert [[p.code for p in row.problems] for row in got.rows] == [["too_few_cells"], ["too_many_cells"], []]
    assert [[p.level for p in row.problems] for row in got.rows] == [["warning"], ["error"], []]


def test_csv_header_repeated_as_a_row_is_an_error_of_that_row(table) -> None:
    got = table("text,filename\na,b\nText,Filename\nc,d\n")
    assert [[p.code for p in row.problems] for row in got.rows] == [[], ["header_again"], []]


def test_csv_column_name_twice_is_refused(table) -> None:
    with pytest.raises(BadTable, match="columns 1 and 3"):
        table("text,voice,Text\na,b,c\n")


def test_csv_nul_characters_are_left_out_and_told(table) -> None:
    got = table("text,filename\nHel\0lo,a\n")
    assert texts(got) == ["Hello"]
    assert "line 2" in got.notes[0]


def test_csv_one_column_without_header_takes_every_line(table) -> None:
    assert texts(table("Good morning.\nGood night.\n")) == ["Good morning.", "Good night."]


def test_csv_a_million_rows_are_refused_by_the_limit(table) -> None:
    with pytest.raises(BadTable, match="more than 5,000 rows"):
        table(b"text\n" + b"a\n" * 1_000_001)


def test_table_over_its_bytes_is_refused(table) -> None:
    with pytest.raises(TooLarge, match="allowed are 1 MB"):
        table(b"text\n" + b"a" * 2**21, max_bytes=2**20)


@pytest.mark.parametrize("data", [b"", b"   \n\n", b"\xef\xbb\xbf"])
def test_table_without_content_is_refused(table, data: bytes) -> None:
    with pytest.raises(BadTable):
        table(data)


@pytest.mark.parametrize("name", ["t.csv", "t.exe", "t.mp3"])
def test_table_other_kinds_of_files_are_refused(table, name: str) -> None:
    with pytest.raises(AppError) as refused:
        table(b"ID3\x04\x00\x00" + bytes(100), name)
    assert isinstance(refused.value, UnsupportedMedia)


def workbook(*rows: tuple[object, ...], name: str = "Rows") -> bytes:
    book = openpyxl.Workbook()
    book.worksheets[0].title = name
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_xlsx_values_are_read_as_they_are_shown(table) -> None:
    got = table(workbook(("Text", "Speed", "n"), ("Hello", 1.5, 3.0), ("Only text",)), "t.xlsx")
    assert got.kind == "xlsx"
    assert [row.cells for row in got.rows] == [("Hello", "1.5", "3"), ("Only text", "", "")]


def test_xlsx_formula_is_its_stored_value_and_never_computed(table) -> None:
    data = workbook(("text", "filename"), ("fixed", "a"), ("=1+1", "b"))
    got = table(data, "t.xlsx")
    assert texts(got) == ["fixed", ""]  # openpyxl stores no value beside a formula: empty, not 2 and not "=1+1"


def test_xlsx_formula_with_stored_value_gives_it(table) -> None:
    data = _edited(workbook(("text",), ("PLACEHOLDER",)), "xl/worksheets/sheet1.xml", b"<f>A9&amp;[1]x!A1</f><v>stored</v>")
    assert texts(table(data, "t.xlsx")) == ["stored"]


def _edited(data: bytes, part: str, formula: bytes) -> bytes:
    import re

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename == part:
                body, count = re.subn(rb'<c r="A2" t="[a-zA-Z]+">.*?</c>', b'<c r="A2" t="str">' + formula + b"</c>", body)
                assert count == 1
            new.writestr(entry, body)
    return out.getvalue()


def test_xlsx_bomb_is_refused_before_it_is_unpacked(table) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("[Content_Types].xml", "<Types/>")
        with bomb.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(300):
                part.write(bytes(2**20))
    assert len(out.getvalue()) < 2**20
    with pytest.raises(TooLarge, match="unpack"):
        table(out.getvalue(), "t.xlsx")


def test_xlsx_with_macros_or_password_or_of_another_kind_is_refused(table) -> None:
    for part in ("xl/vbaProject.bin", "word/document.xml"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            archive.writestr(part, b"x")
        with pytest.raises(UnsupportedMedia):
            table(out.getvalue(), "t.xlsx")
    with pytest.raises(UnsupportedMedia, match="password"):
        table(b"\xd0\xcf\x11\xe0" + bytes(600), "t.xlsx")


@pytest.mark.parametrize("cut", [10, 200, -100])
def test_xlsx_damaged_is_one_sentence(table, cut: int) -> None:
    with pytest.raises(BadTable):
        table(workbook(("text",), ("Hello",))[:cut], "t.xlsx")


@pytest.mark.parametrize(("offset", "value"), [(10, 99), (8, 1), (6, 208)], ids=["method", "encrypted", "version"])
def test_xlsx_parts_that_cannot_be_unpacked_are_one_sentence(table, offset: int, value: int) -> None:
    data = bytearray(workbook(("text",), ("Hello.",)))
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + offset] = value
        place = data.find(b"PK\x01\x02", place + 4)
    with pytest.raises(BadTable, match="damaged"):
        table(bytes(data), "t.xlsx")


@pytest.mark.parametrize("seed", range(40))
def test_xlsx_with_wrong_bytes_is_read_or_refused(table, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(workbook(*((f"text {n}", n) for n in range(20))))
    for _ in range(4):
        data[chance.randrange(len(data))] = chance.randrange(256)
    with suppress(AppError):
        table(bytes(data), "t.xlsx")


def _with_sheet(rows: str, dimension: str = "A1") -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{space}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(("text",)))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else old.read(name))
    return out.getvalue()


def test_xlsx_reference_to_a_text_that_is_not_there_is_one_sentence(table) -> None:
    with pytest.raises(BadTable, match="damaged"):
        table(_with_sheet('<row r="1"><c r="A1" t="s"><v>99999</v></c></row>'), "t.xlsx")


def test_xlsx_sheet_that_claims_all_columns_is_read_at_once(table) -> None:
    cell = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>Hello.</t></is></c></row>'
    claims = _with_sheet(cell.format(1) + cell.format(500), "A1:XFD1048576")
    assert texts(table(claims, "t.xlsx")) == ["Hello."] * 2
    tracemalloc.start()  # a row of all columns takes half a megabyte while it is looked at
    try:
        table(claims, "t.xlsx")
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


def test_xlsx_too_many_columns_are_refused(table) -> None:
    with pytest.raises(BadTable, match="Row 1 has more than 100 columns"):
        table(workbook(tuple(f"c{n}" for n in range(101))), "t.xlsx")


def test_xlsx_entity_bomb_is_refused(table) -> None:
    out = io.BytesIO()
    evil = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    with zipfile.ZipFile(io.BytesIO(workbook(("text",), ("Hello",)))) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            body = old.read(entry).decode()
            new.writestr(entry, evil + "]>" + body.partition("?>")[2] if entry.filename.endswith("sheet1.xml") else body)
    with pytest.raises(BadTable):
        table(out.getvalue(), "t.xlsx")


def test_jsonl_keys_become_columns_and_bad_lines_are_their_own_problem(table) -> None:
    lines = [
        json.dumps({"text": "One", "n": 1}),
        "{broken",
        json.dumps([1]),
        json.dumps({"text": "Two", "tags": ["a"]}),
        "",
        '{"text":"Three"}',
    ]
    got = table("\n".join(lines), "t.jsonl")
    assert got.columns == ("text", "n", "tags")
    assert [[p.code for p in row.problems] for row in got.rows] == [[], ["not_json"], ["not_json"], ["nested"], []]
    assert [row.line for row in got.rows] == [1, 2, 3, 4, 6]


def test_txt_lines_or_paragraphs(table) -> None:
    text = "First line\nstill first\n\nSecond\nparagraph\n"
    assert texts(table(text, "t.txt", paragraphs=False)) == ["First line", "still first", "Second", "paragraph"]
    assert texts(table(text, "t.txt", paragraphs=True)) == ["First line still first", "Second paragraph"]
    assert texts(table("a\nb\nc\n", "t.txt")) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_cues_carry_their_times_and_plain_words(table, kind: str) -> None:
    point = "," if kind == "srt" else "."
    head = "WEBVTT\n\nNOTE a comment\n\n" if kind == "vtt" else "\ufeff"
    text = (
        f"{head}1\n00:00:01{point}500 --> 00:00:03{point}250\n<i>Good</i> morning &amp; hello,\nAna.\n\n"
        f"2\n00:00:05{point}000 --> 00:00:04{point}000\nbackwards\n"
    )
    got = table(text.replace("\n", "\r\n"), f"t.{kind}")
    assert got.timed
    assert texts(got) == ["Good morning & hello, Ana.", "backwards"]
    assert (got.rows[0].start, got.rows[0].end) == (1.5, 3.25)
    assert (got.rows[1].start, got.rows[1].end, got.rows[1].problems[0].code) == (5.0, None, "bad_times")


def test_samples_read_back_as_two_good_rows(table) -> None:
    for data, name in ((samples.csv_bytes(), "t.csv"), (samples.xlsx_bytes(), "t.xlsx")):
        got = table(data, name)
        assert got.columns == samples.HEADER
        assert [row.cells for row in got.rows] == [tuple(row) for row in samples.EXAMPLES]
        assert not any(row.problems for row in got.rows)


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        (("TEXT", "File Name", "Language_Code"), {"text": 0, "filename": 1, "language": 2}),
        (("Sprache", "Stimme", "Satz", "Tonhöhe"), {"language": 0, "voice": 1, "text": 2, "pitch": 3}),
        (("Texte", "Fichier", "Vitesse", "Titre"), {"text": 0, "filename": 1, "speed": 2, "title": 3}),
        (("id", "whatever"), {}),
        (("anything",), {"text": 0}),
    ],
)
def test_columns_are_recognised_in_usual_languages(columns: tuple[str, ...], roles: dict[str, int]) -> None:
    assert recognise(columns) == roles


def test_pasted_text_is_read_like_a_file() -> None:
    assert texts(from_text("text;voice\nHallo;x\n", ".csv", max_rows=10)) == ["Hallo"]


def test_csv_over_its_rows_takes_little_memory(table) -> None:
    data = b"ab\n" * 2_000_000
    tracemalloc.start()
    try:
        with pytest.raises(BadTable, match="more than 5,000 rows"):
            table(data)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(data)
    finally:
        tracemalloc.stop()


def test_csv_delimiter_is_found_though_the_sample_ends_inside_a_quoted_cell(table) -> None:
    read_back = table("text;name\n" + ('"' + "x, y\n" * 10_000 + '";b\n') * 40)
    assert (read_back.delimiter, len(read_back.rows)) == (";", 40)


def test_jsonl_halves_of_surrogate_pairs_are_left_out(table) -> None:
    read_back = table(rb'{"text": "a\ud800b", "na\udc00me": "\ud83d"}', "t.jsonl")
    assert (read_back.columns, read_back.rows[0].cells) == (("text", "name"), ("ab", ""))


def test_jsonl_other_ends_of_lines_may_stand_inside_a_text(table) -> None:
    assert texts(table('{"text": "a\u2028b\x85c"}\r\n{"text": "d"}\r\n', "t.jsonl")) == ["a\u2028b\x85c", "d"]


def test_jsonl_too_many_keys_are_refused_at_the_first_line_that_has_them(table) -> None:
    line = json.dumps({str(key): key for key in range(101)})
    with pytest.raises(BadTable, match="up to line 2 have 101 different keys"):
        table('{"text": "a"}\n' + line.replace('"0"', '"text"') + "\n", "t.jsonl")


def test_csv_cell_of_endless_length_is_told_as_such(table) -> None:
    with pytest.raises(BadTable) as refused:
        table("text,voice\ngood,a\n" + "x" * 200_000 + ",b\n")
    assert "line 3 has 200,003 characters" in refused.value.sentence
