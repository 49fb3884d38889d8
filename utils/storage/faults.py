"""What the operating system says about the disk, told once in sentences of ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import AppError, NotFound, StoreUnavailable

KEPT = "Nothing that was stored before has changed; try again once this is put right."
_FULL = "The disk that holds OUTPUTS_DIR is full."
_REASONS = {
    errno.ENOSPC: _FULL,
    errno.EFBIG: "A file grew over the size that this system allows in OUTPUTS_DIR.",
    errno.EROFS: "The disk that holds OUTPUTS_DIR is read-only.",
    errno.EACCES: "The server has no permission to write in OUTPUTS_DIR.",
    errno.EPERM: "The server has no permission to write in OUTPUTS_DIR.",
    errno.EMFILE: "The server has too many files open to use OUTPUTS_DIR now.",
    errno.ENFILE: "This machine has too many files open to use OUTPUTS_DIR now.",
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _REASONS[errno.EDQUOT] = "The disk quota of the account that owns OUTPUTS_DIR is used up."


def unavailable(exc: OSError) -> StoreUnavailable:
    """One sentence for an error of the disk."""
    reason = _REASONS.get(exc.errno or 0) or f"OUTPUTS_DIR cannot be used: {exc.strerror or type(exc).__name__}."
    return StoreUnavailable(reason, KEPT)


def no_session() -> NotFound:
    """The one answer for unknown, malformed, removed and foreign sessions."""
    return NotFound("There is no such session.", "It may have ended; reload the page to begin a new one.")


def no_item() -> NotFound:
    """The one answer for unknown, malformed, removed and foreign items and files."""
    return NotFound("There is no such item.", "It may have been deleted; look at the list of files.")


@contextmanager
def told(missing: AppError) -> Iterator[None]:
    """Turn errors of the operating system into ours: what is not there into `missing`, the rest into StoreUnavailable."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise missing from exc
    except OSError as exc:
        raise missing if exc.errno == errno.ELOOP else unavailable(exc) from exc
