"""The store held against its model, and planted bugs that the same machine must find: a test that cannot fail proves nothing."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store_machine import StoreMachine, found
from utils.errors import NotFound
from utils.session_manager import Session, SessionManager, SweepReport, Usage
from utils.storage import names
from utils.storage.item import Item
from utils.storage.retention import Removal
from utils.storage.sessions import KEPT


def held(runs: int, steps: int = 30) -> None:
    chosen = settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(StoreMachine, settings=chosen)  # type: ignore[no-untyped-call]


@pytest.mark.timeout(1800)  # half a minute of one processor; a busy machine takes its time
def test_machine_finds_nothing() -> None:
    held(500)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_machine_finds_nothing_long() -> None:
    held(10_000, steps=50)


# ---- planted bugs, each of which real projects have shipped


class NaiveSweep(SessionManager):
    """A sweep written by hand, with one bug in each child."""

    def idle(self, session: str) -> float:
        times = [path.lstat().st_mtime for path in [self.outputs / session, *(self.outputs / session).rglob("*")]]
        found = self.peek_session(session)
        return self.clock() - min(self.clock(), max([*times, found.last_activity if found else 0.0]))

    def spared(self, session: str, keep: Collection[str]) -> bool:
        found = self.peek_session(session)
        return session in keep or (found is not None and found.permanent) or session in self.markers.sessions()

    def cleanup_old_sessions(
        self,
        max_age_hours: float | None = None,
        max_sessions: int | None = None,
        *,
        item_age_hours: float | None = None,
        dry_run: bool = False,
        keep: Collection[str] = (),
    ) -> SweepReport:
        report = super().cleanup_old_sessions(0, 0, item_age_hours=item_age_hours, dry_run=dry_run)
        gone = []
        for session in self.get_all_session_ids():
            if self.idle(session) > self.session_timeout_hours * 3600 and not self.spared(session, keep):
                gone.append(Removal(session, "age"))
                if not dry_run:
                    shutil.rmtree(self.outputs / session)
        return SweepReport(tuple(gone), kept=len(self.get_all_session_ids()), odd=report.odd, items=report.items)


class SweepIgnoresLeases(NaiveSweep):
    pass


class AgeOfTopFolder(NaiveSweep):
    def idle(self, session: str) -> float:
        return self.clock() - (self.outputs / session).stat().st_mtime


class SweepIgnoresMarkers(NaiveSweep):
    def spared(self, session: str, keep: Collection[str]) -> bool:
        found = self.peek_session(session)
        return session in keep or (found is not None and found.permanent)


class SweepIgnoresPermanent(NaiveSweep):
    def spared(self, session: str, keep: Collection[str]) -> bool:
        return session in keep or session in self.markers.sessions()


class SweepFollowsLinks(SessionManager):
    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        report = super().cleanup_old_sessions(*args, **options)
        for path in self.outputs.iterdir():
            if path.is_symlink():
                (path / "keep").unlink(missing_ok=True)
        return report


class SweepTakesFifosAndFiles(SessionManager):
    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        report = super().cleanup_old_sessions(*args, **options)
        for path in self.outputs.iterdir():
            if names.is_session_id(path.name) and not path.is_dir() and not options.get("dry_run"):
                path.unlink()
        return report


class SweepMakesTheDeadYoung(SessionManager):
    """Removing a killed writer's leftovers moves the folder's time, and a dead session lives on."""

    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        if not options.get("dry_run"):
            for orphan in list(self.outputs.glob("*/.tmp-*")):
                orphan.unlink()
                os.utime(orphan.parent, (self.clock(), self.clock()))
        return super().cleanup_old_sessions(*args, **options)


class DryRunRemoves(SessionManager):
    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        return super().cleanup_old_sessions(*args, **{**options, "dry_run": False})


class CountTakesTheNewest(SessionManager):
    def cleanup_old_sessions(
        self,
        max_age_hours: float | None = None,
        max_sessions: int | None = None,
        *,
        item_age_hours: float | None = None,
        dry_run: bool = False,
        keep: Collection[str] = (),
    ) -> SweepReport:
        report = super().cleanup_old_sessions(max_age_hours, 0, item_age_hours=item_age_hours, dry_run=dry_run, keep=keep)
        if not max_sessions or dry_run:
            return report
        alive = sorted(self.get_all_session_ids(), key=lambda name: (self.outputs / name).stat().st_mtime)
        gone = [name for name in alive[max_sessions:] if name not in keep and name not in self.markers.sessions()]
        for name in gone:
            shutil.rmtree(self.outputs / name)
        return SweepReport(
            report.removed + tuple(Removal(name, "count") for name in gone),
            kept=len(alive) - len(gone),
            odd=report.odd,
            items=report.items,
        )


class AnySpelling(SessionManager):
    def get_item(self, session_id: str, item_id: str) -> Item:
        try:
            return super().get_item(str(uuid.UUID(session_id.strip())), item_id)
        except ValueError:
            raise NotFound("no") from None


class Resurrects(SessionManager):
    def write_file(self, session_id: str, item_id: str, name: str, data: bytes, *, durable: bool = True) -> Path:
        if not names.is_session_id(session_id) or not names.is_item_id(item_id):
            raise NotFound("no")
        folder = next(iter(self.outputs.glob(f"{session_id}/*/{item_id}")), self.outputs / session_id / "single" / item_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        os.utime(folder / name, (self.clock(), self.clock()))
        return folder / name


class SameNameTwice(SessionManager):
    def create_item(self, session_id: str, **options: Any) -> Item:
        for item in self.list_items(session_id, limit=1000)[0]:
            if item.title == (names.clean_title(options["title"]) or "Untitled"):
                shutil.rmtree(self.item_path(session_id, item.id))  # an older one of that title is in the way
        return super().create_item(session_id, **options)


class RemembersInRam(SessionManager):
    def update_item(self, session_id: str, item_id: str, **changes: Any) -> Item:
        if "files" in changes:
            return super().update_item(session_id, item_id, **changes)
        self.__dict__.setdefault("ram", {})[item_id] = self.get_item(session_id, item_id).changed(
            **{"updated_at": self.clock(), **changes, "title": names.clean_title(changes["title"]) or "Untitled"}
        )
        return self.ram[item_id]  # type: ignore[attr-defined, no-any-return]

    def get_item(self, session_id: str, item_id: str) -> Item:
        held = super().get_item(session_id, item_id)
        return self.__dict__.get("ram", {}).get(item_id, held)  # type: ignore[no-any-return]


class NeverDeletes(SessionManager):
    def delete_item(self, session_id: str, item_id: str, *, force: bool = False) -> None:
        self.get_item(session_id, item_id)


class DeletesWithWorkOpen(SessionManager):
    def delete_item(self, session_id: str, item_id: str, *, force: bool = False) -> None:
        super().delete_item(session_id, item_id, force=True)


class DeletedIsStillServed(SessionManager):
    def file_path(self, session_id: str, item_id: str, name: str) -> Path:
        try:
            return super().file_path(session_id, item_id, name)
        except NotFound:
            for path in (self.outputs / ".trash").glob(f"item~{session_id}~*~{item_id}~*/{name or 'x'}"):
                return path
            raise


class UndoForAnybody(SessionManager):
    def restore_item(self, session_id: str, item_id: str) -> Item:
        for trashed in (self.outputs / ".trash").glob(f"item~*~{item_id}~*"):
            session_id = trashed.name.split("~")[1]
        return super().restore_item(session_id, item_id)


class UndoForEver(SessionManager):
    def empty_trash(self) -> int:
        return 0

    def restore_item(self, session_id: str, item_id: str) -> Item:
        for trashed in (self.outputs / ".trash").glob(f"item~{session_id}~*~{item_id}~*"):
            os.rename(trashed, trashed.with_name(trashed.name.rpartition("~")[0] + f"~{int(self.clock() * 1000)}"))
        return super().restore_item(session_id, item_id)


class UsageForgetsTheCache(SessionManager):
    def usage(self, session_id: str) -> Usage:
        usage = super().usage(session_id)
        cached = sum(path.stat().st_size for path in (self.outputs / session_id / "cache").glob("*"))
        return Usage(usage.size_bytes - cached, usage.item_count)


class NeverTouches(SessionManager):
    def get_session(self, session_id: str) -> Session | None:
        return self.peek_session(session_id)


class ListsOldestFirst(SessionManager):
    def list_items(self, session_id: str, **options: Any) -> tuple[list[Item], int]:
        items, total = super().list_items(session_id, **options)
        return items[::-1], total


class LeavesMarkersBehind(SessionManager):
    def delete_session(self, session_id: str, *, force: bool = False) -> None:
        open_work = self.markers.ids(session_id)
        super().delete_session(session_id, force=force)
        for pair in open_work:
            self.markers.add(*pair)


class NotesNoPresence(SessionManager):
    def touch_page(self, session_id: str) -> bool:
        return self.peek_session(session_id) is not None


class ItemsThatAreKeptGoToo(SessionManager):
    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        report = super().cleanup_old_sessions(*args, **options)
        for session in self.get_all_session_ids() if options.get("item_age_hours") else ():
            for item in self.list_items(session, limit=1000)[0]:
                if item.permanent and self.clock() - item.updated_at > options["item_age_hours"] * 3600:
                    shutil.rmtree(self.item_path(session, item.id))
        return report


class SessionsOfKeptItemsGoToo(SessionManager):
    """What people keep goes with its session, because the mark that tells of it was not made."""

    def update_item(self, session_id: str, item_id: str, **changes: Any) -> Item:
        item = super().update_item(session_id, item_id, **changes)
        (self.outputs / session_id / KEPT).unlink(missing_ok=True)
        return item


class OneKeptItemKeepsAll(SessionManager):
    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        kept = [one for one in self.get_all_session_ids() if any(item.permanent for item in self.list_items(one, limit=1000)[0])]
        return super().cleanup_old_sessions(*args, **{**options, "keep": [*options.get("keep", ()), *kept]})


class ItemsThatGoMakeTheirSessionYoung(SessionManager):
    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        report = super().cleanup_old_sessions(*args, **options)
        for item in report.items:
            os.utime(self.outputs / item.session_id / "single", (self.clock(), self.clock()))
        return report


class ItemsGoToTheTrashOfPeople(SessionManager):
    """What went by age can be taken back, by whom it was told that it is gone."""

    def cleanup_old_sessions(self, *args: Any, **options: Any) -> SweepReport:
        real = self._trash.take_dead_item

        def to_people(parent: Any, item_id: str) -> str:
            self._trash.take_item(parent, parent.path.parent.name, item_id, self.clock())
            return ""

        self._trash.take_dead_item = to_people  # type: ignore[method-assign]
        try:
            return super().cleanup_old_sessions(*args, **options)
        finally:
            self._trash.take_dead_item = real  # type: ignore[method-assign]


QUICK: list[type[SessionManager]] = [NeverDeletes, AnySpelling, ListsOldestFirst]
OTHERS: list[type[SessionManager]] = [
    SweepIgnoresLeases,
    AgeOfTopFolder,
    SweepIgnoresMarkers,
    SweepIgnoresPermanent,
    SweepFollowsLinks,
    SweepTakesFifosAndFiles,
    SweepMakesTheDeadYoung,
    DryRunRemoves,
    CountTakesTheNewest,
    Resurrects,
    SameNameTwice,
    RemembersInRam,
    DeletesWithWorkOpen,
    DeletedIsStillServed,
    UndoForAnybody,
    UndoForEver,
    UsageForgetsTheCache,
    NeverTouches,
    LeavesMarkersBehind,
    NotesNoPresence,
    ItemsThatAreKeptGoToo,
    SessionsOfKeptItemsGoToo,
    OneKeptItemKeepsAll,
    ItemsThatGoMakeTheirSessionYoung,
    ItemsGoToTheTrashOfPeople,
]


@pytest.mark.parametrize("planted", QUICK)
def test_machine_finds_a_planted_bug(planted: type[SessionManager]) -> None:
    assert found(planted, runs=100, steps=30) is not None


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("planted", OTHERS)
def test_machine_finds_a_planted_bug_long(planted: type[SessionManager]) -> None:
    assert found(planted, runs=1000, steps=30) is not None
