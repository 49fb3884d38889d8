"""Many items by the routes: found, taken as one ZIP, changed only in the version that was seen."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import PureWindowsPath
from urllib.parse import unquote

import pytest

from tests.api.surface import SOUND, Client, Surface
from utils.storage import names

HOSTILE = [
    "../../evil", "..\\..\\evil", "/etc/passwd", "C:\\Windows\\x", "CON", "con.txt", "nul", "COM1.mp3", "LPT9", "a:b",
    "a<b>c|d?e*f", 'say "hi"', "it's", "a\r\nX-Evil: 1", "tab\there", "line\u2028sep", "\u202egpj.exe", "\u2066abc\u2069", "\u200b",
    "😀" * 64,
    "x" * 300, "é" * 200, "e\u0301tude", "étude", "Étude", "trailing.", "trailing ", " leading", "-rf", "~", ".", "..", ".hidden",
    "%2e%2e%2f", "=HYPERLINK(1)", "@sum", "<img src=x onerror=alert(1)>", "[x](javascript:1)", "录音", "\x00null\x7f",
]  # fmt: skip


def made(sotto: Surface, client: Client, title: str, text: str = "Good morning.") -> str:
    """The id of a finished speech item."""
    sotto.clock.now += 1
    job = client.post("/api/v1/speech", json={"text": text, "title": title or "x", "engine": "espeak"}).json()["job"]
    sotto.run(client, job["id"])
    return str(job["id"])


def opened(answer: bytes) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(answer))
    assert found.testzip() is None
    return found


def table(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))


def test_items_are_found_by_words_kind_and_time(sotto: Surface) -> None:
    client = sotto.program()
    began = sotto.clock.now
    first = made(sotto, client, "Élan vital", "The library closes at six.")
    second = made(sotto, client, "Second", "Good night.")

    def ids(query: str) -> list[str]:
        answer = client.get(f"/api/v1/items?{query}")
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert ids("") == [second, first]
    assert ids("q=LIBRARY six") == ids("q=elan") == [first]
    assert ids("q=library night") == ids("kind=batch") == ids("engine=Google") == ids("state=failed") == []
    assert ids(f"from={began + 1.5}") == [second]
    assert ids(f"to={began + 1.5}") == [first]
    assert ids("to=2020-01-01") == []
    assert ids("sort=oldest") == ids("sort=title&state=done") == [first, second]


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-13-01", "state=odd", "sort=odd", "from=nan"])
def test_items_with_a_query_that_cannot_be_read_are_refused(shared: Surface, query: str) -> None:
    answer = shared.program().get(f"/api/v1/items?{query}")
    assert answer.status_code == 422 and answer.json()["code"] == "bad_input"


def test_zip_of_many_holds_each_under_a_safe_unique_name_and_a_table(sotto: Surface) -> None:
    client = sotto.program()
    for title in HOSTILE:
        made(sotto, client, title)
    answer = client.get("/api/v1/items.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment;") and "content-length" not in answer.headers
    archive = opened(answer.content)
    sounds = [name for name in archive.namelist() if name.endswith(".mp3")]
    assert len(sounds) == len(HOSTILE) and all(archive.read(name) == SOUND for name in sounds)
    folded = [name.casefold() for name in archive.namelist()]
    assert len(set(folded)) == len(folded)
    for name in archive.namelist():
        path = PureWindowsPath(name)
        assert not path.is_absolute() and not path.drive and ".." not in path.parts and not path.is_reserved()
        assert len(path.parts) == 1 and name == name.strip() and not set('<>:"|?*\\') & set(name) and name.isprintable()
        assert all(part[-1] not in ". " for part in path.parts) and len(name.encode()) < 160
    rows = table(archive)
    assert len(rows) == len(HOSTILE) and {row["kind"] for row in rows} == {"speech"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    listed = client.get("/api/v1/items?per_page=200").json()["items"]
    titles = {row["title"].removeprefix("'") if row["title"][1:2] in "=+-@" else row["title"] for row in rows}
    assert titles == {item["title"] for item in listed}


def test_hostile_titles_make_one_valid_header_that_gives_the_name_back(sotto: Surface) -> None:
    client = sotto.program()
    for title in HOSTILE:
        made(sotto, client, title)
    for item in client.get("/api/v1/items?per_page=200").json()["items"]:
        for address in (item["files"][0]["url"], f"/api/v1/items/{item['id']}.zip"):
            answer = client.get(address)
            assert answer.status_code == 200
            (header,) = answer.headers.get_list("content-disposition")
            assert header.isascii() and header.isprintable()
            assert header.startswith('attachment; filename="') and header.count("filename=") == 1
            given = re.search(r"filename\*=UTF-8''(\S+)$", header) or re.search(r'filename="([^"]+)"$', header)
            assert given
            name = unquote(given[1])
            suffix = ".mp3" if address.endswith(".mp3") else ".zip"
            assert name == names.download_name(item["title"], suffix) and PureWindowsPath(name).name == name


def test_zip_of_a_choice_holds_only_that_by_whole_and_short_ids(sotto: Surface) -> None:
    client = sotto.program()
    first, second, third = (made(sotto, client, title) for title in ("One", "Two", "Three"))
    short = f"{second[:15]}-{second[-4:]}"
    names = opened(client.get(f"/api/v1/items.zip?ids={first},{short}").content).namelist()
    assert names == ["One.mp3", "One.vtt", "Two.mp3", "Two.vtt", "manifest.csv"]
    assert opened(client.get("/api/v1/items.zip?q=three").content).namelist()[0] == "Three.mp3"
    head = client.request("HEAD", "/api/v1/items.zip")
    assert head.status_code == 200 and not head.content
    other = sotto.program()
    foreign, unknown = other.get(f"/api/v1/items.zip?ids={third}"), other.get("/api/v1/items.zip?ids=20200101-000000-x-0000")
    assert foreign.status_code == unknown.status_code == 404 and foreign.content == unknown.content
    assert other.get("/api/v1/items.zip").status_code == 404
    assert client.get("/api/v1/items.zip?ids=" + ",".join([short] * 351)).status_code == 422


def test_zip_leaves_out_what_is_deleted_before_its_turn(sotto: Surface) -> None:
    from utils.storage import archive
    from utils.workflows import collect, files

    client = sotto.program()
    session = sotto.session_of(client)
    ids = [made(sotto, client, title) for title in ("One", "Two")]
    chunks = archive.stream(collect.contents(sotto.services, session, ids))
    begin = next(chunks)
    files.delete(sotto.services, session, ids[1])
    found = opened(begin + b"".join(chunks))
    assert found.namelist() == ["One.mp3", "One.vtt", "manifest.csv"]
    assert [row["note"] for row in table(found)] == ["", "deleted before its turn"]


def test_item_changes_only_in_the_version_that_was_seen(sotto: Surface) -> None:
    client = sotto.program()
    path = f"/api/v1/items/{made(sotto, client, 'First')}"
    seen = client.get(path).headers["etag"]
    sotto.clock.now += 1
    changed = client.patch(path, json={"title": "Second"}, headers={"If-Match": seen})
    assert changed.status_code == 200 and changed.headers["etag"] != seen
    late = client.patch(path, json={"title": "Third"}, headers={"If-Match": seen})
    assert late.status_code == 412 and late.json()["code"] == "precondition_failed"
    assert client.get(path).json()["title"] == "Second"
    assert client.patch(path, json={"title": "Fourth"}, headers={"If-Match": "*"}).json()["title"] == "Fourth"


def test_code_takes_a_session_to_another_browser_once(sotto: Surface) -> None:
    here, there = sotto.browser(), sotto.browser()
    item = made(sotto, here, "Mine")
    assert there.get(f"/api/v1/items/{item}").status_code == 404
    made_code = here.post("/api/v1/session/transfer")
    assert made_code.status_code == 201 and made_code.json()["expires_at"] == sotto.clock.now + 300
    code = made_code.json()["code"]
    answer = there.post("/api/v1/session/redeem", json={"code": f" {code.lower().replace('-', ' ')} "})
    assert answer.status_code == 200 and "httponly" in answer.headers["set-cookie"].lower()
    assert there.get(f"/api/v1/items/{item}").status_code == 200
    again = sotto.browser().post("/api/v1/session/redeem", json={"code": code})
    wrong = sotto.stranger().post("/api/v1/session/redeem", json={"code": "0000-0000-0000"})
    assert again.status_code == wrong.status_code == 404 and again.content == wrong.content
    late = here.post("/api/v1/session/transfer").json()["code"]
    sotto.clock.now += 301
    assert there.post("/api/v1/session/redeem", json={"code": late}).status_code == 404


def test_wrong_codes_are_refused_after_a_few(sotto: Surface) -> None:
    client = sotto.browser()
    statuses = [client.post("/api/v1/session/redeem", json={"code": f"{n:012d}"}).status_code for n in range(7)]
    assert statuses == [404] * 5 + [429] * 2


def test_forgotten_session_and_cookie_are_gone(sotto: Surface) -> None:
    client, other = sotto.browser(), sotto.browser()
    item = made(sotto, client, "Mine")
    kept = made(sotto, other, "Theirs")
    client.post("/api/v1/speech", json={"text": "Still open.", "engine": "espeak"})
    token = client.token
    answer = client.delete("/api/v1/session")
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["set-cookie"] and not client.token
    again = sotto.stranger(headers={"Authorization": f"Bearer {token}"})
    assert again.get(f"/api/v1/items/{item}").status_code == again.get("/api/v1/session/info").status_code == 404
    assert other.get(f"/api/v1/items/{kept}").status_code == 200
    assert sotto.stranger(headers={"Origin": "http://evil.test"}).delete("/api/v1/session").status_code == 403
