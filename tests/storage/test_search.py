"""Finding items: by words of titles and texts, by facts, always as they are now; what is kept for it dies with them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from utils.errors import NotFound
from utils.session_manager import SessionManager
from utils.storage.batch_log import ROWS, WISHES, PlannedRow, Wish, append, rows_data
from utils.storage.item import ItemFile
from utils.storage.search import Index, Query
from utils.storage.search_texts import fold


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> SessionManager:
    return SessionManager(tmp_path / "outputs", secret_key="a secret of the tests", clock=Clock())


@pytest.fixture
def session(store: SessionManager) -> Iterator[str]:
    yield store.create_session()


def speech(store: SessionManager, session: str, title: str, text: str = "", **result: Any) -> str:
    item = store.create_item(session, folder="single", kind="speech", title=title, request={"text": text})
    files = (ItemFile("speech.mp3", "audio/mpeg", 1000, "audio"),)
    store.update_item(session, item.id, result={"engine_label": "eSpeak NG", **result}, files=files)
    return item.id


def transcript(store: SessionManager, session: str, text: str) -> str:
    said = {"segments": [{"text": part, "words": [{"text": "hidden"}]} for part in text.split("|")]}
    item = store.create_item(session, folder="single", kind="transcript", title="Talk", request={})
    heard(store, session, item.id, "transcript.json", said)
    return item.id


def heard(store: SessionManager, session: str, item_id: str, name: str, said: object) -> None:
    """The item's text is in the file of that name now."""
    data = json.dumps(said).encode()
    store.write_file(session, item_id, name, data)
    listed = (ItemFile(name, "application/json", len(data), "transcript"),)
    store.update_item(session, item_id, result={"engine_label": "Whisper"}, files=listed)


def batch(store: SessionManager, session: str, *texts: str) -> str:
    rows = [PlannedRow(n, f"{n:04d}", {"text": text}) for n, text in enumerate(texts, 1)]
    item = store.create_item(
        session, folder="bulk", kind="batch", title="Rows", request={"source": "prices.csv"}, files={ROWS: rows_data(rows)}
    )
    store.update_item(session, item.id, result={"done": 1, "failed": 1})
    return item.id


def ids(store: SessionManager, session: str, q: str = "", **options: Any) -> list[str]:
    return [entry.id for entry in store.find_items(session, Query(q, **options)).matching]


def test_words_are_found_in_titles_and_texts_of_every_kind(store: SessionManager, session: str) -> None:
    one = speech(store, session, "Élan vital", "Die Straße führt nach Köln.")
    two = transcript(store, session, "the library closes|at six o'clock")
    three = batch(store, session, "ＷＩＤＥ words", "more")
    assert ids(store, session, "elan STRASSE koln") == [one]
    assert ids(store, session, "LIBRARY six") == ids(store, session, "talk closes") == [two]
    assert ids(store, session, "wide more") == ids(store, session, "prices.csv") == [three]
    assert ids(store, session, "hidden") == ids(store, session, "library more") == []
    assert ids(store, session, "  ") == [three, two, one]


def test_text_that_changed_is_found_and_the_old_one_is_not(store: SessionManager, session: str) -> None:
    made, rows = transcript(store, session, "first words"), batch(store, session, "first row")
    assert ids(store, session, "first") == [rows, made]
    store.write_file(session, made, "transcript.json", json.dumps({"segments": [{"text": "second words"}]}).encode())
    append(store.item_path(session, rows), WISHES, [Wish(1, "corrected row")])
    assert ids(store, session, "first") == [rows] and ids(store, session, "second") == [made]
    assert ids(store, session, "corrected") == [rows]
    store.write_file(session, made, "edits.json", json.dumps({"edits": [{"text": "mended"}]}).encode())
    assert ids(store, session, "mended") == [made]
    store.update_item(session, made, title="Renamed talk")
    assert ids(store, session, "renamed second") == [made] and ids(store, session, "talk second") == [made]


def test_what_other_processes_change_is_seen_at_once(store: SessionManager, session: str, tmp_path: Path) -> None:
    other = SessionManager(tmp_path / "outputs", secret_key="a secret of the tests", clock=Clock())
    made = speech(store, session, "Before")
    assert ids(other, session, "before") == [made]
    for number in range(20):  # quicker than some file systems count time
        store.update_item(session, made, title=f"After {number}")
        assert [entry.title for entry in other.find_items(session, Query()).matching] == [f"After {number}"]
    store.delete_item(session, made)
    assert ids(other, session) == []
    store.restore_item(session, made)
    assert ids(other, session, "after") == [made]


def test_facts_narrow_and_order(store: SessionManager, session: str) -> None:
    one = speech(store, session, "B", engine_label="Google")
    two = batch(store, session, "x" * 5000)
    three = speech(store, session, "a")
    store.update_item(session, three, permanent=True)
    open_one = store.create_item(session, folder="single", kind="speech", title="Open", request={}, marked=True).id
    dead = store.create_item(session, folder="single", kind="speech", title="Dead", request={}).id
    everything = store.find_items(session, Query()).everything
    made_at = {entry.id: entry.created_at for entry in everything}
    assert ids(store, session, kinds=("batch",)) == ids(store, session, sort="largest")[:1] == [two]
    assert ids(store, session, engine="Google") == [one]
    assert ids(store, session, state="running") == [open_one]
    assert ids(store, session, state="failed") == [dead, two] and ids(store, session, state="done") == [three, two, one]
    assert ids(store, session, since=made_at[two], until=made_at[open_one]) == [three, two]
    assert ids(store, session, sort="oldest") == [one, two, three, open_one, dead]
    assert ids(store, session, sort="title", kinds=("speech",)) == [three, one, dead, open_one]
    assert ids(store, session, sort="expiry")[-1] == three


