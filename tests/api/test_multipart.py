"""Forms: read in memory, in a thread, whatever the sender says about their character set."""

from __future__ import annotations

import asyncio
import tempfile
import threading

import pytest
from starlette.datastructures import Headers

from utils.api.multipart import parse
from utils.api.problems import BadRequest

PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--x--\r\n'


def read(body: bytes, content_type: str = "multipart/form-data; boundary=x"):
    return asyncio.run(parse(Headers({"content-type": content_type}), body))


def test_form_file_of_several_mb_never_reaches_the_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    data = b"ab\n" * 1_000_000
    assert read(PART % (b"a.csv", data)).file("file") == ("a.csv", data)


@pytest.mark.parametrize("charset", ["punycode", "utf-16", "hex", "unicode_escape", "no-such"])
def test_form_is_utf8_whatever_character_set_its_sender_names(charset: str) -> None:
    form = read(PART % ("ü-\\u0041.csv".encode(), b"hi"), f"multipart/form-data; charset={charset}; boundary=x")
    assert form.file("file") == ("ü-\\u0041.csv", b"hi")


def test_form_boundary_in_quotes_is_understood() -> None:
    assert read(PART % (b"a.csv", b"hi"), 'multipart/form-data; boundary="x"').file("file") == ("a.csv", b"hi")


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"]
)
def test_form_with_a_wrong_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(BadRequest):
        read(PART % (b"a.csv", b"hi"), content_type)


def test_form_is_read_beside_the_servers_loop() -> None:
    threads: list[int] = []

    class Watched(Headers):
        def __getitem__(self, key: str) -> str:
            threads.append(threading.get_ident())
            return super().__getitem__(key)

    asyncio.run(parse(Watched({"content-type": "multipart/form-data; boundary=x"}), PART % (b"a.csv", b"hi")))
    assert threads[-1] != threading.get_ident()  # the first look, at the kind of body, may be here
