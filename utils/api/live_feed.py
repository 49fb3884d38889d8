"""What goes to whoever looks at a recording: the words as they come, and in the end the final text.

However many look at a recording, one task of this process looks at the disk for all of them, and only where something has changed.
Who reads slowly is told less often, and then more at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread

from utils.errors import AppError, NotFound
from utils.services import Services
from utils.storage.live_facts import LIVE
from utils.storage.recordings import ABOUT, CAPTIONS
from utils.workflows import live, live_ending

LOOK_EVERY_S = 0.1
LOOKS_A_JOB = 5  # at every fifth look: how far is the work?
log = logging.getLogger(__name__)
Tell = Callable[[dict[str, Any]], Awaitable[None]]


class Words:
    """Reads captions.jsonl as it grows.

    Attributes:
        offset: How much of it was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset = 0
        self._first = True

    def read(self) -> dict[str, Any] | None:
        """All that is new as one event, or None."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return None
        data = data[: data.rfind(b"\n") + 1]
        self.offset += len(data)
        found = [json.loads(line) for line in data.splitlines()]
        if not found:
            return None
        committed = "".join(line["committed"] for line in found)
        event = {"event": "words", "committed": committed, "tentative": found[-1]["tentative"], "end": found[-1]["end"]}
        if len(found) > 1:
            event["ends"] = [[len(line["committed"]), line["end"]] for line in found if line["committed"]]
        if self._first:
            event, self._first = {**event, "all": True, **self._quality()}, False
        return event

    def _quality(self) -> dict[str, str]:
        """A sentence, if the captions are only a draft."""
        try:
            engine = json.loads(self._path.with_name(ABOUT).read_bytes())["engine"]
        except (OSError, ValueError, KeyError):
            return {}
        from utils.transcription.models import DRAFT_NOTE

        return {"draft": DRAFT_NOTE} if engine == "draft" else {}


class Feed:
    """A recording as this process sees it.

    Attributes:
        home: Of the item.
        size: Bytes of its captions.
        marks: Moments that are marked.
        is_over: It has ended, and so has all work on it.
        broken: Why there are no more captions though it is open, one sentence; or "".
        wrong: Why it cannot be looked at any more, or None.
    """

    def __init__(self, services: Services, session_id: str, item_id: str) -> None:
        self._services = services
        self._place = (session_id, item_id)
        self._told = asyncio.Event()
        self._captioned = False
        self._open_as: tuple[int, int] | None = None  # live.json when the recording was seen open
        self.home = Path()
        self.size = -1
        self.marks: tuple[float, ...] = ()
        self.is_over = False
        self.broken = ""
        self.wrong: AppError | None = None
        self.watchers = 0

    async def run(self) -> None:
        """Look until it is over."""
        looks = 0
        try:
            self.home = await to_thread.run_sync(self._services.sessions.item_path, *self._place)
            while not self.is_over:
                marked, broken = len(self.marks), self.broken
                over = looks % LOOKS_A_JOB == 0 and await self._over()
                looks += 1
                before, self.size = self.size, _size(self.home / CAPTIONS)  # after the look at the work: nothing comes any more
                self.is_over = over
                if over or self.size != before or len(self.marks) != marked or self.broken != broken:
                    self._tell()
                if not over:
                    await asyncio.sleep(LOOK_EVERY_S)
        except AppError as exc:
            self.wrong = exc
            self._tell()
        except Exception:  # a defect of ours: nobody must wait for what never comes
            log.exception("event=recording_not_looked_at session=%s", self._place[0])
            self.wrong = AppError("The captions cannot be shown any more.", "The recording goes on; its text is there at the end.")
            self._tell()

    async def news(self, offset: int, marks: int, broken: str) -> None:
        """Wait until there is more than that to tell, or it is over. Raises what keeps it from that.

        Args:
            offset: So much of the captions is told.
            marks: So many of the marks.
            broken: That of `broken`.
        """
        while self.wrong is None and not self.is_over:
            if self.size > offset or len(self.marks) > marks or self.broken != broken:
                return
            await self._told.wait()
        if self.wrong is not None:
            raise self.wrong

    def _tell(self) -> None:
        self._told.set()
        self._told = asyncio.Event()

    async def _over(self) -> bool:
        as_now = _signature(self.home / LIVE)
        if as_now is not None and as_now == self._open_as:
            if self._captioned and not self.broken and not self._services.jobs.is_open(*self._place):
                self.broken = await to_thread.run_sync(_broken, self._services, *self._place)
            return False
        is_open, over, self.marks, self._captioned = await to_thread.run_sync(_standing, self._services, *self._place)
        self._open_as = as_now if is_open else None
        return over


class Feeds:
    """All recordings that somebody looks at in this process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._feeds: dict[tuple[str, str], tuple[Feed, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def of(self, session_id: str, item_id: str) -> AsyncIterator[Feed]:
        """That of one recording, for as long as somebody looks."""
        place = (session_id, item_id)
        feed, task = self._feeds.get(place) or self._begun(place)
        feed.watchers += 1
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                task.cancel()
                if self._feeds.get(place) == (feed, task):
                    del self._feeds[place]

    def _begun(self, place: tuple[str, str]) -> tuple[Feed, asyncio.Task[None]]:
        feed = Feed(self._services, *place)
        self._feeds[place] = feed, asyncio.create_task(feed.run())
        return self._feeds[place]

    async def follow(self, session_id: str, item_id: str, tell: Tell) -> None:
        """Tell words until all work on the recording is over, then the final text. Returns then, or when the item is gone."""
        try:
            async with self.of(session_id, item_id) as feed:
                words: Words | None = None
                marks, broken = 0, ""
                while True:
                    await feed.news(words.offset if words else -1, marks, broken)
                    over = feed.is_over
                    if feed.broken != broken:
                        broken = feed.broken
                        event = {"event": "status", "status": "recording", "item_id": item_id, "captions": False}
                        await tell({**event, "note": broken})
                    if len(feed.marks) > marks:
                        marks = len(feed.marks)
                        await tell({"event": "marks", "marks": list(feed.marks)})
                    words = words or Words(feed.home / CAPTIONS)
                    heard = await to_thread.run_sync(words.read) if feed.size > words.offset else None
                    if heard is not None:
                        await tell(heard)
                    if over:
                        break
            for event in await to_thread.run_sync(_last, self._services, session_id, item_id):
                await tell(event)
        except NotFound:
            await tell({"event": "error", "code": "gone", "detail": "The recording was deleted."})


def _size(path: Path) -> int:
    """One look at the disk, quick enough for an event loop."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _signature(path: Path) -> tuple[int, int] | None:
    """Tells one version of a file from the next, which takes its place; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _standing(services: Services, session_id: str, item_id: str) -> tuple[bool, bool, tuple[float, ...], bool]:
    """Is the recording open, is all work on it over, what was marked, and are captions wanted?"""
    facts = services.sessions.recording(session_id, item_id)
    if facts.is_open:
        return True, False, facts.marks, facts.captions
    if services.jobs.is_open(session_id, item_id):
        return False, False, facts.marks, facts.captions
    if services.sessions.open_recordings.has(session_id, item_id):
        live_ending.finish(services, session_id, item_id)  # its captions broke off, or its files could not be made
    return False, not services.sessions.open_recordings.has(session_id, item_id), facts.marks, facts.captions


def _broken(services: Services, session_id: str, item_id: str) -> str:
    """Why nothing makes captions any more, or "" if the recording has just ended."""
    facts = services.sessions.recording(session_id, item_id)
    if not facts.is_open:
        return ""
    job = services.jobs.status(session_id, item_id)
    why = str((job.error or {}).get("sentence", "")) if job.state == "failed" else ""
    then = "The recording goes on, and its transcript is made at the end." if facts.transcript else "The recording goes on."
    return " ".join(filter(None, ("The captions broke off.", why, then)))


def _last(services: Services, session_id: str, item_id: str) -> list[dict[str, Any]]:
    """How it all went."""
    job = services.jobs.status(session_id, item_id)
    if job.state == "failed":
        error = job.error or {}
        told = {"event": "error", "code": error.get("code", "internal"), "detail": error.get("sentence", "")}
        return [told, {"event": "status", "status": "error", "item_id": item_id}]
    item = services.sessions.get_item(session_id, item_id)
    text = live.text_of(services, session_id, item)
    final = {"event": "final", "item_id": item_id, "text": text}
    return [final, {"event": "status", "status": "complete", "item_id": item_id}]
