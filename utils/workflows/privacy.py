"""What a session takes, when it goes, how it is taken to another browser, and how it is forgotten."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from utils.errors import AppError
from utils.services import Services
from utils.storage.search import Entry, Found
from utils.storage.transfer import TransferCode
from utils.workflows import sessions

FULL_SHARE = 0.95  # of the quota; from here on the page says what to do


@dataclass(frozen=True)
class Storage:
    """What a session takes.

    Attributes:
        by_kind: Kind -> how many items, how many bytes.
        used_bytes: Of all items.
        quota_bytes: Most bytes of a session (SESSION_QUOTA_MB).
        free_bytes: Free on the server's disk; None where it cannot be told.
    """

    by_kind: dict[str, tuple[int, int]]
    used_bytes: int
    quota_bytes: int
    free_bytes: int | None

    @property
    def is_full(self) -> bool:
        """Next to nothing more can be kept."""
        room = min(self.quota_bytes, self.used_bytes + (self.quota_bytes if self.free_bytes is None else self.free_bytes))
        return self.used_bytes >= room * FULL_SHARE


def storage(services: Services, found: Found) -> Storage:
    """The sums over all items that a search has seen."""
    by_kind: dict[str, tuple[int, int]] = {}
    for entry in found.everything:
        count, size = by_kind.get(entry.kind, (0, 0))
        by_kind[entry.kind] = (count + 1, size + entry.size_bytes)
    try:
        free: int | None = shutil.disk_usage(services.sessions.outputs).free
    except OSError:
        free = None
    used = sum(size for _, size in by_kind.values())
    return Storage(by_kind, used, services.sessions.quota_bytes, free)


def next_to_go(services: Services, session_id: str, found: Found, most: int = 3) -> list[tuple[Entry, float]]:
    """Which items go next by their own age, and when; empty where items only go with their session."""
    if not services.settings.item_timeout_hours:
        return []
    going = sorted((entry for entry in found.everything if not entry.permanent), key=lambda entry: entry.updated_at)
    told = []
    for entry in going[:most]:
        try:
            at = services.sessions.item_expires_at(session_id, entry.id)
        except AppError:  # deleted in this moment
            continue
        if at is not None:
            told.append((entry, at))
    return told


def transfer_code(services: Services, session_id: str) -> TransferCode:
    """A one-time code that opens this session in another browser. Raises NotFound, StoreUnavailable."""
    return services.sessions.make_transfer_code(session_id)


def redeem(services: Services, code: str, caller: str) -> sessions.Opened:
    """Open the session that a code belongs to; the code is used up.

    Args:
        services: As everywhere.
        code: As a person typed it.
        caller: Who asks, such as an address; for counting wrong tries.

    Raises:
        NotFound: Wrong, used or too old.
        TooMany: Too many wrong codes.
    """
    session_id = services.sessions.redeem_transfer_code(code, caller)
    session = services.sessions.peek_session(session_id)
    created_at = session.created_at if session else services.clock()
    return sessions.Opened(session_id, services.sessions.token(session_id), created_at, services.sessions.expires_at(session_id))
