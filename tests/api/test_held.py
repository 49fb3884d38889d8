from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from utils.api.held import CHUNK_BYTES, BadRange, HeldFile, open_held, wanted_range
from utils.api.intake import HEAD
from utils.errors import NotFound

TAG = '"5-a"'


def part(text: str | None, size_bytes: int = 10, **more: str) -> tuple[int, int] | None:
    headers = {} if text is None else {"range": text}
    return wanted_range(Headers(headers | {name.replace("_", "-"): value for name, value in more.items()}), size_bytes, TAG)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=0-0", (0, 1)),
        ("bytes=3-5", (3, 3)),
        ("bytes=9-", (9, 1)),
        ("bytes=9-99999", (9, 1)),
        ("bytes=-3", (7, 3)),
        ("bytes=-99", (0, 10)),
        ("Bytes = 1 - 2", (1, 2)),
        ("bytes=5-3", None),  # no range at all: the whole file
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=\xb2-\xb3", None),
        ("bytes=1--2", None),
        ("", None),
    ],
)
def test_range_is_read_as_rfc_9110_says(text: str | None, expected: tuple[int, int] | None) -> None:
    assert part(text) == expected


@pytest.mark.parametrize(("text", "size_bytes"), [("bytes=10-", 10), ("bytes=99-100", 10), ("bytes=0-", 0), ("bytes=-0", 10)])
def test_range_behind_the_end_is_bad(text: str, size_bytes: int) -> None:
    with pytest.raises(BadRange):
        part(text, size_bytes)


def test_range_of_an_older_version_is_the_whole_file() -> None:
    assert part("bytes=3-", if_range=TAG) == (3, 7)
    assert part("bytes=3-", if_range='"other"') is None
    assert part("bytes=3-", if_range="W/" + TAG) is None
    assert part("bytes=3-", if_range="Wed, 21 Oct 2026 07:28:00 GMT") is None


@given(
    st.text(st.characters(codec="latin-1"), max_size=40) | st.from_regex(r"[0-9]{0,3}-[0-9]{0,3}", fullmatch=True),
    st.integers(0, 50),
)
def test_range_any_text_gives_a_part_inside_of_the_file(text: str, size_bytes: int) -> None:
    try:
        found = part("bytes=" + text, size_bytes)
    except BadRange:
        return
    assert found is None or (found[0] >= 0 and found[1] > 0 and sum(found) <= size_bytes)


# ---- the answer


class Exchange:
    """One request to a HeldFile and what it sent. `leaves_after` bodies the client hangs up."""

    def __init__(self, path: Path, headers: dict[str, str] | None = None, *, head: bool = False, leaves_after: int = 10**9) -> None:
        self.body: list[bytes] = []
        self.start: dict[str, Any] = {}
        self._leaves_after = leaves_after
        self._gone = asyncio.Event()
        self.answer = HeldFile(open_held(path), "audio/mpeg", {"X-Own": "1"})
        encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        asyncio.run(self.answer({"type": "http", "method": "GET", "headers": encoded, HEAD: head}, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body.append(message["body"])
        if len(self.body) >= self._leaves_after:
            self._gone.set()
            await asyncio.sleep(0.01)

    @property
    def headers(self) -> Headers:
        return Headers(raw=self.start["headers"])


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(3 * CHUNK_BYTES + 7))
    return path


def test_held_whole_file_in_chunks(big: Path) -> None:
    seen = Exchange(big)
    assert b"".join(seen.body) == big.read_bytes()
    assert max(map(len, seen.body)) <= CHUNK_BYTES
    assert seen.start["status"] == 200
    assert (seen.headers["content-length"], seen.headers["accept-ranges"]) == (str(big.stat().st_size), "bytes")
    assert (seen.headers["content-type"], seen.headers["x-own"]) == ("audio/mpeg", "1")
    assert seen.answer.file.closed


def test_held_range_over_a_chunk_border(big: Path) -> None:
    seen = Exchange(big, {"range": f"bytes={CHUNK_BYTES - 3}-{CHUNK_BYTES * 2 + 1}"})
    assert seen.start["status"] == 206
    assert b"".join(seen.body) == big.read_bytes()[CHUNK_BYTES - 3 : CHUNK_BYTES * 2 + 2]
    assert seen.headers["content-range"] == f"bytes {CHUNK_BYTES - 3}-{CHUNK_BYTES * 2 + 1}/{big.stat().st_size}"


def test_held_unsatisfiable_range_is_a_problem(big: Path) -> None:
    seen = Exchange(big, {"range": "bytes=9999999-"})
    assert seen.start["status"] == 416
    assert seen.headers["content-range"] == f"bytes */{big.stat().st_size}"
    assert seen.headers["content-type"] == "application/problem+json"
    assert seen.answer.file.closed


def test_held_known_version_is_not_sent(big: Path) -> None:
    etag = Exchange(big).headers["etag"]
    for known in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        seen = Exchange(big, {"if-none-match": known, "range": "bytes=0-1"})
        assert (seen.start["status"], seen.body, seen.headers["etag"]) == (304, [b""], etag)
        assert "content-length" not in seen.headers
    assert Exchange(big, {"if-none-match": '"x"'}).start["status"] == 200


def test_held_other_version_has_another_tag(big: Path) -> None:
    before = Exchange(big).headers["etag"]
    os.utime(big, ns=(0, big.stat().st_mtime_ns + 1))
    assert Exchange(big).headers["etag"] != before


def test_held_head_reads_nothing(big: Path) -> None:
    seen = Exchange(big, {"range": "bytes=0-9"}, head=True)
    assert (seen.start["status"], seen.body, seen.headers["content-length"]) == (206, [b""], "10")


def test_held_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    seen = Exchange(tmp_path / "empty")
    assert (seen.start["status"], b"".join(seen.body), seen.headers["content-length"]) == (200, b"", "0")


def test_held_client_that_leaves_stops_the_reading(big: Path) -> None:
    seen = Exchange(big, leaves_after=1)
    assert len(seen.body) == 1
    assert seen.answer.file.closed


def test_held_file_cut_while_it_is_sent_breaks_off(big: Path) -> None:
    answer = HeldFile(open_held(big), "audio/mpeg", {})
    os.truncate(big, 10)

    async def send(message: dict[str, Any]) -> None: ...

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(answer({"type": "http", "method": "GET", "headers": []}, receive, send))
    assert caught.group_contains(EOFError)
    assert answer.file.closed


def test_held_replaced_file_is_served_as_it_was_opened(big: Path) -> None:
    file, old = open_held(big), big.read_bytes()
    big.with_name("new").write_bytes(b"other")
    big.with_name("new").rename(big)
    assert HeldFile(file, "audio/mpeg", {}).size_bytes == len(old)
    assert file.readall() == old
    file.close()


def test_held_opens_no_link_folder_or_pipe(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "folder", "pipe", "missing"):
        with pytest.raises(NotFound):
            open_held(tmp_path / name)
