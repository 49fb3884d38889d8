"""The session manager: sessions and items as users, tabs, attackers and other processes see them."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.storage.support import DAY, HOUR, Clock, everything, make_old, manager, speech, temporaries
from tests.storage.test_names import ALIASES as SPELLINGS
from tests.storage.test_names import HOSTILE, SESSION
from utils import session_manager
from utils.errors import AppError, BadInput, Conflict, NotFound, QuotaExceeded, StoreUnavailable
from utils.session_manager import UNDO_S, SessionManager
from utils.settings import Settings
from utils.storage import atomic
from utils.storage.item import ItemFile


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> SessionManager:
    return manager(tmp_path, clock)


def with_sound(store: SessionManager, session: str, title: str = "Hello", data: bytes = b"sound") -> str:
    """An item with one finished file `a.mp3`."""
    item = speech(store, session, title).id
    store.write_file(session, item, "a.mp3", data)
    store.update_item(session, item, files=(ItemFile("a.mp3", "audio/mpeg", len(data), "audio"),))
    return item


# ---- sessions


def test_session_new_is_whole_and_private(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    folder = store.outputs / session
    assert {entry.name for entry in folder.iterdir()} == {"session.json", "single", "bulk"}
    assert folder.stat().st_mode & 0o777 == 0o700
    found = store.get_session(session)
    assert found is not None
    assert (found.id, found.created_at, found.status, found.permanent, found.preferences) == (session, clock.now, "idle", False, {})
    assert store.get_all_session_ids() == [session]
    assert store.get_active_session_count() == 1


def test_session_created_by_many_threads_at_once_are_all_there(store: SessionManager) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(store.create_session() for _ in range(10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 80
    assert set(store.get_all_session_ids()) == set(made)
    assert temporaries(store.outputs) == []


def test_session_activity_is_written_at_most_once_a_minute(store: SessionManager, clock: Clock) -> None:
    session, started = store.create_session(), clock.now
    record = store.outputs / session / "session.json"
    before = record.stat().st_ino
    clock.forward(59)
    assert store.get_session(session) is not None
    assert record.stat().st_ino == before
    clock.forward(1)
    seen = store.get_session(session)
    assert seen is not None and seen.last_activity == started + 60
    again = store.peek_session(session)
    assert again == seen
    clock.forward(600)
    assert store.peek_session(session) == seen, "looking is not activity"


def test_session_activity_after_the_clock_was_set_back_is_corrected(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    clock.forward(-30 * DAY)
    found = store.get_session(session)
    assert found is not None and found.last_activity == clock.now


def test_session_update_changes_what_is_given(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    store.update_session(session, preferences={"voice": "espeak:en"})
    clock.forward(5)
    store.update_session(session, status="processing")
    changed = store.update_session(session, permanent=True)
    assert (changed.status, changed.permanent, changed.preferences) == ("processing", True, {"voice": "espeak:en"})
    assert changed == store.peek_session(session)
    assert changed.last_activity == clock.now


@pytest.mark.parametrize("changes", [{"status": "asleep"}, {"preferences": {"dictionary": "x" * 300_000}}])
def test_session_update_that_does_not_fit_is_refused(store: SessionManager, changes: dict[str, object]) -> None:
    session = store.create_session()
    before = everything(store.outputs)
    with pytest.raises(BadInput):
        store.update_session(session, **changes)  # type: ignore[arg-type]
    assert everything(store.outputs) == before


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns after every few instructions."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless")
def test_session_changes_by_many_threads_are_all_kept(store: SessionManager) -> None:
    session = store.create_session()

    for number in range(10):
        store.update_session(session, permanent=False, status="idle", preferences={})
        changes = [{"permanent": True}, {"status": "processing"}, {"preferences": {"n": number}}]
        threads = [threading.Thread(target=store.update_session, args=(session,), kwargs=change) for change in changes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = store.peek_session(session)
        assert found is not None
        assert (found.permanent, found.status, found.preferences) == (True, "processing", {"n": number})


def test_session_deleted_is_gone_in_every_way(store: SessionManager) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    store.cache(session).put("ab" * 16, b"piece")
    store.delete_session(session)
    assert everything(store.outputs) == {".open": "folder", ".trash": "folder", ".secret": (store.outputs / ".secret").read_bytes()}
    assert store.get_session(session) is None
    for act in _every_call(store, session, item):
        with pytest.raises(NotFound):
            act()
    assert session not in everything(store.outputs), "a late writer brought it back"


def test_session_deleted_takes_its_trash_along(store: SessionManager) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    store.delete_item(session, item)
    store.delete_session(session)
    assert everything(store.outputs / ".trash") == {}


def test_session_in_use_is_deleted_only_by_force(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session, marked=True).id
    with pytest.raises(Conflict):
        store.delete_session(session)
    store.markers.drop(session, item)
    with store.lease(session):
        with pytest.raises(Conflict):
            store.delete_session(session)
        assert store.get_item(session, item)
        store.markers.add(session, item)
        store.delete_session(session, force=True)
    assert store.get_session(session) is None
    assert store.markers.ids() == []


def test_session_deleted_while_another_tab_writes_needs_no_force(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session).id
    started, errors = threading.Event(), []

    def write() -> None:
        for number in itertools.count():
            try:
                store.write_file(session, item, "a.mp3", b"x" * 1000)
            except NotFound:
                return
            except AppError as exc:
                errors.append(exc)
                return
            if number == 3:
                started.set()

    tab = threading.Thread(target=write)
    tab.start()
    started.wait()
    store.delete_session(session)
    tab.join()
    assert errors == []
    assert not (store.outputs / session).exists()


def test_session_damaged_record_is_as_good_as_none_but_is_left(store: SessionManager, clock: Clock) -> None:
    for damage in (b"", b"{", b"[]", b"{}", b'{"created_at": "x", "last_activity": 1}', b"[" * 100_000):
        session = store.create_session()
        (store.outputs / session / "session.json").write_bytes(damage)
        assert store.get_session(session) is None
        with pytest.raises(NotFound):
            store.update_session(session, permanent=True)
        clock.forward(9 * DAY)
        report = store.cleanup_old_sessions()
        assert len(report.errors) == 1 and session in report.errors[0]
        store.delete_session(session)


# ---- ids


def _every_call(store: SessionManager, session: str, item: str) -> list[Callable[[], object]]:
    def leased() -> None:
        with store.lease(session):
            raise AssertionError("a lease was given")

    def scratched() -> None:
        with store.scratch(session, item):
            raise AssertionError("a scratch folder was given")

    return [
        lambda: store.update_session(session, permanent=True),
        lambda: store.delete_session(session),
        lambda: store.delete_session(session, force=True),
        lambda: store.expires_at(session),
        lambda: store.usage(session),
        lambda: store.check_quota(session),
        lambda: speech(store, session),
        lambda: store.list_items(session),
        lambda: store.cache(session),
        leased,
        *_every_item_call(store, session, item),
        scratched,
    ]


def _every_item_call(store: SessionManager, session: str, item: str) -> list[Callable[[], object]]:
    return [
        lambda: store.get_item(session, item),
        lambda: store.update_item(session, item, title="x"),
        lambda: store.item_path(session, item),
        lambda: store.file_path(session, item, "a.mp3"),
        lambda: store.write_file(session, item, "a.mp3", b"x"),
        lambda: store.publish(session, item, store.outputs / "x", "a.mp3"),
        lambda: store.delete_item(session, item),
        lambda: store.delete_item(session, item, force=True),
        lambda: store.restore_item(session, item),
    ]


def test_session_ids_that_are_not_ours_are_all_answered_alike(store: SessionManager) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    before, answers = everything(store.outputs), set()
    wrong = [text.replace(SESSION, session).replace(SESSION.upper(), session.upper()) for text in SPELLINGS]
    wrong += [
        session.upper(),
        "{" + session + "}",
        session + "\n",
        "../outputs/" + session,
        session + "/../" + session,
        session + "\0",
    ]
    wrong += [str(uuid.uuid4()), str(uuid.uuid1()), ".trash", ".open", "single", f"{session}/single", "\ud800"]
    for text in wrong:
        assert store.get_session(text) is None
        assert store.peek_session(text) is None
        for act in _every_call(store, text, item):
            with pytest.raises(NotFound) as told:
                act()
            answers.add(str(told.value.as_dict()))
    assert len(answers) == 1, answers
    assert everything(store.outputs) == before


def test_item_ids_that_are_not_of_this_session_are_all_answered_alike(store: SessionManager) -> None:
    session, other = store.create_session(), store.create_session()
    mine, foreign = with_sound(store, session), with_sound(store, other, "Foreign")
    gone = with_sound(store, session, "Gone")
    store.delete_item(session, gone)
    store.clock.forward(UNDO_S + 1)  # type: ignore[attr-defined]
    store.empty_trash()
    before, answers = everything(store.outputs), set()
    wrong = [
        foreign,
        gone,
        mine.upper(),
        mine + "\n",
        mine + "/",
        "../single/" + mine,
        f"../../{other}/single/{foreign}",
        "",
        ".",
        "..",
    ]
    wrong += ["20200101-000000-never-0000", "a\0b", "x" * 10_000, mine.replace("-", "_"), "\ud800"]
    for text in wrong:
        for act in _every_item_call(store, session, text):
            with pytest.raises(NotFound) as told:
                act()
            answers.add(str(told.value.as_dict()))
    assert len(answers) == 1, answers
    assert everything(store.outputs) == before


def test_folder_named_like_a_session_is_never_adopted(tmp_path: Path, store: SessionManager, clock: Clock) -> None:
    planted = str(uuid.uuid4())
    (store.outputs / planted / "single").mkdir(parents=True)
    linked = str(uuid.uuid4())
    (store.outputs / linked).symlink_to(store.outputs / store.create_session())
    for name in (planted, linked):
        assert store.get_session(name) is None
        for act in _every_call(store, name, "20261121-121017-hello-6521"):
            with pytest.raises(NotFound):
                act()
    assert not {planted, linked} & set(store.get_all_session_ids())
    clock.forward(9 * DAY)
    assert set(store.cleanup_old_sessions().odd) == {planted, linked}
    assert (store.outputs / planted / "single").is_dir() and (store.outputs / linked).is_symlink()


# ---- items


def test_item_new_has_its_first_files_and_its_title_cleaned(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session, "  Hello\u202e\nWorld ", request={"text": "x"}, files={"job.json": b"{}"})
    assert (item.title, item.folder, item.kind, item.created_at) == ("Hello World", "single", "speech", clock.now)
    assert store.get_item(session, item.id) == item
    path = store.item_path(session, item.id)
    assert path == store.outputs / session / "single" / item.id
    assert {file.name for file in path.iterdir()} == {"item.json", "job.json"}


@pytest.mark.parametrize("title", HOSTILE)
def test_item_of_a_hostile_title_stays_in_its_session(store: SessionManager, title: str) -> None:
    session = store.create_session()
    item = speech(store, session, title)
    assert store.item_path(session, item.id).parent == store.outputs / session / "single"
    assert store.get_item(session, item.id).title


@pytest.mark.parametrize("name", ["../x", "/x", ".x", "item.json", "a/b", "", "a\0", "con", "x" * 201, "é"])
def test_item_file_of_another_name_is_refused(store: SessionManager, name: str) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    before = everything(store.outputs)
    with pytest.raises(NotFound):
        store.write_file(session, item, name, b"x")
    with pytest.raises(NotFound):
        speech(store, session, files={name: b"x"})
    with pytest.raises(NotFound):
        store.file_path(session, item, name)
    with store.scratch(session, item) as work:
        (work / "built").write_bytes(b"x")
        with pytest.raises(NotFound):
            store.publish(session, item, work / "built", name)
    assert everything(store.outputs) == before


def test_item_of_an_unknown_kind_or_folder_is_a_mistake_of_ours(store: SessionManager) -> None:
    session = store.create_session()
    for wrong in ({"kind": "film"}, {"folder": ".."}, {"folder": "samples"}):
        with pytest.raises(ValueError):
            speech(store, session, **wrong)
    with pytest.raises(ValueError):
        store.update_item(session, speech(store, session).id, kind="batch")


def test_items_of_one_title_at_one_moment_are_all_kept(store: SessionManager) -> None:
    session = store.create_session()
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(speech(store, session).id for _ in range(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 40
    assert {item.id for item in store.list_items(session, limit=100)[0]} == set(made)


def test_item_marked_is_active_before_it_can_be_seen(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session, marked=True)
    assert store.markers.ids() == [(session, item.id)]
    with pytest.raises(Conflict):
        store.delete_item(session, item.id)
    store.delete_item(session, item.id, force=True)
    assert store.markers.ids() == []


def test_item_marked_that_could_not_be_made_leaves_no_marker(store: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    session = store.create_session()
    real = os.replace

    def full(source: str, target: str, **options: int) -> None:
        if target.startswith("2"):  # the item's folder
            raise OSError(errno.ENOSPC, "full")
        real(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StoreUnavailable):
            speech(store, session, marked=True)
    assert store.markers.ids() == []
    assert temporaries(store.outputs) == []
    store.delete_session(session)


@pytest.mark.usefixtures("restless")
def test_item_update_by_many_threads_loses_nothing(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session).id
    changes = [{"title": "New"}, {"permanent": True}, {"result": {"seconds": 1.5}}, {"request": {"text": "y"}}]
    threads = [threading.Thread(target=store.update_item, args=(session, item), kwargs=change) for change in changes]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.get_item(session, item)
    assert (found.title, found.permanent, found.result, found.request) == ("New", True, {"seconds": 1.5}, {"text": "y"})


def test_item_damaged_record_is_not_found_and_not_listed(store: SessionManager) -> None:
    session = store.create_session()
    good, bad = speech(store, session, "Good").id, speech(store, session, "Bad").id
    for damage in (b"", b"{", b"[]", b"{}", b'{"id": "x"}'):
        (store.item_path(session, bad) / "item.json").write_bytes(damage)
        with pytest.raises(NotFound):
            store.get_item(session, bad)
        items, total = store.list_items(session)
        assert ([item.id for item in items], total) == ([good], 1)
        assert store.list_items(session, kinds=["speech"]) == (items, 1)
        assert store.list_items(session, q="bad") == ([], 0)


# ---- lists


def test_list_is_newest_first_in_pages_without_samples(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    made = []
    for number in range(7):
        clock.forward(0.01)
        folder, kind = ("bulk", "batch") if number % 3 == 2 else ("single", "speech")
        made.append(speech(store, session, f"{'ABCDEFG'[-number]} {number}", folder=folder, kind=kind).id)
        speech(store, session, "Sample", kind="sample")
    made.reverse()
    assert [item.id for item in store.list_items(session)[0]] == made
    pages = [store.list_items(session, offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert [item.id for items, _ in pages for item in items] == made
    assert [total for _, total in pages] == [7] * 4
    batches, total = store.list_items(session, kinds=("batch",), limit=1)
    assert ([item.kind for item in batches], total) == (["batch"], 2)
    assert store.list_items(session, kinds=("sample",)) == ([], 0)
    assert store.list_items(session, kinds=()) == ([], 0)


def test_sample_is_found_by_id_and_counts_as_no_item(store: SessionManager) -> None:
    session = store.create_session()
    sample = speech(store, session, "Sample", kind="sample")
    assert store.get_item(session, sample.id) == sample
    assert store.usage(session).item_count == 0
    store.delete_item(session, sample.id)
    assert store.restore_item(session, sample.id) == sample


def test_list_search_finds_words_of_title_and_text(store: SessionManager) -> None:
    session = store.create_session()
    first = speech(store, session, "Straße nach Süden", request={"text": "irrelevant"}).id
    second = speech(store, session, "Other", request={"text": "Past the SÜDEN road"}).id
    assert {item.id for item in store.list_items(session, q="süden")[0]} == {first, second}
    assert [item.id for item in store.list_items(session, q="  SÜDEN  strasse ")[0]] == [first]
    assert store.list_items(session, q="süden", kinds=["batch"]) == ([], 0)
    assert store.list_items(session, q="süden", limit=1, offset=1)[1] == 2
    assert store.list_items(session, q="nothing") == ([], 0)


def test_list_of_thousands_reads_only_the_page(store: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    session = store.create_session()
    single = store.outputs / session / "single"
    template = (store.item_path(session, speech(store, session).id) / "item.json").read_text("utf-8")
    name = next(single.iterdir()).name
    for number in range(1500):
        copy = f"20010203-{number:06d}{name[15:]}"  # not of today: after midnight one of them would be the first item's name
        (single / copy).mkdir()
        (single / copy / "item.json").write_text(template.replace(name, copy), "utf-8")
    reads: list[str] = []
    real = atomic.Folder.read

    def counted(folder: atomic.Folder, name: str) -> bytes:
        reads.append(name)
        return real(folder, name)

    monkeypatch.setattr(atomic.Folder, "read", counted)
    items, total = store.list_items(session, offset=100)
    assert (len(items), total) == (50, 1501)
    assert len(reads) == 50
    reads.clear()
    store.list_items(session, kinds=["speech"])
    store.list_items(session, kinds=["speech"])
    assert len(reads) == 1501 + 50 + 50, "kinds are learned once"


def test_list_while_another_tab_deletes_is_never_an_error(store: SessionManager) -> None:
    session = store.create_session()
    ids = [speech(store, session, f"Item {number}").id for number in range(60)]
    tab = threading.Thread(target=lambda: [store.delete_item(session, item) for item in ids])
    tab.start()
    while tab.is_alive():
        for query in ({}, {"q": "item"}, {"kinds": ["speech"]}):
            items, total = store.list_items(session, **query)  # type: ignore[arg-type]
            assert len(items) <= total <= 60
    tab.join()
    assert store.list_items(session) == ([], 0)


# ---- files


def test_file_path_only_of_listed_regular_files(tmp_path: Path, store: SessionManager) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    path = store.file_path(session, item, "a.mp3")
    assert path.read_bytes() == b"sound"
    store.write_file(session, item, "job.json", b"{}")
    (tmp_path / "victim").write_bytes(b"secret")
    for name in ("job.json", "item.json", "b.mp3", "../a.mp3", "", "a.mp3/"):
        with pytest.raises(NotFound):
            store.file_path(session, item, name)
    for plant in (lambda: path.symlink_to(tmp_path / "victim"), lambda: os.mkfifo(path), path.mkdir):
        path.unlink()
        plant()
        with pytest.raises(NotFound):
            store.file_path(session, item, "a.mp3")


def test_file_in_a_linked_item_or_folder_is_not_found(tmp_path: Path, store: SessionManager) -> None:
    session, other = store.create_session(), store.create_session()
    foreign = with_sound(store, other)
    (store.outputs / session / "single" / foreign).symlink_to(store.outputs / other / "single" / foreign)
    with pytest.raises(NotFound):
        store.file_path(session, foreign, "a.mp3")
    with pytest.raises(NotFound):
        store.write_file(session, foreign, "a.mp3", b"x")
    (store.outputs / session / "bulk").rmdir()
    (store.outputs / session / "bulk").symlink_to(store.outputs / other / "single")
    (store.outputs / session / "single" / foreign).unlink()
    with pytest.raises(NotFound):
        store.file_path(session, foreign, "a.mp3")
    assert store.list_items(session) == ([], 0)


def test_scratch_is_removed_whatever_happens_and_published_files_stay(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session).id
    with pytest.raises(KeyError), store.scratch(session, item) as work:
        assert work.parent == store.item_path(session, item) and work.name.startswith(".")
        (work / "deep").mkdir()
        (work / "built").write_bytes(b"done")
        path = store.publish(session, item, work / "built", "a.mp3")
        assert not (work / "built").exists()
        raise KeyError
    assert path.read_bytes() == b"done"
    assert not work.exists()
    assert temporaries(store.outputs) == []


def test_scratch_gives_its_own_errors_as_they_are(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session).id
    with pytest.raises(FileNotFoundError), store.scratch(session, item) as work:
        (work / "missing").read_bytes()
    with pytest.raises(FileNotFoundError), store.lease(session):
        (store.outputs / "missing").read_bytes()


def test_scratch_of_an_item_deleted_meanwhile_publishes_nothing(store: SessionManager) -> None:
    session = store.create_session()
    item = speech(store, session).id
    with store.scratch(session, item) as work:
        (work / "built").write_bytes(b"late")
        store.delete_item(session, item)
        with pytest.raises(NotFound):
            store.publish(session, item, work / "built", "a.mp3")
    assert store.list_items(session) == ([], 0)
    assert not (store.outputs / session / "single" / item).exists()


def test_scratch_holds_the_session(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session).id
    with store.scratch(session, item):
        clock.forward(9 * DAY)
        assert store.cleanup_old_sessions().active == 1
        with pytest.raises(Conflict):
            store.delete_session(session)
    assert len(store.cleanup_old_sessions().removed) == 1


def test_publish_from_elsewhere_is_refused(tmp_path: Path, store: SessionManager) -> None:
    session, other = store.create_session(), store.create_session()
    item, foreign = speech(store, session).id, with_sound(store, other)
    (tmp_path / "outside").write_bytes(b"secret")
    with store.scratch(session, item) as work, store.scratch(other, foreign) as theirs:
        (theirs / "x").write_bytes(b"x")
        (work / "link").symlink_to(tmp_path / "outside")
        os.mkfifo(work / "fifo")
        (work / "folder").mkdir()
        for built in (tmp_path / "outside", theirs / "x", work / "link", work / "fifo", work / "folder", work / "missing", work):
            with pytest.raises(NotFound):
                store.publish(session, item, built, "a.mp3")
    assert (tmp_path / "outside").read_bytes() == b"secret"


# ---- undo


def test_item_deleted_is_gone_at_once_and_can_be_taken_back(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    before = store.get_item(session, item)
    store.delete_item(session, item)
    for act in _every_item_call(store, session, item)[:-1]:
        with pytest.raises(NotFound):
            act()
    assert store.list_items(session) == ([], 0)
    clock.forward(UNDO_S)
    store.empty_trash()
    store.cleanup_old_sessions()
    assert store.restore_item(session, item) == before
    assert store.file_path(session, item, "a.mp3").read_bytes() == b"sound"


def test_item_deleted_cannot_be_taken_back_after_the_time(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    store.delete_item(session, item)
    clock.forward(UNDO_S + 0.1)
    with pytest.raises(NotFound):
        store.restore_item(session, item)
    assert store.empty_trash() == 1
    assert everything(store.outputs / ".trash") == {}


def test_item_deleted_is_not_taken_back_by_another_session(store: SessionManager) -> None:
    session, other = store.create_session(), store.create_session()
    item = with_sound(store, session)
    store.delete_item(session, item)
    with pytest.raises(NotFound):
        store.restore_item(other, item)
    assert store.restore_item(session, item).id == item


def test_item_deleted_is_not_taken_back_over_another(store: SessionManager) -> None:
    session = store.create_session()
    item = with_sound(store, session)
    path = store.item_path(session, item)
    store.delete_item(session, item)
    path.mkdir()
    with pytest.raises(Conflict):
        store.restore_item(session, item)
    path.rmdir()
    assert store.restore_item(session, item).id == item


def test_item_deleted_with_the_clock_set_back_does_not_stay_for_ever(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    store.delete_item(session, with_sound(store, session))
    clock.forward(-DAY)
    assert store.empty_trash() == 1


# ---- quota and usage


def test_usage_is_the_sum_of_all_bytes_on_disk(store: SessionManager) -> None:
    session = store.create_session()
    with_sound(store, session, data=b"x" * 5000)
    speech(store, session, folder="bulk", kind="batch", files={"source.csv": b"y" * 300})
    store.cache(session).put("ab" * 16, b"z" * 70)
    usage = store.usage(session)
    assert usage.item_count == 2
    assert usage.size_bytes == sum(len(data) for data in everything(store.outputs / session).values() if isinstance(data, bytes))


def test_quota_used_up_is_told_and_nothing_is_made(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, quota_bytes=2 * 2**20)
    session, other = store.create_session(), store.create_session()
    item = speech(store, session).id
    store.write_file(session, item, "a.mp3", b"x" * 2**20)
    before = everything(store.outputs)
    with pytest.raises(QuotaExceeded) as told:
        speech(store, session, files={"source.csv": b"x" * 2**20})
    assert "2 MB" in told.value.sentence and "SESSION_QUOTA_MB" in told.value.sentence
    with pytest.raises(QuotaExceeded):
        store.check_quota(session, 2**20)
    assert everything(store.outputs) == before
    store.check_quota(session, 1000)
    speech(store, other)
    store.delete_item(session, item)
    speech(store, session, files={"source.csv": b"x" * 2**20})


# ---- expiry


def test_expiry_counts_from_the_newest_time_inside(store: SessionManager, clock: Clock) -> None:
    session = store.create_session()
    item = speech(store, session).id
    clock.forward(5 * HOUR)
    store.write_file(session, item, "a.mp3", b"x")
    assert store.expires_at(session) == clock.now + DAY
    store.update_session(session, permanent=True)
    assert store.expires_at(session) is None


def test_expiry_is_never_with_permanent_storage(tmp_path: Path, clock: Clock) -> None:
    store = manager(tmp_path, clock, session_timeout_hours=0)
    session = store.create_session()
    assert store.expires_at(session) is None
    clock.forward(9999 * DAY)
    assert store.cleanup_old_sessions().removed == ()
    assert store.peek_session(session) is not None


def test_settings_reach_the_manager(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "o", session_timeout_hours=3, max_sessions=4, session_quota_mb=5, secret_key="k" * 16)
    store = SessionManager.from_settings(settings)
    assert (store.outputs, store.session_timeout_hours, store.max_sessions) == (tmp_path / "o", 3, 4)
    assert store.quota_bytes == 5 * 2**20
    assert not (store.outputs / ".secret").exists()


# ---- the loop


def test_cleanup_loop_sweeps_again_after_a_bad_sweep(store: SessionManager, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    session = store.create_session()
    clock.forward(2 * DAY)
    calls = itertools.count()
    real = store.cleanup_old_sessions

    class Moody(SessionManager):
        def cleanup_old_sessions(self, *args: object, **options: object) -> session_manager.SweepReport:
            if next(calls) == 0:
                raise RuntimeError("once")
            return real()

    async def run() -> None:
        moody = Moody(store.outputs, clock=clock)
        loop = asyncio.create_task(moody.cleanup_loop(0.01))
        while (store.outputs / session).exists():
            await asyncio.sleep(0.01)
        loop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop

    asyncio.run(asyncio.wait_for(run(), 30))
    assert "sweep failed" in caplog.text
    assert session not in caplog.text or "single" not in caplog.text


# ---- the module's functions


@pytest.fixture
def process(store: SessionManager) -> Iterator[SessionManager]:
    session_manager.set_manager(store)
    yield store
    session_manager.set_manager(None)


def test_module_functions_in_a_plain_script_have_a_session_of_their_own(process: SessionManager) -> None:
    session = session_manager.get_session_id()
    assert session == session_manager.get_session_id()
    folder = session_manager.get_session_output_dir()
    assert folder == process.outputs / session == session_manager.get_current_session_dir()
    assert session_manager.get_session_single_dir() == folder / "single"
    assert (folder / "single").is_dir()
    assert session_manager.get_session_bulk_dir("../Week 1: ä") == folder / "bulk" / "week-1-a"
    assert (folder / "bulk" / "week-1-a").is_dir()
    assert session_manager.get_session_bulk_dir("../Week 1: ä").is_dir()
    fresh = session_manager.create_session_temp_dir()
    assert fresh != folder and fresh.is_dir()
    assert session_manager.get_current_session_dir() == fresh


def test_module_functions_in_the_frame_follow_the_current_session(process: SessionManager) -> None:
    first, second = process.create_session(), process.create_session()
    current = [first]
    session_manager.set_manager(process, current=lambda: current[0])
    assert session_manager.get_session_output_dir() == process.outputs / first
    current[0] = second
    assert session_manager.get_session_id() == second
    process.delete_session(second)
    with pytest.raises(NotFound):
        session_manager.get_session_output_dir()
    assert not (process.outputs / second).exists()


def test_module_cleanup_by_age_in_hours(process: SessionManager, clock: Clock) -> None:
    old, mine = process.create_session(), session_manager.get_session_id()
    clock.forward(47 * HOUR)
    new = process.create_session()
    assert session_manager.cleanup_old_sessions(max_age_hours=48).removed == ()
    clock.forward(2 * HOUR)
    report = session_manager.cleanup_old_sessions(max_age_hours=48)
    assert [removal.id for removal in report.removed] == [old]
    assert set(process.get_all_session_ids()) == {mine, new}, "the one who asks stays"


def test_module_cleanup_by_count_keeps_the_last_used(process: SessionManager, clock: Clock) -> None:
    made = []
    for _ in range(8):
        clock.forward(60)
        made.append(process.create_session())
    clock.forward(60)
    assert process.get_session(made[0]) is not None
    report = session_manager.cleanup_old_sessions(max_sessions=5)
    assert [(removal.id, removal.reason) for removal in report.removed] == [(name, "count") for name in made[1:4]]
    assert set(process.get_all_session_ids()) == {made[0], *made[4:]}


def test_get_manager_is_made_once_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path / "from-env"))
    session_manager.set_manager(None)
    try:
        made = session_manager.get_manager()
        assert made.outputs == tmp_path / "from-env"
        assert session_manager.get_manager() is made
    finally:
        session_manager.set_manager(None)


def test_make_old_reaches_everything(tmp_path: Path, store: SessionManager) -> None:
    session = store.create_session()
    speech(store, session)
    make_old(store.outputs / session, 1000.0)
    assert {path.lstat().st_mtime for path in [store.outputs / session, *(store.outputs / session).rglob("*")]} == {1000.0}
