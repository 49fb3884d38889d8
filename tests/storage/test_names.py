"""Names: only canonical ids, titles that are harmless, download names that every system takes."""

from __future__ import annotations

import re
import unicodedata
import uuid
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.storage import names

SESSION = "5f0c9a52-31c2-4c0e-9b53-1d2e3f4a5b6c"
ITEM = "20261121-121017-hello-world-6521"
ALIASES = [
    SESSION.upper(),
    SESSION.replace("-", ""),
    "{" + SESSION + "}",
    "urn:uuid:" + SESSION,
    SESSION + "\n",
    "\n" + SESSION,
    " " + SESSION,
    SESSION + "/",
    "/" + SESSION,
    "./" + SESSION,
    SESSION + "/../" + SESSION,
    SESSION.replace("5", "٥"),
    SESSION.replace("5", "\uff15"),
    SESSION.replace("-", "\u2010"),
    SESSION.replace("-", "_"),
    SESSION + "\0",
    SESSION.replace("-4c0e", "-1c0e"),
    SESSION.replace("-9b53", "-cb53"),
    SESSION[:-1],
    SESSION + "0",
    "..",
    "%2e%2e",
    "",
    "a" * 10_000,
]


def test_session_id_canonical_is_accepted() -> None:
    assert names.is_session_id(SESSION)
    assert all(names.is_session_id(str(uuid.uuid4())) for _ in range(100))


@pytest.mark.parametrize("alias", ALIASES)
def test_session_id_other_spelling_is_refused(alias: str) -> None:
    assert not names.is_session_id(alias)


@pytest.mark.parametrize("thing", [None, 1, b"5f0c9a52-31c2-4c0e-9b53-1d2e3f4a5b6c", uuid.UUID(SESSION)])
def test_session_id_of_another_type_is_refused(thing: object) -> None:
    assert not names.is_session_id(thing)


@pytest.mark.parametrize(
    "other",
    [
        ITEM + "\n",
        ITEM.upper(),
        ITEM.replace("2026", "٢٠٢٦"),
        "../" + ITEM,
        ITEM + "/x",
        "20261121-121017--6521",
        "20261121-121017-hello--world-6521",
        "20261121-121017-6521",
        "20261121-121017-a-652",
        "20261121-121017-a-652g",
        "20261121-121017-" + "a" * 100 + "-6521",
        "",
        ".trash",
    ],
)
def test_item_id_other_form_is_refused(other: str) -> None:
    assert names.is_item_id(ITEM)
    assert not names.is_item_id(other)


@given(st.text(), st.floats(0, 4e9), st.integers(0, 2000))
def test_item_id_of_any_title_is_canonical(title: str, now: float, bump: int) -> None:
    made = names.item_id(title, now, bump)
    assert names.is_item_id(made)
    assert made.isascii()


@given(st.floats(1e9, 4e9), st.floats(0.001, 1e8), st.text(max_size=20), st.text(max_size=20))
def test_item_ids_sort_by_time(now: float, later_s: float, first: str, second: str) -> None:
    assert names.by_time(names.item_id(first, now)) < names.by_time(names.item_id(second, now + later_s))


def test_item_id_is_in_utc() -> None:
    assert names.item_id("Grüße aus Łódź", 0.5) == "19700101-000000-grusse-aus-lodz-8000"


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Hello, World!", "hello-world"),
        ("录音", "item"),
        ("../../etc/passwd", "etc-passwd"),
        ("Ünï", "uni"),
        ("", "item"),
        ("A" * 90, "a" * 40),
    ],
)
def test_slug_is_plain_ascii(title: str, slug: str) -> None:
    assert names.slug(title) == slug


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hello-world_en.mp3", True),
        ("job.json", True),
        ("lease.12", True),
        (".hidden", False),
        ("", False),
        ("..", False),
        ("a/b", False),
        ("a\\b", False),
        ("a\0b", False),
        ("a.mp3\n", False),
        ("CON", False),
        ("nul.txt", False),
        ("com1.mp3", False),
        ("dot.", False),
        ("é.mp3", False),
        ("x" * 201, False),
    ],
)
def test_file_name_only_plain_ones(name: str, allowed: bool) -> None:
    assert names.is_file_name(name) is allowed


