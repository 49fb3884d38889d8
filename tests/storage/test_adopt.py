"""Adopting a legacy folder: a dry run first, copies that are verified, originals that nobody touches."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage.support import everything
from utils.errors import BadInput, NotFound, QuotaExceeded, StoreUnavailable
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.storage import adopt as adoption
from utils.storage.adopt import adopt, main

ROOT = Path(__file__).resolve().parents[2]
FILES = {"hello.mp3": b"h" * 3_000_000, "sub/Ünï & co.WAV": b"w" * 10, "sub/text.srt": b"1\n", "CON.txt": b"t"}
LEFT = {".hidden.mp3": b"x", "tool.exe": b"x"}


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs" / "single"
    for name, data in (FILES | LEFT).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (tmp_path / "victim.mp3").write_bytes(b"v")
    (folder / "link.mp3").symlink_to(tmp_path / "victim.mp3")
    os.mkfifo(folder / "fifo.mp3")
    return folder


def facts(folder: Path) -> dict[str, tuple[object, float]]:
    return {name: (data, (folder / name).lstat().st_mtime) for name, data in everything(folder).items()}


def test_adopt_dry_run_says_what_it_would_do_and_does_nothing(store: SessionManager, legacy: Path) -> None:
    session = store.create_session()
    before = everything(store.outputs)
    found = {finding.name: finding.outcome for finding in adopt(store, legacy, session, apply=False)}
    assert {name for name, outcome in found.items() if outcome == "new"} == set(FILES)
    assert {name for name, outcome in found.items() if outcome == "left"} == {*LEFT, "link.mp3", "fifo.mp3"}
    assert everything(store.outputs) == before


def test_adopt_copies_every_byte_and_leaves_the_originals(store: SessionManager, legacy: Path) -> None:
    session, before = store.create_session(), facts(legacy)
    assert {finding.outcome for finding in adopt(store, legacy, session, apply=True)} == {"adopted", "left"}
    assert facts(legacy) == before
    items = {item.request["adopted"]["name"]: item for item in store.list_items(session)[0]}
    assert set(items) == set(FILES)
    for name, item in items.items():
        assert item.kind == "upload"
        assert store.file_path(session, item.id, item.files[0].name).read_bytes() == FILES[name]
        assert item.files[0].size_bytes == len(FILES[name])
    assert items["sub/Ünï & co.WAV"].title == "sub: Ünï & co"
    assert not [name for name in everything(store.outputs / session) if ".work-" in name]


def test_adopt_again_does_nothing_but_what_is_new(store: SessionManager, legacy: Path) -> None:
    session = store.create_session()
    list(adopt(store, legacy, session, apply=True))
    before = everything(store.outputs)
    assert {finding.outcome for finding in adopt(store, legacy, session, apply=True)} == {"there", "left"}
    assert everything(store.outputs) == before
    (legacy / "hello.mp3").write_bytes(b"changed")
    (legacy / "new.mp3").write_bytes(b"n")
    found = {finding.name: finding.outcome for finding in adopt(store, legacy, session, apply=True)}
    assert {name for name, outcome in found.items() if outcome == "adopted"} == {"hello.mp3", "new.mp3"}


def test_adopt_copy_that_is_not_what_was_read_is_not_kept(
    store: SessionManager, legacy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, real = store.create_session(), adoption.digest

    def spoiled(path: Path, *args: object) -> str:
        found = real(path, *args)  # type: ignore[arg-type]
        return found if args or legacy in path.parents else found[::-1]

    monkeypatch.setattr(adoption, "digest", spoiled)
    with pytest.raises(StoreUnavailable):
        list(adopt(store, legacy, session, apply=True))
    assert store.list_items(session)[1] == 0
    assert not [name for name in everything(store.outputs / session) if ".work-" in name]


def test_adopt_over_the_quota_stops_and_keeps_what_was_adopted(tmp_path: Path, legacy: Path) -> None:
    store = SessionManager(tmp_path / "outputs", quota_bytes=2_000_000)
    session = store.create_session()
    with pytest.raises(QuotaExceeded):
        list(adopt(store, legacy, session, apply=True))
    assert [item.title for item in store.list_items(session)[0]] == ["CON"]


@pytest.mark.parametrize("place", ["", "..", "missing", "single/hello.mp3", "single/link.mp3"])
def test_adopt_of_what_is_no_legacy_folder_is_refused(store: SessionManager, legacy: Path, place: str) -> None:
    session = store.create_session()
    where = store.outputs / session if place == ".." else store.outputs / place
    with pytest.raises(BadInput):
        list(adopt(store, where, session, apply=True))
    assert store.list_items(session)[1] == 0


def test_adopt_into_an_unknown_session_is_refused(store: SessionManager, legacy: Path) -> None:
    with pytest.raises(NotFound):
        list(adopt(store, legacy, "00000000-0000-4000-8000-000000000000", apply=True))


def test_command_makes_a_permanent_session_and_a_code_that_opens_it(
    store: SessionManager, legacy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(outputs_dir=store.outputs)
    assert main([str(legacy)], settings) == 0
    said = capsys.readouterr().out
    assert "4 new" in said and "Nothing was done" in said and store.get_all_session_ids() == []
    assert main([str(legacy), "--apply"], settings) == 0
    said = capsys.readouterr().out
    (session,) = store.get_all_session_ids()
    found = re.search(r"minutes: (\S+)", said)
    assert found and "4 adopted" in said
    owner = store.peek_session(session)
    assert owner and owner.permanent
    assert SessionManager(store.outputs).redeem_transfer_code(found[1], "me") == session
    assert main([str(legacy), "--session", session, "--apply"], settings) == 0
    assert "0 adopted, 4 there" in capsys.readouterr().out
    assert main([str(legacy), "--session", "nonsense"], settings) == 1
    assert "no such session" in capsys.readouterr().err


def test_command_is_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "utils.storage.adopt", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--apply" in done.stdout