def test_kept_texts_die_with_their_item_and_count_in_the_size(store: SessionManager, session: str) -> None:
    made = transcript(store, session, "private words")
    before = store.usage(session).size_bytes
    assert ids(store, session, "private") == [made]
    kept = store.outputs / session / "index" / made
    assert b"private words" in kept.read_bytes() and kept.stat().st_mode & 0o077 == 0
    assert store.usage(session).size_bytes == before + kept.stat().st_size
    store.delete_item(session, made)
    assert not kept.exists()
    store.restore_item(session, made)
    assert ids(store, session, "private") == [made]
    os.rename(store.item_path(session, made), store.outputs / "elsewhere")  # gone without our delete
    assert ids(store, session, "private") == [] and not kept.exists()


def test_text_can_be_kept_before_anybody_asks(store: SessionManager, session: str) -> None:
    made = transcript(store, session, "early words")
    store.keep_text(session, made)
    kept = store.outputs / session / "index" / made
    before = kept.stat().st_mtime_ns
    assert ids(store, session, "early") == [made] and kept.stat().st_mtime_ns == before
    store.keep_text(session, "20200101-000000-gone-0000")
    store.keep_text("7d9e8a52-6a7e-4c1f-9a55-0f2f6f8f6a11", made)


def test_open_work_is_never_kept(store: SessionManager, session: str) -> None:
    item = store.create_item(session, folder="single", kind="speech", title="Open", request={"text": "growing"}, marked=True)
    assert ids(store, session, "growing") == [item.id]
    assert not (store.outputs / session / "index" / item.id).exists()


@pytest.mark.parametrize("spoiled", [b"", b"\xff\x00", b"wrong 1 2 3\nother words"])
def test_spoiled_texts_are_made_again(store: SessionManager, session: str, spoiled: bytes) -> None:
    made = transcript(store, session, "true words")
    assert ids(store, session, "true") == [made]
    (store.outputs / session / "index" / made).write_bytes(spoiled)
    assert ids(store, session, "true") == [made] and ids(store, session, "other") == []


def test_search_works_where_nothing_can_be_kept(store: SessionManager, session: str) -> None:
    made = transcript(store, session, "true words")
    (store.outputs / session / "index").write_bytes(b"in the way")
    assert ids(store, session, "true") == [made]


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"id": "x"}', b"null", b"[" * 100_000])
def test_damaged_and_foreign_things_are_left_out(store: SessionManager, session: str, record: bytes, tmp_path: Path) -> None:
    made, damaged = speech(store, session, "Whole"), speech(store, session, "Damaged")
    (store.item_path(session, damaged) / "item.json").write_bytes(record)
    os.symlink(tmp_path, store.outputs / session / "single" / "20260101-000000-link-0000")
    (store.outputs / session / "single" / "20260101-000000-file-0000").write_bytes(b"")
    assert ids(store, session) == ids(store, session, "whole") == [made]


def test_many_are_deleted_and_taken_back_at_once(store: SessionManager, session: str) -> None:
    made = [speech(store, session, f"Number {n}") for n in range(30)]
    running = store.create_item(session, folder="single", kind="speech", title="Open", request={}, marked=True).id
    other = store.create_session()
    foreign = speech(store, other, "Foreign")
    now = store.clock()
    store.clock = lambda: now
    gone, busy = store.delete_items(session, [*made, made[0], running, foreign, "20200101-000000-x-0000", "../x"])
    assert (gone, busy) == (made, [running])
    assert ids(store, session) == [running] and ids(store, other) == [foreign]
    assert sorted(store.restore_items(session, [*made, foreign])) == sorted(made)
    assert set(ids(store, session)) == {*made, running}
    assert store.delete_items(session, [running], force=True) == ([running], [])
    assert not store.markers.has(session, running)
    store.delete_items(session, made)
    store.clock = lambda: now + 11
    with pytest.raises(NotFound):
        store.restore_items(session, made)


def test_memory_of_sessions_is_bounded(store: SessionManager) -> None:
    index = Index(most=10)
    sessions = [store.create_session() for _ in range(4)]
    from utils.storage.sessions import opened

    for session in sessions:
        for n in range(4):
            speech(store, session, f"{n}")
        with opened(store.outputs, session) as folder:
            assert len(index.entries(folder)) == 4
    assert len(index._sessions) <= 3


def test_fold_makes_alike_what_people_type_alike() -> None:
    assert fold("  ÀÉÎ\tﬁn ＡＢＣ ß İ") == "aei fin abc ss i"
    assert fold("plain\nwords") == "plain words"


def test_words_of_a_recording_that_was_heard_again_are_the_newest(store: SessionManager, session: str) -> None:
    item_id = transcript(store, session, "an older hearing")
    assert ids(store, session, "older") == [item_id]
    heard(store, session, item_id, "transcript-2.json", {"segments": [{"text": "a fresh hearing"}]})
    store.write_file(session, item_id, "edits-2.json", json.dumps({"edits": [{"text": "a corrected word"}]}).encode())
    assert ids(store, session, "older") == []
    assert ids(store, session, "fresh") == ids(store, session, "corrected") == [item_id]


def test_recording_that_became_a_transcript_is_found_as_both(store: SessionManager, session: str) -> None:
    sent = transcript(store, session, "Sent here.")
    item = store.create_item(session, folder="single", kind="transcript", title="Spoken", request={"recording": True})
    heard(store, session, item.id, "transcript.json", {"segments": []})
    assert ids(store, session, kinds=("recording",)) == [item.id]
    assert set(ids(store, session, kinds=("transcript",))) == {item.id, sent}
    assert ids(store, session, kinds=("speech",)) == []
