"""A file that is on its way in: written under a dot name inside the session, counted, and gone unless it becomes part of an item.

The bytes go to the session's own disk and nowhere else. Whoever receives holds a lease, so no sweep and no unforced deletion comes
between; when the process dies the lease ends with it, and the next sweep tidies the dot folder away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from utils.errors import TooLarge
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, told
from utils.storage.files import new_scratch

LOOK_AT_QUOTA_BYTES = 32 * 2**20  # how often the whole session is weighed while bytes come in: others may be writing, too
INCOMING = "incoming"


class Incoming:
    """One file being received. Used by one thread at a time.

    Attributes:
        path: Where the bytes are, under a name of ours.
        size_bytes: Written so far.
    """

    def __init__(self, session: Folder, *, most_bytes: int, limit: str, check_quota: Callable[[int], None]) -> None:
        """Begin in a new dot folder of the session.

        Args:
            session: Open folder; the caller holds its lease.
            most_bytes: Longest file.
            limit: The sentence for one that is longer.
            check_quota: Raises QuotaExceeded if so many bytes more do not fit.
        """
        self._most_bytes = most_bytes
        self._limit = limit
        self._check_quota = check_quota
        self._weighed_bytes = 0
        self._folder = new_scratch(session)
        self.path = self._folder / INCOMING
        self.size_bytes = 0
        self._file: BinaryIO | None = self.path.open("xb", buffering=0)

    def expect(self, size_bytes: int) -> None:
        """Refuse at once what is announced as too long. Raises TooLarge, QuotaExceeded."""
        self._refuse_over(size_bytes)
        self._check_quota(size_bytes)

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: The file is longer than allowed.
            QuotaExceeded: The session has no room for it.
            StoreUnavailable: The disk is full or refuses.
        """
        if self._file is None:
            raise ValueError("the file was closed")
        self._refuse_over(self.size_bytes + len(data))
        if self.size_bytes + len(data) - self._weighed_bytes > LOOK_AT_QUOTA_BYTES or not self._weighed_bytes:
            self._check_quota(len(data))
            self._weighed_bytes = max(1, self.size_bytes + len(data))
        with told(no_session()):
            left = memoryview(data)
            while len(left):
                left = left[self._file.write(left) :]
        self.size_bytes += len(data)

    def settle(self) -> Path:
        """All bytes are there: weigh the session a last time and put them on the disk for good."""
        self._check_quota(0)
        if self._file is not None:
            with told(no_session()):
                os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
        return self.path

    def remove(self) -> None:
        """Leave nothing behind but what an item has taken. Never raises."""
        if self._file is not None:
            self._file.close()
            self._file = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _refuse_over(self, size_bytes: int) -> None:
        if size_bytes > self._most_bytes:
            raise TooLarge(self._limit, "Send a shorter recording, or one in a smaller format.")


def take(source: Path, into: Folder, name: str, when: float) -> None:
    """Give a finished file of the same session a second name inside `into`, which is not visible yet.

    A link, so that nothing is copied and the first name can be removed once the second can be seen: whatever happens in between,
    the bytes are in one place at least. Where the disk knows no links they are copied.
    """
    try:
        os.link(source, into.path / name, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, into.path / name, follow_symlinks=False)
        into.settle(name, when)
