"""Whether two requests are the same, however they are cut and whatever boundary they have."""

from __future__ import annotations

import random

import pytest

from utils.api.fingerprint import Fingerprint


def form(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    made = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts
    )
    return made + f"--{boundary}--\r\n".encode()


def of(body: bytes, kind: str = "application/json", pieces: int = 1, path: str = "/a", query: bytes = b"", **headers: str) -> str:
    raw = [(b"content-type", kind.encode()), *((name.encode(), value.encode()) for name, value in headers.items())]
    made = Fingerprint({"type": "http", "method": "POST", "path": path, "query_string": query, "headers": raw})
    size = max(1, -(-len(body) // pieces))
    for start in range(0, len(body), size):
        made.feed(body[start : start + size])
    return made.hexdigest()


def multipart(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"


FILE = ('name="file"; filename="a.wav"', random.Random(1).randbytes(5_000) + b"\r\n--almost")


@pytest.mark.parametrize("pieces", [1, 2, 7, 5_000])
def test_form_is_the_same_with_another_boundary_and_cut_anyhow(pieces: int) -> None:
    whole = of(form("one", FILE, ('name="x"', b"1")), multipart("one"))
    assert of(form("two-2", FILE, ('name="x"', b"1")), multipart("two-2"), pieces) == whole


@pytest.mark.parametrize(
    "parts",
    [
        [FILE],
        [('name="x"', b"1"), FILE],
        [FILE, ('name="x"', b"2")],
        [FILE, ('name="y"', b"1")],
        [FILE, ('name="x"', b"1"), ('name="x"', b"")],
        [('name="file"; filename="b.wav"', FILE[1]), ('name="x"', b"1")],
        [('name="file"; filename="a.wav"', FILE[1][:-1]), ('name="x"', b"1")],
    ],
)
def test_form_with_other_parts_is_another(parts: list[tuple[str, bytes]]) -> None:
    assert of(form("one", *parts), multipart("one")) != of(form("one", FILE, ('name="x"', b"1")), multipart("one"))


def test_every_part_of_a_request_counts() -> None:
    told = [
        of(b"{}"),
        of(b"{ }"),
        of(b""),
        of(b"{}", "text/plain"),
        of(b"{}", path="/b"),
        of(b"{}", query=b"wait=1"),
        of(b"{}", path="/await=1"),
        of(b"{}", **{"x-file-name": "a"}),
    ]
    assert len(set(told)) == len(told)
    assert of(b"{}", "application/json; charset=utf-8") == told[0] == of(b"{}", authorization="Bearer x")


@pytest.mark.parametrize("body", [b"no form", b"--one\r\nbroken", b"--one\r\nA: b\r\n\r\nnever ended"])
def test_form_that_is_none_still_counts_by_its_bytes(body: bytes) -> None:
    assert of(body, multipart("one")) == of(body, multipart("one")) != of(body + b"x", multipart("one"))


def test_boundary_that_is_none_is_no_error() -> None:
    assert of(b"x", multipart("")) and of(b"x", "multipart/form-data") and of(b"x", multipart("b" * 300))
