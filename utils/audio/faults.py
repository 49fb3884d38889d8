"""What goes wrong with sound, and the one place where the media library's errors become ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import AppError, StoreUnavailable

# The disk, not the sound: full, quota, read-only, no permission, broken device.
_DISK_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "ENOENT", "ENOTDIR", "EFBIG")
    if hasattr(errno, name)  # not every system has all of them
)


class BadSound(AppError):
    """Bytes that are not the sound they should be, or samples that no file can be made of.

    Neutral on purpose: whoever asked knows whose fault it is. An upload makes UnsupportedMedia of it, an engine EngineRefused.
    """

    code, status = "bad_sound", 422


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Translate the media library's errors while sound is read.

    Args:
        what: Subject of the sentence, e.g. "The MP3 data".
    """
    import av

    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError, OverflowError) as exc:  # PyAV raises ValueError for odd layouts and formats
        raise BadSound(f"{what} cannot be read as sound.", "Make it again, or choose another format.") from exc


@contextmanager
def writing(label: str) -> Iterator[None]:
    """Translate the media library's errors while a file of the format `label` is written."""
    import av

    try:
        yield
    except av.error.FFmpegError as exc:
        if exc.errno in _DISK_ERRORS:
            raise StoreUnavailable(
                "The sound could not be stored, because the disk is full or cannot be written.", "Free some space and try again."
            ) from exc
        raise BadSound(f"The sound could not be written as {label}.", "Choose another format.") from exc