HOSTILE = [
    "../../evil.sh",
    'a";\r\nX-Evil: y.html',
    "a; filename=b",
    "photo\u202egnp.exe",
    "CON",
    "nul.txt",
    "com1",
    ".",
    "..",
    "-rf",
    "x" * 300,
    "😀" * 64,
    "录音",
    "C:\\windows\\win.ini",
    "a/b\\c:d*e?f",
    "100%",
    "%2e%2e%2f",
    "trailing dot.",
    "trailing space ",
    "\u0000\u0001\u007f",
    "z" + "\u0301" * 300,
    "<img src=x onerror=alert(1)>",
    "'quoted'",
    "\ud800half",
    "",
]


@pytest.mark.parametrize("title", HOSTILE)
def test_title_hostile_becomes_one_harmless_line(title: str) -> None:
    cleaned = names.clean_title(title)
    assert len(cleaned.encode("utf-8")) <= 120
    assert cleaned == " ".join(cleaned.split())
    assert not {unicodedata.category(mark) for mark in cleaned} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text())
def test_title_cleaning_is_stable(text: str) -> None:
    once = names.clean_title(text)
    assert len(once.encode("utf-8")) <= 120
    assert names.clean_title(once) == once


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("e\u0301te\u0301", "été"),
        ("a\tb\r\nc", "a b c"),
        ("x\u202ey\u2066z\u200f", "xyz"),
        ("👩\u200d🚀 crew", "👩\u200d🚀 crew"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_title_keeps_what_people_write(title: str, cleaned: str) -> None:
    assert names.clean_title(title) == cleaned


def test_title_is_cut_between_characters_not_inside() -> None:
    assert names.clean_title("é" * 100) == "é" * 60
    assert names.clean_title("a" * 117 + "👩\u200d🚀") == "a" * 117
    assert names.clean_title("a" * 119 + "b\u0323\u0302") == "a" * 119
    assert names.clean_title("z" + "\u0323" * 300)


HEADER = re.compile(r"(inline|attachment); filename=\"([^\"\\\\%]*)\"(?:; filename\*=UTF-8''((?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+))?")


def _parsed(value: str) -> tuple[str, str]:
    """Kind and name as RFC 6266 reads them: `filename*` counts where it is given."""
    found = HEADER.fullmatch(value)
    assert found is not None, value
    return found[1], unquote(found[3]) if found[3] else found[2]


@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("suffix", [".mp3", ".srt"])
def test_download_name_hostile_title_is_safe_on_every_system(title: str, suffix: str) -> None:
    name = names.download_name(title, suffix)
    assert name.endswith(suffix)
    assert len(name.encode("utf-8")) <= 120
    assert not set(name) & set('<>:"/\\|?*%\r\n\0')
    assert name[0] not in ".- "
    stem = name.removesuffix(suffix)
    assert stem == stem.rstrip(" .")
    assert stem.split(".")[0].upper() not in {"CON", "NUL", "COM1"}


@pytest.mark.parametrize("title", HOSTILE)
def test_content_disposition_hostile_name_is_one_header_that_gives_the_name_back(title: str) -> None:
    name = names.download_name(title, ".mp3")
    value = names.content_disposition(name)
    assert value.isascii() and value.isprintable()
    assert value.count("attachment") == 1
    kind, parsed = _parsed(value)
    assert (kind, parsed) == ("attachment", name)


@given(st.text(max_size=60))
def test_content_disposition_any_name_is_one_ascii_line(name: str) -> None:
    value = names.content_disposition(name, inline=True)
    assert value.isascii() and value.isprintable()
    assert _parsed(value) == ("inline", names.clean_title(name) or "sotto")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hello.mp3", 'attachment; filename="hello.mp3"'),
        ("été.mp3", "attachment; filename=\"ete.mp3\"; filename*=UTF-8''%C3%A9t%C3%A9.mp3"),
        ("录音.mp3", "attachment; filename=\"download.mp3\"; filename*=UTF-8''%E5%BD%95%E9%9F%B3.mp3"),
        ('a"b;c.mp3', "attachment; filename=\"a_b_c.mp3\"; filename*=UTF-8''a%22b%3Bc.mp3"),
    ],
)
def test_content_disposition_has_an_ascii_name_for_old_clients(name: str, value: str) -> None:
    assert names.content_disposition(name) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("20261121-133918-my-dear-john-303e", "20261121-133918-303e"),
        ("/items/20261121-133918-cafe-cafe-303e/files/speech.mp3", "/items/20261121-133918-303e/files/speech.mp3"),
        ("a~20261121-133918-1-0000 b~20261121-133919-2-0001", "a~20261121-133918-0000 b~20261121-133919-0001"),
        ("/api/v1/items", "/api/v1/items"),
    ],
)
def test_without_words_leaves_time_and_number_of_an_id(text: str, shown: str) -> None:
    assert names.without_words(text) == shown
