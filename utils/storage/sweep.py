"""One pass of retention over the outputs folder: look at all, decide, move what goes to the trash, say what was done."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from utils.storage import locks, names, sessions
from utils.storage.atomic import TEMPORARY, Folder
from utils.storage.markers import Markers
from utils.storage.retention import Removal, SessionFacts, decide
from utils.storage.survey import CLOCK_SLACK_S, survey, tidy
from utils.storage.trash import Trash

UNFINISHED_S = 60.0  # a session or key that is being made takes milliseconds


@dataclass(frozen=True)
class SweepReport:
    """What a sweep did, or would do.

    Attributes:
        removed: Sessions that went and why, oldest use first.
        kept: How many sessions remain.
        active: How many of those have open work.
        odd: Names in the outputs folder that are not ours; they were left alone.
        freed_bytes: Size of what was removed.
        seconds: How long it took.
        errors: `<id>: <what>` of sessions that could not be looked at or removed.
        dry_run: Nothing was removed.
    """

    removed: tuple[Removal, ...] = ()
    kept: int = 0
    active: int = 0
    odd: tuple[str, ...] = ()
    freed_bytes: int = 0
    seconds: float = 0.0
    errors: tuple[str, ...] = ()
    dry_run: bool = False


def sweep(
    outputs: Path,
    trash: Trash,
    markers: Markers,
    *,
    now: float,
    max_age_s: float,
    max_sessions: int,
    keep: Collection[str] = (),
    dry_run: bool = False,
) -> SweepReport:
    """Remove what retention says. One server at a time does this on a shared folder; one broken session does not stop it."""
    started = time.monotonic()
    with Folder.open(outputs) as root, trash.opened() as turn, locks.alone(turn):
        seen = _Pass(root, trash, markers, now, max_age_s, keep, dry_run)
        seen.look()
        for removal in decide(now, list(seen.facts.values()), max_age_s, max_sessions, keep):
            seen.remove(removal)
        if not dry_run:
            root.flush()
            trash.empty(now)
    return SweepReport(
        removed=tuple(removal for _, removal in sorted(seen.gone, key=lambda pair: (pair[0], pair[1].id))),
        kept=len(seen.facts),
        active=sum(facts.active for facts in seen.facts.values()),
        odd=tuple(sorted(seen.odd)),
        freed_bytes=sum(removal.size_bytes for _, removal in seen.gone),
        seconds=time.monotonic() - started,
        errors=tuple(f"{name}: {what}" for name, what in seen.errors.items()),
        dry_run=dry_run,
    )


class _Pass:
    """One sweep under way: facts about the sessions that remain, those that are gone, and what else was found."""

    def __init__(
        self, root: Folder, trash: Trash, markers: Markers, now: float, max_age_s: float, keep: Collection[str], dry_run: bool
    ) -> None:
        self.root, self.trash, self.markers = root, trash, markers
        self.now, self.max_age_s, self.keep, self.dry_run = now, max_age_s, keep, dry_run
        self.facts: dict[str, SessionFacts] = {}
        self.gone: list[tuple[float, Removal]] = []  # with the time of last use
        self.odd: list[str] = []
        self.errors: dict[str, str] = {}

    def look(self) -> None:
        """Collect facts about every session and remove those that go by age at once, while they are held.

        What is not ours is noted and left alone.
        """
        busy = self.markers.sessions()
        for name in self.root.names():
            if name.startswith("."):
                if name.startswith(TEMPORARY) and not self.dry_run:
                    self._clear(name)
            elif names.is_session_id(name) and self.root.is_folder(name):
                self._guarded(name, lambda folder: self._judge(folder, busy))
            else:
                self.odd.append(name)

    def remove(self, removal: Removal) -> None:
        """Remove a session, unless somebody began to use it since we looked."""
        if self.dry_run:
            self.gone.append((self.facts.pop(removal.id).last_used, removal))
            return
        before = self.facts[removal.id]

        def again(folder: Folder) -> None:
            with locks.alone(folder, wait_s=0):
                facts = self._note(folder, removal.id in self.markers.sessions())
                if not (facts.active or facts.permanent or facts.last_used > before.last_used):
                    self._take(facts, removal)

        self._guarded(removal.id, again)

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

    def _judge(self, folder: Folder, busy: set[str]) -> None:
        if sessions.RECORD not in folder.names():
            self.odd.append(folder.path.name)  # named like a session, but not made by us
            return
        if self.dry_run:
            self._note(folder, folder.path.name in busy)
            return
        try:
            with locks.alone(folder, wait_s=0):
                facts = self._note(folder, folder.path.name in busy, tidying=True)
                for removal in decide(self.now, [facts], self.max_age_s, 0, self.keep):
                    self._take(facts, removal)
        except locks.Busy:
            self._note(folder, True)

    def _note(self, folder: Folder, active: bool, *, tidying: bool = False) -> SessionFacts:
        session, found = sessions.read(folder), survey(folder.path, self.now)
        late = session.last_activity > self.now + CLOCK_SLACK_S
        if tidying and (found.untidy or late):
            if late:
                record = replace(session, last_activity=self.now)
                folder.write(sessions.RECORD, record.as_bytes(), durable=False, when=self.now)
            tidy(folder, self.now)
        used = min(self.now, max(found.newest, session.last_activity))
        facts = SessionFacts(folder.path.name, used, session.permanent, active, found.size_bytes)
        self.facts[facts.id] = facts
        return facts

    def _take(self, facts: SessionFacts, removal: Removal) -> None:
        if self.markers.ids(facts.id):  # since we looked
            self.facts[facts.id] = replace(facts, active=True)
            return
        self.trash.take_session(self.root, facts.id)
        del self.facts[facts.id]
        self.gone.append((facts.last_used, removal))

    def _clear(self, name: str) -> None:
        """Remove a session or key that a killed process did not finish making."""
        with suppress(OSError):
            facts = self.root.stat(name)
            if abs(self.now - facts.st_mtime) < UNFINISHED_S:
                return
            if stat.S_ISDIR(facts.st_mode):
                shutil.rmtree(self.root.path / name)
            else:
                os.unlink(self.root.path / name)
