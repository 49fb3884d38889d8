"""What the operator of this server sees and does: sessions without their content, work, errors, sweeps, settings."""

from __future__ import annotations

import hmac
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from utils.errors import NotFound, StoreUnavailable, TooMany, WrongToken
from utils.jobs.ended import Ended, EndedLog
from utils.services import Services
from utils.session_manager import SweepReport
from utils.settings import Settings

DAY_S = 86_400.0
EVERYBODY = "everybody"
SHARE = 0.1  # of a try, as which it counts for everybody together: strangers must not easily keep the operator out


@dataclass(frozen=True)
class SessionRow:
    """A session as the operator sees it: no titles, no names of files.

    Attributes:
        id: Opens nothing without its signature.
        created_at: Seconds since the epoch.
        last_activity: Seconds since the epoch.
        status: Of the session: `idle`, `recording`, ...
        permanent: Marked by its owner as never to be removed.
        open_jobs: Unfinished work.
        size_bytes: On disk.
        item_count: Listed items.
        expires_at: When a sweep would remove it, or None.
    """

    id: str
    created_at: float
    last_activity: float
    status: str
    permanent: bool
    open_jobs: int
    size_bytes: int
    item_count: int
    expires_at: float | None


@dataclass(frozen=True)
class ErrorCount:
    """How often work ended with an error, and when last."""

    code: str
    kind: str
    count: int
    last_at: float


@dataclass(frozen=True)
class Disk:
    """The disk that holds the outputs folder, in bytes."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class SettingRow:
    """A setting as it is in force; a secret is only said to be set or not."""

    name: str
    value: str
    default: str
    about: str

    @property
    def is_default(self) -> bool:
        """Nobody changed it."""
        return self.value == self.default


def is_operator(services: Services, token: str | None) -> bool:
    """Whether this is the operator's token; never while ADMIN_TOKEN is unset. Takes the same time for every wrong one."""
    wanted = services.settings.admin_token
    given = (token or "").encode("utf-8", "surrogatepass")
    return hmac.compare_digest(given, wanted.encode("utf-8", "surrogatepass")) and bool(wanted)


def sign_in(services: Services, token: str, who: str) -> None:
    """Check the operator's token, and how often it was tried.

    Args:
        services: Of the process.
        token: As typed.
        who: Whose tries are counted together, such as a session's id.

    Raises:
        WrongToken: It is another one, or the operator's page is switched off.
        TooMany: It was tried too often; `retry_after_s` is set.
    """
    wait_s = services.sign_ins.take(who) or services.sign_ins.take(EVERYBODY, SHARE)
    if wait_s:
        services.tally.add("sign_ins", "too_many")
        raise TooMany("The token was tried too often.", f"Wait {wait_s:.0f} s and try again.", retry_after_s=wait_s)
    if not is_operator(services, token):
        services.tally.add("sign_ins", "wrong")
        raise WrongToken("This is not the operator's token.", "It is the value of the setting ADMIN_TOKEN.")
    services.tally.add("sign_ins", "right")


def session_rows(services: Services, *, offset: int = 0, limit: int = 50) -> tuple[list[SessionRow], int]:
    """Sessions, the most recently used first, and how many there are. Only those shown are measured."""
    sessions = services.sessions
    known = [found for found in map(sessions.peek_session, sessions.get_all_session_ids()) if found]
    known.sort(key=lambda session: session.last_activity, reverse=True)
    rows = []
    for session in known[offset : offset + limit]:
        try:
            usage = sessions.usage(session.id)
            expires_at = sessions.expires_at(session.id)
        except (NotFound, StoreUnavailable):
            continue  # gone since we looked, or broken: the sweep tells of it
        rows.append(
            SessionRow(
                id=session.id,
                created_at=session.created_at,
                last_activity=session.last_activity,
                status=session.status,
                permanent=session.permanent,
                open_jobs=len(sessions.markers.ids(session.id)),
                size_bytes=usage.size_bytes,
                item_count=usage.item_count,
                expires_at=expires_at,
            )
        )
    return rows, len(known)


def disk(services: Services) -> Disk:
    """How full the disk is. Raises StoreUnavailable."""
    try:
        found = shutil.disk_usage(services.sessions.outputs)
    except OSError as exc:
        raise StoreUnavailable("The outputs folder cannot be read.", "Look at OUTPUTS_DIR and at its permissions.") from exc
    return Disk(found.total, found.free)


def ended_since(services: Services, seconds: float) -> Iterator[Ended]:
    """Work that ended in the last so many seconds."""
    return EndedLog(services.sessions.outputs).since(services.clock() - seconds)


def errors(services: Services, seconds: float = DAY_S) -> list[ErrorCount]:
    """Errors of the last so many seconds by code and kind of work, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], float] = {}
    for ended in ended_since(services, seconds):
        if ended.code:
            key = (ended.code, ended.kind)
            counts[key] += 1
            last[key] = max(last.get(key, 0.0), ended.when)
    return [ErrorCount(*key, count, last[key]) for key, count in counts.most_common()]


def sweep(services: Services, *, dry_run: bool) -> SweepReport:
    """One sweep by the settings in force; with `dry_run` only what it would do."""
    return services.sessions.cleanup_old_sessions(dry_run=dry_run)


def settings_in_force(settings: Settings) -> list[SettingRow]:
    """Every setting with its value, secrets hidden."""
    return [
        SettingRow(
            setting.name.upper(),
            _shown(getattr(settings, setting.name), secret=setting.metadata["secret"]),
            _shown(setting.default, secret=setting.metadata["secret"]),
            setting.metadata["about"],
        )
        for setting in fields(settings)
    ]


def _shown(value: object, *, secret: bool) -> str:
    if secret:
        return "set" if value else "not set"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Path):
        return str(value)
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text.partition("//")[0] + "//..." if "@" in text else text  # an address with a password inside
