"""One pass of retention over the outputs folder: look at all, decide, move what goes to the trash, say what was done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from utils.errors import NotFound
from utils.storage import items, locks, names, remove, replies, search, sessions
from utils.storage.atomic import TEMPORARY, Folder
from utils.storage.markers import Markers
from utils.storage.retention import ItemFacts, ItemRemoval, Removal, SessionFacts, decide, decide_items, must_clear
from utils.storage.survey import CLOCK_SLACK_S, Survey, survey_folder, tidy
from utils.storage.trash import Trash

UNFINISHED_S = 60.0  # a session or key that is being made takes milliseconds
BATCH = 256  # so many are moved, then the folder is flushed once, then they are deleted


@dataclass(frozen=True)
class Rule:
    """What a sweep goes by.

    Attributes:
        now: Seconds since the epoch.
        max_age_s: Sessions not used for longer go; 0 = none by age.
        max_sessions: Most that remain; 0 = no limit.
        item_age_s: Items of other sessions not changed for longer go; 0 = none.
        keep: Sessions that stay in any case.
        dry_run: Only say what would go.
    """

    now: float
    max_age_s: float
    max_sessions: int = 0
    item_age_s: float = 0.0
    keep: Collection[str] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class SweepReport:
    """What a sweep did, or would do.

    Attributes:
        removed: Sessions that went and why, oldest use first.
        kept: How many sessions remain.
        active: How many of those have open work or a page connected.
        odd: Names in the outputs folder that are not ours; they were left alone.
        freed_bytes: Size of what was removed, sessions and items.
        seconds: How long it took.
        errors: `<id>: <what>` of sessions that could not be looked at or removed.
        dry_run: Nothing was removed.
        items: Items that went by their own age from sessions that remain, oldest change first.
        looked_at: How many sessions there were.
    """

    removed: tuple[Removal, ...] = ()
    kept: int = 0
    active: int = 0
    odd: tuple[str, ...] = ()
    freed_bytes: int = 0
    seconds: float = 0.0
    errors: tuple[str, ...] = ()
    dry_run: bool = False
    items: tuple[ItemRemoval, ...] = ()
    looked_at: int = 0


def sweep(outputs: Path, trash: Trash, markers: Markers, rule: Rule, done: Callable[[Folder, SweepReport], None]) -> SweepReport:
    """Remove what retention says. One server at a time does this on a shared folder; one broken session does not stop it.

    `done` is told the report while nobody else sweeps.
    """
    with Folder.open(outputs) as root, trash.opened() as turn, locks.alone(turn):
        started = time.monotonic()
        seen = _Pass(root, trash, markers, rule)
        seen.look()
        for removal in decide(rule.now, list(seen.facts.values()), rule.max_age_s, rule.max_sessions, rule.keep):
            seen.remove(removal)
        seen.flush()
        if not rule.dry_run:
            trash.empty(rule.now)
        report = SweepReport(
            removed=tuple(sorted(seen.gone, key=lambda gone: (gone.last_used, gone.id))),
            kept=len(seen.facts),
            active=sum(facts.active for facts in seen.facts.values()),
            odd=tuple(sorted(seen.odd)),
            freed_bytes=sum(gone.size_bytes for gone in seen.gone) + sum(item.size_bytes for item in seen.gone_items()),
            seconds=time.monotonic() - started,
            errors=tuple(f"{name}: {what}" for name, what in seen.errors.items()),
            dry_run=rule.dry_run,
            items=tuple(seen.gone_items()),
            looked_at=seen.looked_at,
        )
        done(root, report)
    return report


class _Pass:
    """One sweep under way: facts about the sessions that remain, those that are gone, and what else was found."""

    def __init__(self, root: Folder, trash: Trash, markers: Markers, rule: Rule) -> None:
        self.root, self.trash, self.markers, self.rule = root, trash, markers, rule
        self.facts: dict[str, SessionFacts] = {}
        self.gone: list[Removal] = []
        self.items: dict[str, list[ItemRemoval]] = {}
        self.odd: list[str] = []
        self.errors: dict[str, str] = {}
        self.looked_at = 0
        self._dead: list[str] = []  # in the trash, not deleted yet

    def look(self) -> None:
        """Collect facts about every session and remove what goes by age at once, while it is held.

        What is not ours is noted and left alone.
        """
        busy = self.markers.sessions()
        for name, is_folder in _entries(self.root):
            if name.startswith("."):
                if name.startswith(TEMPORARY) and not self.rule.dry_run:
                    self._clear(name)
            elif is_folder and names.is_session_id(name):
                self._guarded(name, lambda folder: self._judge(folder, busy))
            else:
                self.odd.append(name)

    def remove(self, removal: Removal) -> None:
        """Remove a session, unless somebody began to use it since we looked."""
        if self.rule.dry_run:
            self._gone(removal)
            return
        before = self.facts[removal.id]

        def again(folder: Folder) -> None:
            with locks.alone(folder, wait_s=0):
                busy = removal.id in self.markers.sessions()  # before the look, which then sees whatever was written until now
                facts = self._note(folder, survey_folder(folder, self.rule.now), busy)
                if not (facts.active or facts.permanent or facts.holds_kept or facts.last_used > before.last_used):
                    self._take(facts, removal)

        self._guarded(removal.id, again)

    def gone_items(self) -> list[ItemRemoval]:
        """Items that went from sessions that remain, oldest change first."""
        found = [item for session in self.items.values() for item in session]
        return sorted(found, key=lambda item: (item.last_changed, item.session_id, item.id))

    def flush(self) -> None:
        """What was moved to the trash stays there through a power failure; then it may be deleted."""
        if self._dead:
            self.root.flush()
            self.trash.delete(self._dead)
            self._dead = []

    def _guarded(self, name: str, work: Callable[[Folder], None]) -> None:
        """Do something with a session's folder; a broken one is noted and does not stop the rest."""
        try:
            with self.root.sub(name) as folder:
                work(folder)
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile
            self.facts.pop(name, None)
        except locks.Busy:
            self.facts[name] = replace(self.facts[name], active=True)
        except (OSError, ValueError) as exc:  # ValueError: a damaged record, which we cannot judge and therefore leave
            self.errors[name] = type(exc).__name__
        if len(self._dead) >= BATCH:
            self.flush()

    def _judge(self, folder: Folder, busy: set[str]) -> None:
        name, rule = folder.path.name, self.rule
        if sessions.is_passing(folder):  # no person's: it neither counts nor goes by these rules, see storage.passing
            return
        with_items = rule.item_age_s > 0
        if rule.dry_run:
            found = survey_folder(folder, rule.now, items=with_items)
            facts = self._first(folder, found, name in busy)
            if facts and not decide(rule.now, [facts], rule.max_age_s, 0, rule.keep):
                self._items(folder, found, facts)
            return
        try:
            with locks.alone(folder, wait_s=0):
                found = survey_folder(folder, rule.now, items=with_items)
                facts = self._first(folder, found, name in busy, tidying=True)
                gone = decide(rule.now, [facts], rule.max_age_s, 0, rule.keep) if facts else []
                if facts and gone:
                    self._take(facts, gone[0])
                elif facts:
                    self._items(folder, found, facts)
                    replies.clear_session(folder, rule.now)
        except locks.Busy:
            self._first(folder, survey_folder(folder, rule.now), True)

    def _first(self, folder: Folder, found: Survey, active: bool, *, tidying: bool = False) -> SessionFacts | None:
        """What the first look at a folder finds; None when it is named like a session, but was not made by us."""
        if not found.has_record:
            self.odd.append(folder.path.name)
            return None
        self.looked_at += 1
        return self._note(folder, found, active, tidying=tidying)

    def _note(self, folder: Folder, found: Survey, active: bool, *, tidying: bool = False) -> SessionFacts:
        session, now = sessions.read(folder), self.rule.now
        late = session.last_activity > now + CLOCK_SLACK_S
        if tidying and (found.untidy or late):
            if late:
                record = replace(session, last_activity=now)
                folder.write(sessions.RECORD, record.as_bytes(), durable=False, when=now)
            tidy(folder, now)
        used = min(now, max(found.newest, session.last_activity))
        active = active or abs(now - found.seen_at) <= sessions.PRESENT_S
        holds_kept = found.has_kept and items.any_permanent(folder)
        facts = SessionFacts(folder.path.name, used, session.permanent, active, found.size_bytes, holds_kept)
        self.facts[facts.id] = facts
        return facts

    def _items(self, folder: Folder, found: Survey, owner: SessionFacts) -> None:
        """Remove items whose own time is up from a session that stays, unless it is permanent; the caller holds it."""
        rule = self.rule
        clear = must_clear(rule.now, owner, rule.max_age_s, rule.keep)
        if owner.permanent or not (clear or rule.item_age_s > 0):
            return
        if clear and not found.items:
            found = survey_folder(folder, rule.now, items=True)
        session_id = folder.path.name
        facts, places = [], {}
        for (place, item_id), inside in found.items.items():
            if not (clear or rule.now - inside.newest > rule.item_age_s) or not names.is_item_id(item_id):
                continue
            with suppress(NotFound, OSError), folder.sub(place) as parent, parent.sub(item_id) as own:
                permanent, is_open = items.read(own).permanent, self.markers.has(session_id, item_id)
                facts.append(ItemFacts(session_id, item_id, inside.newest, permanent, is_open, inside.size_bytes))
                places[item_id] = place
        gone = decide_items(rule.now, facts, rule.item_age_s, all_of_them=clear)
        taken = gone if self.rule.dry_run else [item for item in gone if self._take_item(folder, places[item.id], item)]
        if taken:
            self.items[session_id] = taken

    def _take_item(self, folder: Folder, place: str, item: ItemRemoval) -> bool:
        if self.markers.has(item.session_id, item.id):  # since we looked
            return False
        with folder.sub(place) as parent:
            self._dead.append(self.trash.take_dead_item(parent, item.id))
            parent.flush()
        with suppress(OSError):  # the words by which it was found go with it, and make the session no younger
            before = folder.stat(search.INDEX).st_mtime
            search.forget(folder, item.id)
            folder.date(search.INDEX, before)
        return True

    def _take(self, facts: SessionFacts, removal: Removal) -> None:
        if self.markers.ids(facts.id):  # since we looked
            self.facts[facts.id] = replace(facts, active=True)
            return
        self._dead.append(self.trash.take_session(self.root, facts.id))
        self._gone(replace(removal, last_used=facts.last_used))

    def _gone(self, removal: Removal) -> None:
        self.facts.pop(removal.id, None)
        self.items.pop(removal.id, None)  # they are in its size
        self.gone.append(removal)

    def _clear(self, name: str) -> None:
        """Remove a session or key that a killed process did not finish making."""
        with suppress(OSError):
            if abs(self.rule.now - self.root.stat(name).st_mtime) >= UNFINISHED_S:
                remove.entry(self.root, name)


def _entries(root: Folder) -> list[tuple[str, bool]]:
    """(name, is a real folder) of everything in the outputs folder."""
    with os.scandir(root.path if root.descriptor is None else root.descriptor) as found:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
