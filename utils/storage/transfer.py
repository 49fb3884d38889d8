"""One-time codes that take a session to another browser.

A code lives for five minutes and opens its session once. On disk lies only a keyed hash of it, so that neither a backup nor a
look into the folder opens anything: `outputs/.transfer/<hash>`, with the session and the time inside.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from utils.errors import NotFound, StoreUnavailable, TooMany
from utils.storage import names
from utils.storage.atomic import TEMPORARY, Folder
from utils.storage.faults import told

FOLDER = ".transfer"
LIVES_S = 300.0
CHARS = 12  # of 32 letters: 60 bits, of which nobody can try a share worth naming at TRIES in WINDOW_S
TRIES = 5  # wrong codes of one caller
TRIES_OF_ALL = 100  # wrong codes of everybody together, on this server
WINDOW_S = 60.0
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: none is taken for another
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_MOST_CHARS = 64
_MOST_CALLERS = 10_000


@dataclass(frozen=True)
class TransferCode:
    """A code as it is shown, once.

    Attributes:
        code: Three groups of four letters and digits, such as `7KQM-2XWP-9T4E`.
        expires_at: Seconds since the epoch.
    """

    code: str
    expires_at: float


class TransferCodes:
    """The codes of an outputs folder. Any number of servers may share it; wrong codes are counted by each server alone.

    Args:
        outputs: The outputs folder.
        key: Secret of this installation, for this purpose alone.
        clock: Seconds since the epoch.
    """

    def __init__(self, outputs: Path, key: bytes, clock: Callable[[], float]) -> None:
        self._folder = outputs / FOLDER
        self._key = key
        self._clock = clock
        self._wrong: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def make(self, session_id: str) -> TransferCode:
        """A new code for a session; the one before is worth nothing from now on. The caller knows that the session is there.

        Raises:
            StoreUnavailable: The disk is full or read-only.
        """
        plain = "".join(secrets.choice(_LETTERS) for _ in range(CHARS))
        expires_at = self._clock() + LIVES_S
        data = json.dumps({"session": session_id, "made_at": self._clock()}).encode("ascii")
        with self._opened() as folder:
            self._clear(folder, session_id)
            folder.write(self._hash(plain), data, when=self._clock())
        return TransferCode("-".join(plain[at : at + 4] for at in range(0, CHARS, 4)), expires_at)

    def redeem(self, code: str, caller: str) -> str:
        """The session that a code opens; the code is used up.

        Args:
            code: As a person typed it: letter case, spaces and hyphens do not matter.
            caller: Who asks, such as an address; only for counting, never stored.

        Raises:
            NotFound: Wrong, used, too old: one answer for all of them.
            TooMany: Too many wrong codes; `retry_after_s` is set.
        """
        self._check_rate(caller)
        wanted = self._hash("".join(code[:_MOST_CHARS].upper().split()).replace("-", "").translate(_MISREAD))
        with self._opened() as folder:
            found = None
            for name in folder.names():  # each is compared, and in constant time, so that nothing can be learned from the answer's
                if hmac.compare_digest(name.encode("utf-8", "surrogateescape"), wanted.encode("ascii")):
                    found = name
            session_id = self._session_of(folder, found) if found else None
            if found and session_id and self._taken(found):
                return session_id
        with self._lock:
            for counted in (caller, ""):
                self._wrong.setdefault(counted, []).append(self._clock())
        raise NotFound(
            "This code opens nothing.", "Each code works once and for five minutes; make a new one in the other browser."
        )

    def drop_session(self, session_id: str) -> None:
        """No code opens this session any more."""
        if self._folder.exists():
            with suppress(OSError, StoreUnavailable), self._opened() as folder:
                self._clear(folder, session_id)

    def clear(self) -> None:
        """Remove codes that are too old."""
        if self._folder.exists():
            with suppress(OSError, StoreUnavailable), self._opened() as folder:
                self._clear(folder)

    def _hash(self, plain: str) -> str:
        return hmac.new(self._key, plain.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _opened(self) -> Folder:
        with told(StoreUnavailable("OUTPUTS_DIR is gone.", "Put it back and start again.")):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return Folder.open(self._folder)

    def _session_of(self, folder: Folder, name: str) -> str | None:
        """The session of a code that is young enough."""
        try:
            data = json.loads(folder.read(name))
            session_id, made_at = data["session"], float(data["made_at"])
        except (OSError, ValueError, TypeError, KeyError):  # used up in this moment, or not ours
            return None
        young = abs(self._clock() - made_at) <= LIVES_S  # a clock that was set back must not make it live longer
        return session_id if young and names.is_session_id(session_id) else None

    def _taken(self, name: str) -> bool:
        """Whether it was we who used the code up: the name can be removed only once."""
        try:
            os.unlink(self._folder / name)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise StoreUnavailable("The code could not be used up, so it was not used.", "Try again in a while.") from exc
        return True

    def _clear(self, folder: Folder, session_id: str | None = None) -> None:
        """Remove codes that are too old, and those of one session."""
        for name in folder.names():
            owner = self._session_of(folder, name)
            unfinished = name.startswith(TEMPORARY)
            if (owner is None and not unfinished) or (owner is not None and owner == session_id):
                with suppress(OSError):
                    os.unlink(self._folder / name)

    def _check_rate(self, caller: str) -> None:
        oldest = self._clock() - WINDOW_S
        with self._lock:
            for counted, most in ((caller, TRIES), ("", TRIES_OF_ALL)):
                recent = [when for when in self._wrong.get(counted, ()) if oldest < when <= self._clock()]
                self._wrong[counted] = recent
                if len(recent) >= most:
                    wait_s = max(1.0, recent[0] + WINDOW_S - self._clock())
                    raise TooMany("Too many wrong codes were tried.", "Wait a minute.", retry_after_s=wait_s)
            if len(self._wrong) > _MOST_CALLERS:
                self._wrong = {name: times for name, times in self._wrong.items() if times and times[-1] > oldest}
