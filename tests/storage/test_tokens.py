"""The credential: genuine ones open, all others do not, and two first starts at once make one key."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.storage.support import Clock, everything, manager
from utils.errors import BadSetting, NotFound
from utils.session_manager import SessionManager
from utils.storage.tokens import signer

ROOT = Path(__file__).resolve().parents[2]


def test_token_genuine_gives_the_id_even_after_a_restart(tmp_path: Path, store: SessionManager) -> None:
    session = store.create_session()
    token = store.token(session)
    assert store.verify(token) == session
    assert manager(tmp_path, Clock()).verify(token) == session


def test_token_forged_cut_or_changed_is_refused(store: SessionManager) -> None:
    session, other = store.create_session(), store.create_session()
    token = store.token(session)
    unsigned = hmac.new(b"", session.encode(), hashlib.sha256).hexdigest()
    wrong = [
        None,
        "",
        session,
        f"{session}.",
        f"{session}.{'0' * 64}",
        f"{session}.{unsigned}",
        f"{session}.{store.token(other)[37:]}",
        f"{other}.{token[37:]}",
        token[:-1],
        token + "0",
        token + "\n",
        " " + token,
        token.upper(),
        f"{session.upper()}.{token[37:]}",
        token.replace(".", ":"),
        token[:40] + "é" + token[41:],
        token[:40] + "\0" + token[41:],
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        "." * 101,
        "x" * 10_000,
        "\ud800" * 101,
    ]
    assert [store.verify(text) for text in wrong] == [None] * len(wrong)
    assert store.verify(b"bytes") is None  # type: ignore[arg-type]


def test_token_of_another_secret_is_refused(tmp_path: Path) -> None:
    first = manager(tmp_path, Clock(), secret_key="one secret of the operator")
    second = manager(tmp_path, Clock(), secret_key="another secret of the operator")
    stored = manager(tmp_path, Clock())
    session = first.create_session()
    assert first.verify(first.token(session)) == session
    assert second.verify(first.token(session)) is None
    assert stored.verify(first.token(session)) is None


def test_token_of_a_removed_session_is_genuine_but_opens_nothing(store: SessionManager) -> None:
    session = store.create_session()
    token = store.token(session)
    store.delete_session(session)
    assert store.verify(token) == session
    assert store.get_session(session) is None
    assert session not in everything(store.outputs)


def test_token_of_an_invented_session_opens_nothing(store: SessionManager) -> None:
    invented = str(uuid.uuid4())
    before = everything(store.outputs)
    assert store.verify(store.token(invented)) == invented
    assert store.get_session(invented) is None
    assert everything(store.outputs) == before


def test_token_for_a_malformed_id_is_not_made(store: SessionManager) -> None:
    with pytest.raises(NotFound):
        store.token("../x")


def test_secret_is_made_once_and_only_for_us(store: SessionManager) -> None:
    secret = store.outputs / ".secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_bytes()) == 64
    before = secret.read_bytes()
    SessionManager(store.outputs)
    assert secret.read_bytes() == before
    assert [name for name in everything(store.outputs) if name.startswith(".tmp")] == []


def test_secret_key_of_the_operator_leaves_no_file(tmp_path: Path) -> None:
    manager(tmp_path, Clock(), secret_key="a secret of the operator")
    assert not (tmp_path / "outputs" / ".secret").exists()


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 64, b"0" * 63, b"0" * 200])
def test_secret_damaged_stops_the_start(store: SessionManager, damage: bytes) -> None:
    (store.outputs / ".secret").write_bytes(damage)
    with pytest.raises(BadSetting):
        SessionManager(store.outputs)


def test_secret_that_is_a_link_stops_the_start(tmp_path: Path, store: SessionManager) -> None:
    (store.outputs / ".secret").unlink()
    (tmp_path / "known").write_bytes(b"0" * 64)
    (store.outputs / ".secret").symlink_to(tmp_path / "known")
    with pytest.raises(BadSetting):
        SessionManager(store.outputs)


STARTS = """
import os, sys
from pathlib import Path
from utils.storage.tokens import signer
outputs = Path(sys.argv[1])
children = []
read, write = os.pipe()
for number in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)  # all begin when the parent lets go
        os.write(1, signer(outputs).token("5f0c9a52-31c2-4c0e-9b53-1d2e3f4a5b6c").encode() + b"\\n")
        os._exit(0)
    children.append(child)
os.close(write)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
"""


def test_secret_of_many_first_starts_at_once_is_the_same(tmp_path: Path) -> None:
    for number in range(5):
        outputs = tmp_path / str(number)
        outputs.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", STARTS, str(outputs), "8"], cwd=ROOT, capture_output=True, text=True, env={**os.environ}
        )
        assert done.returncode == 0, done.stderr
        tokens = done.stdout.split()
        assert len(tokens) == 8
        assert set(tokens) == {signer(outputs).token("5f0c9a52-31c2-4c0e-9b53-1d2e3f4a5b6c")}
        assert set(everything(outputs)) == {".secret"}
