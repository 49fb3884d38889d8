"""Forty hostile names through title, item, file, ZIP and header: shown as text, one header, unpacked inside, given back."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from email.message import Message
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

import pytest

from tests.api.surface import SOUND, Surface
from utils.storage import names
from utils.storage.item import ItemFile

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/abs",
    "C:\\x",
    "\\\\host\\share",
    "CON",
    "con.mp3",
    "NUL",
    "nul.txt",
    "COM1",
    "LPT9.wav",
    "COM¹",
    "a\r\nSet-Cookie: x=1",
    "a\nb",
    "a\x00b",
    'a"b',
    "a'b",
    "a;b",
    "a%0d%0ab",
    "%2e%2e%2f",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "👩\u200d👩\u200d👧" * 64,
    "é" * 300,
    "x" * 300,
    "",
    " ",
    ".",
    "..",
    "...",
    " lead",
    "trail. ",
    "-rf",
    "~root",
    "$(id)",
    "`id`",
    "<img src=x>",
    "[x](javascript:1)",
    "录音",
    "\ufeffbom",
    "a\u2028b",
    "=cmd|'/c'!A1",
]
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_on_windows(name: str) -> bool:
    path = PureWindowsPath(name)
    return (
        not path.is_absolute()
        and not path.drive
        and ".." not in path.parts
        and all(not RESERVED.fullmatch(part) and part == part.rstrip(" .") for part in path.parts)
        and not set(name) & set('<>:"|?*\\\r\n\0')
        and all(len(part.encode()) <= 255 for part in path.parts)
    )


def filename(header: str) -> str:
    """What a browser makes of a Content-Disposition: the extended form counts more."""
    assert "\r" not in header and "\n" not in header and header.isascii()
    message = Message()
    message["content-disposition"] = header
    extended = re.search(r"filename\*=UTF-8''([^;]+)$", header)
    plain = message.get_filename()
    assert plain
    return unquote(extended[1]) if extended else plain


def test_there_are_forty() -> None:
    assert len(set(HOSTILE)) >= 40


@pytest.mark.parametrize("title", HOSTILE)
def test_hostile_title_through_item_file_header_and_zip(shared: Surface, title: str, tmp_path: Path) -> None:
    store = shared.services.sessions
    session = store.create_session()
    client = shared.stranger(headers={"Authorization": f"Bearer {store.token(session)}"})
    ids = []
    for _ in range(2):  # two of one name, for the ZIP
        item = store.create_item(session, folder="single", kind="speech", title=title, request={})
        store.write_file(session, item.id, "a.mp3", SOUND, durable=False)
        store.write_file(session, item.id, "a.srt", b"1\n", durable=False)
        listed = (ItemFile("a.mp3", "audio/mpeg", len(SOUND), "audio"), ItemFile("a.srt", "text/plain", 2, "subtitles"))
        store.update_item(session, item.id, files=listed)
        ids.append(item.id)
    shown = client.get(f"/api/v1/items/{ids[0]}").json()["title"]
    assert shown == (names.clean_title(title) or "Untitled")
    assert not [mark for mark in shown if unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp")] and "\u202e" not in shown
    renamed = client.patch(f"/api/v1/items/{ids[0]}", json={"title": title})
    assert renamed.status_code in (200, 422) and (renamed.status_code == 422) == (names.clean_title(title) == "")
    answer = client.get(f"/api/v1/items/{ids[0]}/files/a.mp3")
    assert answer.status_code == 200 and answer.content == SOUND
    given = filename(answer.headers["content-disposition"])
    assert safe_on_windows(given) and given.endswith(".mp3")
    assert given == names.download_name(shown, ".mp3"), "the name comes back as it was made"
    body = client.get(f"/api/v1/items/{ids[0]}.zip").content
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        inside = archive.namelist()
        assert len({name.casefold() for name in inside}) == len(inside) == 2
        assert all(safe_on_windows(name) for name in inside)
        archive.extractall(tmp_path)
    assert sorted(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) == sorted([SOUND, b"1\n"])


def test_hostile_names_of_all_in_one_zip_are_unique_and_safe(shared: Surface) -> None:
    store = shared.services.sessions
    session = store.create_session()
    client = shared.stranger(headers={"Authorization": f"Bearer {store.token(session)}"})
    for title in [*HOSTILE, *HOSTILE]:
        item = store.create_item(session, folder="single", kind="speech", title=title, request={})
        store.write_file(session, item.id, "a.mp3", SOUND, durable=False)
        store.update_item(session, item.id, files=(ItemFile("a.mp3", "audio/mpeg", len(SOUND), "audio"),))
    answer = client.get("/api/v1/items.zip")
    assert answer.status_code == 200
    filename(answer.headers["content-disposition"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        inside = archive.namelist()
        assert archive.testzip() is None
    assert len({name.casefold() for name in inside}) == len(inside) >= 2 * len(HOSTILE)
    assert all(safe_on_windows(name) for name in inside), [name for name in inside if not safe_on_windows(name)]
