"""A model of the store beside the real one: after every step the two must agree.

Rules are what people, tabs, crashes, clocks and attackers do; invariants are what the product promises. The folder is real, the
clock is manual. Because the kernel notes times of folders by its own clock, `_kernel` sets those to the manual one wherever a
real change would have moved them.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.storage.support import DAY, HOUR, Clock, everything, size_of_files, temporaries
from utils.errors import Conflict, NotFound
from utils.session_manager import UNDO_S, SessionManager
from utils.storage import names
from utils.storage.item import Item, ItemFile
from utils.storage.sessions import PRESENCE_EVERY_S, PRESENT_S
from utils.storage.survey import CLOCK_SLACK_S

ALIASES: list[Callable[[str], str]] = [
    str.upper,
    lambda text: text.replace("-", ""),
    lambda text: "{" + text + "}",
    lambda text: "urn:uuid:" + text,
    lambda text: text + "\n",
    lambda text: " " + text,
    lambda text: text + "/",
    lambda text: "../outputs/" + text,
    lambda text: text + "/../" + text,
    lambda text: text.replace("1", "١"),
    lambda text: text.replace("-", "_", 1),
    lambda text: text + "\0",
]
TITLES = st.sampled_from(["Hello", "hello!", "Ünï", "../../x", "", "CON", "a\nb"])
FILES = ("a.mp3", "b.srt")
PAUSES = st.sampled_from([1.0, 5 * HOUR, 10 * HOUR, 15 * HOUR, DAY, DAY + 1, 2 * DAY])
MEMORY = "/dev/shm"

LUCK = (st.runner(), st.integers(0, 9), st.integers(0, 11))
A_SESSION = st.tuples(*LUCK).map(lambda drawn: drawn[0].some_session(*drawn[1:]))
A_DELETED_THING = st.tuples(*LUCK).map(lambda drawn: drawn[0].some_deleted_thing(*drawn[1:]))
A_THING = st.tuples(*LUCK).map(lambda drawn: drawn[0].some_thing(*drawn[1:]))


@dataclass
class Thing:
    """What an item must be."""

    item: Item
    files: dict[str, bytes] = field(default_factory=dict)
    newest: float = 0.0  # newest time inside


@dataclass
class Space:
    """What a session must be."""

    recorded: float  # last_activity
    newest: float  # newest time inside, up to now
    ahead: float = 0.0  # time in the future of the record
    seen: float = 0.0  # when a page said that it is connected
    permanent: bool = False
    items: dict[str, Thing] = field(default_factory=dict)
    trash: dict[str, tuple[Thing, float]] = field(default_factory=dict)
    cache: dict[str, bytes] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)

    @property
    def used(self) -> float:
        return max(self.recorded, self.newest, self.ahead)

    @property
    def holds_kept(self) -> bool:
        return any(thing.item.permanent for thing in self.items.values())


class StoreMachine(RuleBasedStateMachine):
    """The machine; `store_class` is what it is held against."""

    store_class: type[SessionManager] = SessionManager

    def __init__(self) -> None:
        super().__init__()
        # where there is a folder in memory, because what a disk takes for fsync is no part of this
        self.base = Path(tempfile.mkdtemp(prefix="store-machine-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        self.clock = Clock()
        self.clock.now = 4e9  # runs must be alike, so that a finding can be made smaller; the kernel's times are far older
        self.patch, ids = pytest.MonkeyPatch(), random.Random(0)
        self.patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))
        self.out = self.base / "outputs"
        (self.base / "victim").mkdir()
        (self.base / "victim" / "keep").write_text("k")
        os.utime(self.base / "victim" / "keep", (1.0, 1.0))
        self.outside = self._outside()
        self.model: dict[str, Space] = {}
        self.odd: set[str] = set()
        self.made: list[str] = []  # all sessions that there ever were
        self.things: list[tuple[str, str]] = []  # and all items
        self.reopen()

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.base)

    @initialize()
    def begin(self) -> None:
        """Something is there from the start, so that few steps show much."""
        self.create_session()
        self.create_item(self.made[0], "Hello", "speech", False)

    # ---- what people do

    @rule()
    def reopen(self) -> None:
        """The server was killed and starts again: nothing may live in the object alone."""
        self.store = self.store_class(self.out, session_timeout_hours=24, clock=self.clock)

    @rule()
    def create_session(self) -> None:
        session = self.store.create_session()
        assert session not in self.model, "an id was given twice"
        self.model[session] = Space(self.clock.now, self.clock.now)
        self.made.append(session)

    @rule(session=A_SESSION, title=TITLES, kind=st.sampled_from(["speech", "batch", "sample"]), marked=st.booleans())
    def create_item(self, session: str, title: str, kind: str, marked: bool) -> None:
        folder = "bulk" if kind == "batch" else "single"
        space = self.model.get(session)

        def act() -> Item:
            return self.store.create_item(
                session, folder=folder, kind=kind, title=title, request={"text": title}, files={"job.json": b"{}"}, marked=marked
            )

        if space is None:
            self._refused(act)
            return
        self.clock.forward(0.001)  # a clock that stands still, or is set back exactly, would give the id of a deleted item again
        item = act()
        assert item.id not in space.items and item.id not in space.trash, "an id was given twice"
        space.items[item.id] = Thing(item, newest=self.clock.now)
        if marked:
            space.marked.add(item.id)
            self._refused(lambda: self.store.delete_item(session, item.id), Conflict)
        self._moved(space, self.out / session / item.folder)
        self.things.append((session, item.id))

    @rule(thing=A_THING, name=st.sampled_from(FILES), data=st.binary(max_size=16), in_scratch=st.booleans())
    def write_file(self, thing: tuple[str, str], name: str, data: bytes, in_scratch: bool) -> None:
        session, item = thing
        if (known := self._known(*thing)) is None:
            self._refused(lambda: self.store.write_file(session, item, name, data))
            return
        if in_scratch:
            with self.store.scratch(session, item) as work:
                (work / "built").write_bytes(data)
                self.store.publish(session, item, work / "built", name)
        else:
            self.store.write_file(session, item, name, data)
        known.files[name] = data
        listed = tuple(ItemFile(name, "audio/mpeg", len(held), "audio") for name, held in sorted(known.files.items()))
        known.item = self.store.update_item(session, item, files=listed)
        known.newest = max(known.newest, self.clock.now)
        self._moved(self.model[session], self.store.item_path(session, item))

    @rule(thing=A_THING, title=TITLES, permanent=st.booleans())
    def update_item(self, thing: tuple[str, str], title: str, permanent: bool) -> None:
        session, item = thing
        if (known := self._known(*thing)) is None:
            self._refused(lambda: self.store.update_item(session, item, title=title))
            return
        shown = names.clean_title(title) or "Untitled"
        known.item = known.item.changed(title=shown, permanent=permanent, updated_at=self.clock.now)
        assert self.store.update_item(session, item, title=title, permanent=permanent) == known.item
        known.newest = max(known.newest, self.clock.now)
        self._moved(self.model[session], self.store.item_path(session, item))

    @rule(thing=A_THING, force=st.booleans())
    def delete_item(self, thing: tuple[str, str], force: bool) -> None:
        session, item = thing
        if self._known(*thing) is None:
            self._refused(lambda: self.store.delete_item(session, item, force=force))
            return
        space = self.model[session]
        if item in space.marked and not force:
            self._refused(lambda: self.store.delete_item(session, item), Conflict)
            return
        path = self.store.item_path(session, item)
        self.store.delete_item(session, item, force=force)
        assert not path.exists(), "deleted, but still there"
        self._refused(lambda: self.store.file_path(session, item, FILES[0]))
        self._refused(lambda: self.store.item_path(session, item))
        for other in self.model.keys() - {session}:
            self._refused(functools.partial(self.store.restore_item, other, item))
        space.trash[item] = (space.items.pop(item), self.clock.now)
        space.marked.discard(item)
        self._moved(space, path.parent)

    @rule(thing=A_DELETED_THING, wait_s=st.sampled_from([0.0, 1.0, UNDO_S, UNDO_S + 1]), empty=st.booleans())
    def take_back(self, thing: tuple[str, str], wait_s: float, empty: bool) -> None:
        session, item = thing
        self.clock.forward(wait_s)
        if empty:
            self.store.empty_trash()
        space = self.model.get(session)
        known, when = space.trash.get(item, (None, 0.0)) if space else (None, 0.0)
        if space is None or known is None or self.clock.now - when > UNDO_S or when > self.clock.now + UNDO_S:
            self._refused(lambda: self.store.restore_item(session, item))
            return
        assert self.store.restore_item(session, item) == known.item
        space.items[item] = known
        del space.trash[item]
        self._moved(space, self.store.item_path(session, item).parent)

    @rule(session=A_SESSION, seconds=st.sampled_from([0, 30, 60, 600]))
    def visit(self, session: str, seconds: int) -> None:
        self.clock.forward(seconds)
        found = self.store.get_session(session)
        assert (found is None) == (session not in self.model), "a session is there that should not be, or the other way"
        if space := self.model.get(session):
            if abs(self.clock.now - space.recorded) >= 60:
                space.recorded, space.ahead = self.clock.now, 0.0
                self._moved(space, self.out / session)
            assert found is not None and (found.last_activity, found.permanent) == (space.recorded, space.permanent)

    @rule(session=A_SESSION, seconds=st.sampled_from([0, 30, 59, 60, PRESENT_S, PRESENT_S + 1]))
    def page_is_connected(self, session: str, seconds: float) -> None:
        self.clock.forward(seconds)
        assert self.store.touch_page(session) == (session in self.model)
        if space := self.model.get(session):
            first = space.seen == 0.0
            if first or abs(self.clock.now - space.seen) >= PRESENCE_EVERY_S - 1:
                space.seen = self.clock.now
                self._moved(space, *([self.out / session] if first else []))

    @rule(session=A_SESSION, permanent=st.booleans())
    def keep(self, session: str, permanent: bool) -> None:
        if space := self.model.get(session):
            self.store.update_session(session, permanent=permanent)
            space.permanent, space.recorded, space.ahead = permanent, self.clock.now, 0.0
            self._moved(space, self.out / session)
        else:
            self._refused(lambda: self.store.update_session(session, permanent=permanent))

    @rule(session=A_SESSION, force=st.booleans())
    def delete_session(self, session: str, force: bool) -> None:
        if session not in self.model:
            self._refused(lambda: self.store.delete_session(session, force=force))
        elif self.model[session].marked and not force:
            self._refused(lambda: self.store.delete_session(session), Conflict)
        else:
            self.store.delete_session(session, force=force)
            del self.model[session]
            assert not any(name.startswith(f".open/{session}") for name in everything(self.out)), "a marker was left"

    @rule(session=A_SESSION, key=st.sampled_from(["aa" * 8, "bb" * 8]), data=st.binary(max_size=8))
    def cache(self, session: str, key: str, data: bytes) -> None:
        if space := self.model.get(session):
            self.store.cache(session).put(key, data)
            space.cache[key] = data
            self._moved(space, self.out / session / "cache", self.out / session)
        else:
            self._refused(lambda: self.store.cache(session))

    # ---- time, work and the sweep

    @rule(seconds=PAUSES)
    def sweep_later(self, seconds: float) -> None:
        self.clock.forward(seconds)
        self._sweep()

    @rule(seconds=st.integers(1, 2 * int(DAY)))
    def clock_is_set_back(self, seconds: int) -> None:
        self.clock.forward(-seconds)
        self._sweep()
        self.clock.forward(CLOCK_SLACK_S)  # what the sweep took for a file server's clock is past from now on

    @rule(session=A_SESSION, seconds=st.integers(int(DAY), 3 * int(DAY)))
    def sweep_while_held(self, session: str, seconds: int) -> None:
        if session in self.model:
            self.clock.forward(seconds)
            with self.store.lease(session):
                self._sweep(held=session)

    @rule(session=A_SESSION)
    def work_ends(self, session: str) -> None:
        if space := self.model.get(session):
            for item in space.marked:
                self.store.markers.drop(session, item)
            space.marked.clear()

    @rule(most=st.integers(1, 4), keep=st.none() | A_SESSION)
    def sweep_by_count(self, most: int, keep: str | None) -> None:
        self._sweep(most=most, keep=keep)

    @rule(seconds=PAUSES, hours=st.sampled_from([4.0, 9.0, 24.0]), most=st.integers(0, 2))
    def sweep_items(self, seconds: float, hours: float, most: int) -> None:
        self.clock.forward(seconds)
        self._sweep(most=most, item_hours=hours)

    @rule(seconds=PAUSES, most=st.integers(0, 2))
    def dry_run(self, seconds: float, most: int) -> None:
        self.clock.forward(seconds)
        before = everything(self.base)
        dry = self.store.cleanup_old_sessions(max_sessions=most, dry_run=True)
        assert everything(self.base) == before, "a dry run changed something"
        assert {removal.id for removal in dry.removed} == set(self._due(None, most, None)), "a dry run that does not tell the truth"

    def _due(self, held: str | None, most: int, keep: str | None) -> list[str]:
        """Who must go now, as retention is written."""
        now = self.clock.now
        spare = sorted(
            (
                (min(space.used, now), name)
                for name, space in self.model.items()
                if not (name in (held, keep) or space.permanent or space.marked or abs(now - space.seen) <= PRESENT_S)
                if not space.holds_kept
            ),
        )
        by_age = [name for used, name in spare if now - used > DAY]
        over = max(0, len(self.model) - len(by_age) - most) if most else 0
        return by_age + [name for _, name in spare[len(by_age) :]][:over]

    def _due_items(self, sessions: set[str], hours: float, keep: str | None) -> set[tuple[str, str]]:
        """Which items of these sessions must go now by their own age."""
        return {
            (name, item)
            for name in sessions
            for item, thing in self.model[name].items.items()
            if not self.model[name].permanent and not thing.item.permanent and item not in self.model[name].marked
            if (hours and self.clock.now - thing.newest > hours * HOUR) or self._is_cleared(name, keep)
        }

    def _is_cleared(self, name: str, keep: str | None) -> bool:
        """A session that stays for the sake of a kept item loses the others when it would have gone by age."""
        space, now = self.model[name], self.clock.now
        spare = space.holds_kept and not (name == keep or space.marked or abs(now - space.seen) <= PRESENT_S)
        return spare and now - min(space.used, now) > DAY

    def _sweep(self, held: str | None = None, most: int = 0, keep: str | None = None, item_hours: float = 0.0) -> None:
        now = self.clock.now
        for name, space in self.model.items():
            if name != held:  # times in the future become now, on sight
                space.recorded = now if space.recorded > now + CLOCK_SLACK_S else space.recorded
                space.newest = now if max(space.newest, space.ahead) > now + CLOCK_SLACK_S else space.newest
                space.ahead = 0.0
                for thing in space.items.values():
                    thing.newest = now if thing.newest > now + CLOCK_SLACK_S else thing.newest
        due = self._due(held, most, keep)
        more = {"item_age_hours": item_hours} if item_hours else {}
        report = self.store.cleanup_old_sessions(max_sessions=most, keep=[keep] if keep else [], **more)
        assert report.errors == () and set(report.odd) == self.odd
        gone = {removal.id for removal in report.removed}
        assert len(gone) == len(due) and {self.model[name].used for name in gone} == {self.model[name].used for name in due}, (
            "what went is not what had to go"
        )
        for name in gone:
            assert not (self.model[name].permanent or self.model[name].marked or name in (held, keep)), "one in use was removed"
            assert abs(now - self.model[name].seen) > PRESENT_S, "the session of a connected page was removed"
            del self.model[name]
        assert report.kept == len(self.model)
        gone_items = {(item.session_id, item.id) for item in report.items}
        assert gone_items == self._due_items(self.model.keys() - {held}, item_hours, keep), (
            "which items went is not which had to go"
        )
        for name, item in gone_items:
            self._refused(functools.partial(self.store.restore_item, name, item))
            del self.model[name].items[item]
        for name, space in self.model.items():
            if name != held and space.seen > now + CLOCK_SLACK_S:
                space.seen = now
        left = [name for name in temporaries(self.out) if held is None or not name.startswith(held)]
        assert left == [], "temporaries were left"
        fresh = {
            (name, item)
            for name, space in self.model.items()
            for item, (_, when) in space.trash.items()
            if abs(now - when) <= UNDO_S
        }
        in_trash = {tuple(name.split("~")[1:4:2]) for name in os.listdir(self.out / ".trash") if name.count("~") == 4}
        assert fresh <= in_trash and len(os.listdir(self.out / ".trash")) == len(in_trash), "dead things in the trash"

    # ---- what crashes and attackers do

    @rule(session=A_SESSION, depth=st.sampled_from([0, 0, 1]), folder=st.sampled_from([False, False, True]))
    def killed_while_writing(self, session: str, depth: int, folder: bool) -> None:
        if space := self.model.get(session):
            place = self.out / session / ("single" if depth else "")
            orphan = place / f".{'work' if folder else 'tmp'}-{uuid.uuid4().hex}"
            if folder:
                orphan.mkdir()
                (orphan / "half").write_bytes(b"half")
                os.utime(orphan / "half", (self.clock.now,) * 2)
            else:
                orphan.write_bytes(b"half")
            os.utime(orphan, (self.clock.now,) * 2)
            self._moved(space, place)

    @rule(session=A_SESSION, years=st.integers(1, 10))
    def dated_in_the_future(self, session: str, years: int) -> None:
        if space := self.model.get(session):
            record, when = self.out / session / "session.json", self.clock.now + years * 365 * DAY
            os.utime(record, (when, when))
            space.ahead = when

    @rule(thing=A_THING)
    def other_spelling(self, thing: tuple[str, str]) -> None:
        session, item = thing
        before = everything(self.base)
        pairs = [(alias(session), item) for alias in ALIASES] + [(session, alias(item)) for alias in ALIASES]
        for pair in pairs:
            if pair != thing:
                self._refused(functools.partial(self.store.get_item, *pair))
                self._refused(functools.partial(self.store.write_file, *pair, FILES[0], b"x"))
                self._refused(functools.partial(self.store.delete_item, *pair, force=True))
                assert pair[0] == session or self.store.get_session(pair[0]) is None
        assert everything(self.base) == before

    @rule(thing=A_THING, other=A_SESSION)
    def somebody_elses(self, thing: tuple[str, str], other: str) -> None:
        session, item = thing
        if other != session and item not in (
            self.model[other].items.keys() | self.model[other].trash if other in self.model else ()
        ):
            before = everything(self.base)
            self._refused(lambda: self.store.get_item(other, item))
            self._refused(lambda: self.store.file_path(other, item, FILES[0]))
            self._refused(lambda: self.store.delete_item(other, item, force=True))
            self._refused(lambda: self.store.restore_item(other, item))
            assert everything(self.base) == before

    @rule(thing=A_THING)
    def other_file(self, thing: tuple[str, str]) -> None:
        for name in ("../../victim/keep", "/etc/passwd", "item.json", "job.json", "..", "a\0", "", "c.mp3"):
            self._refused(functools.partial(self.store.file_path, *thing, name))

    @rule(kind=st.sampled_from(["link", "fifo", "file", "folder", "legacy"]))
    def plant(self, kind: str) -> None:
        name = "single" if kind == "legacy" else str(uuid.uuid4())
        if name in self.odd:
            return
        path = self.out / name
        if kind == "link":
            path.symlink_to(self.base / "victim")
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "file":
            path.write_text("x")
        else:
            path.mkdir()
            (path / "old.mp3").write_bytes(b"legacy")
        if kind != "link":
            os.utime(path, (1.0, 1.0))
        self.odd.add(name)

    @rule(session=A_SESSION)
    def link_inside(self, session: str) -> None:
        """A link to a victim inside a session; the sweep must not follow it."""
        if session in self.model and not (self.out / session / "link").is_symlink():
            (self.out / session / "link").symlink_to(self.base / "victim")

    # ---- what must hold after every step

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        for session, space in self.model.items():
            listed, total = self.store.list_items(session, limit=1000)
            wanted = [thing.item for name, thing in space.items.items() if thing.item.kind != "sample"]
            wanted.sort(key=lambda item: names.by_time(item.id), reverse=True)
            assert listed == wanted and total == len(wanted), "the list is not what was made"
            for name, thing in space.items.items():
                assert thing.item.kind != "sample" or self.store.get_item(session, name) == thing.item
                for file, data in thing.files.items():
                    assert self.store.file_path(session, name, file).read_bytes() == data, "bytes were lost or changed"
            for key, data in space.cache.items():
                assert self.store.cache(session).get(key) == data
            usage = self.store.usage(session)
            linked = (self.out / session / "link").is_symlink()
            assert linked or usage.size_bytes == size_of_files(self.out / session), "usage is not what lies on the disk"
            assert usage.item_count == len(wanted)

    @invariant()
    def nothing_else_is_there(self) -> None:
        found = {path.name for path in self.out.iterdir() if not path.name.startswith(".")}
        assert found == set(self.model) | self.odd, "sessions on disk are not those that were made"
        assert set(self.store.get_all_session_ids()) == set(self.model)
        marked = {(session, item) for session, space in self.model.items() for item in space.marked}
        assert set(self.store.markers.ids()) == marked

    @invariant()
    def nothing_outside_was_touched(self) -> None:
        assert self._outside() == self.outside, "something outside was touched"
        assert {path.name for path in self.base.iterdir()} == {"outputs", "victim"}

    # ---- helpers

    def some_session(self, luck: int, number: int) -> str:
        """A session: mostly one that lives."""
        alive = list(self.model) if luck else []
        return (alive or self.made)[number % len(alive or self.made)]

    def some_thing(self, luck: int, number: int) -> tuple[str, str]:
        """A session and an item: mostly one that is there, now and then one that was deleted."""
        alive = [(session, item) for session, space in self.model.items() for item in space.items]
        return (alive if alive and luck > 1 else self.things)[number % len(alive if alive and luck > 1 else self.things)]

    def some_deleted_thing(self, luck: int, number: int) -> tuple[str, str]:
        """A session and an item: mostly one in the trash."""
        trashed = [(session, item) for session, space in self.model.items() for item in space.trash]
        return trashed[-1 - number % len(trashed)] if trashed and luck else self.some_thing(luck, number)

    def _known(self, session: str, item: str) -> Thing | None:
        return self.model[session].items.get(item) if session in self.model else None

    def _outside(self) -> object:
        keep = self.base / "victim" / "keep"
        return everything(self.base / "victim"), keep.stat().st_mtime if keep.exists() else None

    def _moved(self, space: Space, *folders: Path) -> None:
        space.newest = max(space.newest, self.clock.now)
        for folder in folders:
            os.utime(folder, (self.clock.now, self.clock.now))

    def _refused(self, act: Callable[[], object], error: type[Exception] = NotFound) -> None:
        try:
            act()
        except error:
            return
        raise AssertionError(f"not refused with {error.__name__}")


def found(store_class: type[SessionManager], runs: int, steps: int) -> str | None:
    """None if every promise was kept, else what the machine says about the one that was not, without making it smaller."""
    held = type(f"{store_class.__name__}Machine", (StoreMachine,), {"store_class": store_class})
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,  # a bug that is found is found each time
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    try:
        run_state_machine_as_test(held, settings=chosen)  # type: ignore[no-untyped-call]
    except AssertionError as exc:
        return (str(exc).splitlines() or [""])[0] or "an assertion without words"
    return None
