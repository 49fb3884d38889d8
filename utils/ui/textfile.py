"""A text file as an alternative to typing: bytes of unknown encoding become text."""

from __future__ import annotations

import codecs

from utils.errors import BadInput, TextTooLong

SUFFIXES = ("txt", "md")
BYTES_PER_CHAR = 4  # most that UTF-8 and UTF-16 need
_MARKED = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def size_limit(max_chars: int) -> int:
    """Bytes above which a file cannot hold a text within the limit."""
    return max_chars * BYTES_PER_CHAR + 4


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKED:
        if data.startswith(mark):
            return encoding
    sample = data[:4096]
    for parity, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # Latin text in UTF-16 without a mark has 0 as every second byte
        if sample[parity::2].count(0) > len(sample) // 4:
            return encoding
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def decode(data: bytes, max_chars: int) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows-1252, line ends as `\\n`.

    Raises:
        BadInput: It is empty, or no text.
        TextTooLong: It holds more than `max_chars` characters (MAX_TEXT_CHARS).
    """
    if len(data) > size_limit(max_chars):
        raise _too_long(max_chars)
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        raise BadInput("This file is not a text file.", "Save it as plain text in UTF-8 and choose it again.") from exc
    if "\x00" in text:
        raise BadInput("This file is not a text file.", "Save it as plain text in UTF-8 and choose it again.")
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise BadInput("This file is empty.", "Choose another one, or type the text.")
    if len(text) > max_chars:
        raise _too_long(max_chars, len(text))
    return text


def _too_long(max_chars: int, size: int = 0) -> TextTooLong:
    what = f"This file has {size:,} characters" if size else "This file is too large"
    return TextTooLong(f"{what}, allowed are {max_chars:,} (MAX_TEXT_CHARS).", "Split it into several files.")
