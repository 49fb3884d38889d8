"""The credential of a session: `<uuid>.<HMAC-SHA256>`, signed with a key that is made at the first start."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from utils.errors import BadSetting
from utils.storage import names
from utils.storage.atomic import Folder, temporary_name
from utils.storage.faults import told

SECRET_FILE = ".secret"  # noqa: S105 - a file name
_PURPOSE = b"sotto session token 1:"  # a signature made for one purpose is worth nothing for another
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SECRET = re.compile(rb"[0-9a-f]{64}\n?")


class Signer:
    """Makes and checks tokens with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, session_id: str) -> str:
        """The credential of a session."""
        return f"{session_id}.{self._sign(session_id)}"

    def verify(self, token: object) -> str | None:
        """The session id of a genuine token, else None; never raises, and takes the same time for all wrong signatures."""
        if not isinstance(token, str) or len(token) != 36 + 1 + 64:
            return None
        session_id, dot, signature = token[:36], token[36], token[37:]
        if dot != "." or not names.is_session_id(session_id) or not _SIGNATURE.fullmatch(signature):
            return None
        return session_id if hmac.compare_digest(signature, self._sign(session_id)) else None

    def key_for(self, purpose: str) -> bytes:
        """A key of its own for another purpose, from which ours cannot be computed."""
        return hmac.new(self._key, b"sotto key for " + purpose.encode("ascii"), hashlib.sha256).digest()

    def _sign(self, session_id: str) -> str:
        return hmac.new(self._key, _PURPOSE + session_id.encode("ascii"), hashlib.sha256).hexdigest()


def signer(outputs: Path, secret_key: str = "") -> Signer:
    """A signer with SECRET_KEY, or with the key in `outputs/.secret`, which is made when it is missing.

    Raises:
        BadSetting: The file is damaged.
        StoreUnavailable: It cannot be read or made.
    """
    return Signer(secret_key.encode("utf-8") if secret_key else _stored(outputs))


def _stored(outputs: Path) -> bytes:
    damaged = BadSetting(
        f"The signing key {SECRET_FILE} in OUTPUTS_DIR is damaged.",
        "Restore it from a backup, or remove it and start again; all browsers then begin a new session.",
    )
    with told(damaged), Folder.open(outputs) as folder:
        try:
            data = folder.read(SECRET_FILE)
        except FileNotFoundError:
            _make(folder)
            data = folder.read(SECRET_FILE)
    if not _SECRET.fullmatch(data):
        raise damaged
    return data.strip()


def _make(folder: Folder) -> None:
    """Make the key, whole, unless another process is quicker: then theirs counts."""
    temporary = temporary_name()
    folder.put(temporary, secrets.token_hex(32).encode("ascii"))  # mode 0600
    try:
        os.link(folder.path / temporary, folder.path / SECRET_FILE)  # fails if the name exists
    except FileExistsError:
        pass
    finally:
        with suppress(OSError):
            os.unlink(folder.path / temporary)
    folder.flush()
