"""Names: ids that are accepted only in their one canonical form, titles, and names for a person's computer."""

from __future__ import annotations

import re
import time
import unicodedata
from urllib.parse import quote

TITLE_BYTES = 120
SLUG_CHARS = 40
# fullmatch and re.ASCII: `$` lets a trailing newline in, \d lets other scripts' digits in, and uuid.UUID() takes upper case,
# braces, urn:uuid: and more: each of them another name for the same session.
_SESSION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_ITEM_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9]+(?:-[a-z0-9]+)*-[0-9a-f]{4}", re.ASCII)
_WORDS_OF_ID = re.compile(r"\b([0-9]{8}-[0-9]{6})-[a-z0-9-]*-([0-9a-f]{4})(?![a-z0-9-])", re.ASCII)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)  # Windows devices, with any suffix
_UNSAFE = re.compile(r'[<>:"/\\|?*%]')
_SPELLED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ð": "d", "\u0131": "i"})


def is_session_id(text: object) -> bool:
    """The canonical lower-case form of a UUID4, nothing else."""
    return isinstance(text, str) and _SESSION_ID.fullmatch(text) is not None


def is_item_id(text: object) -> bool:
    """`<YYYYMMDD>-<HHMMSS>-<slug>-<4 hex>` as this server makes it."""
    return isinstance(text, str) and len(text) <= 100 and _ITEM_ID.fullmatch(text) is not None


def is_file_name(text: object) -> bool:
    """A name that the server may give to a file of an item: ASCII, one component, no leading dot, no device of Windows."""
    return isinstance(text, str) and _FILE_NAME.fullmatch(text) is not None and not _RESERVED.fullmatch(text) and text[-1] != "."


def cut(text: str, size_bytes: int) -> str:
    """The longest beginning of at most `size_bytes` bytes of UTF-8 that does not end inside a character."""
    data = text.encode("utf-8")
    if len(data) <= size_bytes:
        return text
    whole = kept = data[:size_bytes].decode("utf-8", "ignore")
    rest = text[len(kept) :]
    while kept and (unicodedata.combining(rest[0]) or rest[0] in "\u200d\ufe0e\ufe0f" or kept[-1] == "\u200d"):
        kept, rest = kept[:-1], kept[-1] + rest  # keep a letter and its marks together
    return kept or whole


def clean_title(text: str) -> str:
    """A title as it is shown and stored: NFC, no control, bidi or other invisible characters, one line, at most 120 bytes."""
    shown = "".join(
        " " if unicodedata.category(mark) in ("Cc", "Zl", "Zp") else mark for mark in text[:4_000]
    )  # far over any title
    kept = "".join(mark for mark in shown if _is_shown(mark))
    return cut(" ".join(unicodedata.normalize("NFC", kept).split()), TITLE_BYTES).strip(" \u200c\u200d")


def _is_shown(mark: str) -> bool:
    if mark in "\u200c\u200d":  # joiners: Persian and emoji need them
        return True
    nothing = ord(mark) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(mark) <= 0xFDEF  # never assigned; others may be newer than our tables
    return not nothing and unicodedata.category(mark) not in ("Cf", "Cs", "Co")


def slug(text: str) -> str:
    """Lower-case ASCII letters and digits joined by `-`, at most 40 characters; `item` when nothing is left."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_SPELLED))
    words = re.findall(r"[a-z0-9]+", "".join(mark for mark in plain if not unicodedata.combining(mark)), re.ASCII)
    return "-".join(words)[:SLUG_CHARS].strip("-") or "item"


def item_id(title: str, now: float, bump: int = 0) -> str:
    """An id for something made now, in UTC.

    The four hexadecimal digits are the fraction of the second in 1/65536, so that ids sort by time; `bump` is added to them when
    the id was taken.
    """
    ticks = int(now * 65536) + bump
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(ticks // 65536))}-{slug(title)}-{ticks % 65536:04x}"


def without_words(text: str) -> str:
    """The text with item ids cut down to `<time>-<4 hex>`: the words in the middle are a person's own, which no log may hold."""
    return _WORDS_OF_ID.sub(r"\1-\2", text)


def by_time(identifier: str) -> tuple[str, str, str]:
    """Sort key of item ids: when they were made."""
    return identifier[:15], identifier[-4:], identifier


def download_name(title: str, suffix: str) -> str:
    """What a person's computer shall call a file: the title without what Windows, macOS or a shell stumbles over."""
    stem = " ".join(_UNSAFE.sub(" ", clean_title(title)).split()).strip(" .-…")
    stem = cut(stem, TITLE_BYTES - len(suffix.encode("utf-8"))).rstrip(" .…") or "sotto"
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return stem + suffix


def content_disposition(name: str, inline: bool = False) -> str:
    """The value of a Content-Disposition header (RFC 6266): an ASCII name for old clients and the real one."""
    kind = "inline" if inline else "attachment"
    name = clean_title(name) or "sotto"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r'["\\%;/]', "_", plain).strip(" .") or "download"
    if not plain.rpartition(".")[0] and "." in name:
        plain = "download" + plain if plain.startswith(".") else f"download.{plain}"
    quoted = quote(name, safe="")
    return f'{kind}; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quoted}")
