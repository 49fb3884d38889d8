"""What goes to whoever looks at a recording: the words as they come, and in the end the final text."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from anyio import to_thread

from utils.errors import NotFound
from utils.services import Services
from utils.storage.recordings import CAPTIONS
from utils.workflows import live, live_ending

LOOK_EVERY_S = 0.1
JOB_EVERY_S = 0.5
Tell = Callable[[dict[str, Any]], Awaitable[None]]


class Words:
    """Reads captions.jsonl as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._first = True

    @property
    def has_more(self) -> bool:
        """The file has grown; one look at the disk, quick enough for an event loop."""
        try:
            return os.stat(self._path).st_size > self._offset
        except OSError:
            return False

    def read(self) -> dict[str, Any] | None:
        """All that is new as one event, or None."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return None
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        found = [json.loads(line) for line in data.splitlines()]
        if not found:
            return None
        committed = "".join(line["committed"] for line in found)
        event = {"event": "words", "committed": committed, "tentative": found[-1]["tentative"], "end": found[-1]["end"]}
        if len(found) > 1:
            event["ends"] = [[len(line["committed"]), line["end"]] for line in found if line["committed"]]
        if self._first:
            event, self._first = {**event, "all": True}, False
        return event


async def follow(services: Services, session_id: str, item_id: str, tell: Tell) -> None:
    """Tell words until the recording and all work on it are over, then the final text. Returns then, or when the item is gone."""
    try:
        home = await to_thread.run_sync(services.sessions.item_path, session_id, item_id)
        words, looks, marks, over = Words(home / CAPTIONS), 0, 0, False
        while True:
            if looks % round(JOB_EVERY_S / LOOK_EVERY_S) == 0:
                over, marked = await to_thread.run_sync(_look, services, session_id, item_id)
                if len(marked) > marks:
                    marks = len(marked)
                    await tell({"event": "marks", "marks": list(marked)})
            looks += 1
            if words.has_more:
                event = await to_thread.run_sync(words.read)
                if event is not None:
                    await tell(event)
            if over:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        for event in await to_thread.run_sync(_last, services, session_id, item_id):
            await tell(event)
    except NotFound:
        await tell({"event": "error", "code": "gone", "detail": "The recording was deleted."})


def _look(services: Services, session_id: str, item_id: str) -> tuple[bool, tuple[float, ...]]:
    """Whether the recording and all work on it are over; and what was marked."""
    facts = services.sessions.recording(session_id, item_id)
    if facts.is_open or services.jobs.is_open(session_id, item_id):
        return False, facts.marks
    if services.sessions.open_recordings.has(session_id, item_id):
        live_ending.finish(services, session_id, item_id)  # its captions broke off, or its files could not be made
    return not services.sessions.open_recordings.has(session_id, item_id), facts.marks


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
