from __future__ import annotations

import pytest

from utils.errors import BadInput, TextTooLong
from utils.ui.textfile import decode

WORDS = "Grüße: naïve café, 5 €"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_decode_usual_encodings_are_told_apart(encoding: str) -> None:
    assert decode(WORDS.encode(encoding), 100) == WORDS


def test_decode_utf16_big_endian_with_mark() -> None:
    assert decode(b"\xfe\xff" + WORDS.encode("utf-16-be"), 100) == WORDS


def test_decode_line_ends_become_one_kind() -> None:
    assert decode(b"one\r\ntwo\rthree\n", 100) == "one\ntwo\nthree"


@pytest.mark.parametrize("data", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
def test_decode_empty_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="empty"):
        decode(data, 100)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\x81\x8d\x8f"])
def test_decode_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not a text file"):
        decode(data, 100)


@pytest.mark.parametrize("data", [b"a" * 11, ("ä" * 11).encode(), ("a" * 11).encode("utf-16"), b"a" * 1000])
def test_decode_over_the_limit_names_limit_and_setting(data: bytes) -> None:
    with pytest.raises(TextTooLong, match=r"allowed are 10 \(MAX_TEXT_CHARS\)"):
        decode(data, 10)


def test_decode_at_the_limit_is_taken() -> None:
    assert decode(("\U0001f600" * 10).encode(), 10) == "\U0001f600" * 10
