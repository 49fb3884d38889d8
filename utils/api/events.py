"""Events of a job (`text/event-stream`): how it stands, told whenever that changes, until it is over.

Every event is the whole status, so a reader that was slow or away misses nothing that still counts; its id is a digest of it, so
`Last-Event-ID` works across restarts and servers. One look serves all who watch the same job, and a reader that does not read holds
nothing but its connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from anyio import to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from utils.errors import AppError, NotFound, TooMany

HEART_BEAT_S = 15.0  # proxies close what is silent for a minute
LIFE_S = 600.0  # then the reader comes again by itself, which lets go of what a proxy kept open for nobody
AGAIN_S = 1.0  # after which a reader comes again
LOOKS_S = (0.1, 1.0)  # shortest and longest pause between two looks; it grows while nothing changes
GROWTH = 1.3
MOST_A_SESSION = 16
MOST = 400

log = logging.getLogger(__name__)

Look = Callable[[], tuple[str, bool]]  # how the job stands as JSON, and whether it is open; raises NotFound


def event(name: str, data: str, mark: str = "") -> bytes:
    """One event in the form that browsers read."""
    lines = [f"event: {name}", *([f"id: {mark}"] if mark else []), *(f"data: {line}" for line in data.split("\n"))]
    return ("\n".join(lines) + "\n\n").encode()


def mark_of(data: str) -> str:
    """The id of an event with this data."""
    return hashlib.sha256(data.encode()).hexdigest()[:16]


@dataclass
class _Watch:
    """One job that somebody looks at."""

    look: Look
    data: str = ""
    is_open: bool = True
    gone: bool = False
    broken: bool = False
    readers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Wake all readers."""
        self.changed.set()
        self.changed = asyncio.Event()


class Watches:
    """All jobs that are watched in this process. Used on the server's loop only."""

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Nothing is watched yet; once `stopping` says so, every stream ends: a server waits for its open answers."""
        self._stopping = stopping
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._readers: Counter[str] = Counter()

    def admit(self, session_id: str) -> Callable[[], None]:
        """Count one more stream, at once: many may be asked for before the first one begins.

        Returns:
            What ends the counting; to be called when the stream is over, whether it has begun or not. Once more does no harm.

        Raises:
            TooMany: This session, or everybody together, watches as much as is allowed.
        """
        if self._readers[session_id] >= MOST_A_SESSION or self._readers.total() >= MOST:
            hint = "Close one, or ask for the job's status instead."
            raise TooMany("Too many streams of events are open.", hint, retry_after_s=AGAIN_S)
        self._readers[session_id] += 1
        counted = [session_id]

        def leave() -> None:
            while counted:
                self._readers[counted.pop()] -= 1
                self._readers += Counter()  # without the zeros

        return leave

    async def follow(self, session_id: str, job_id: str, look: Look, last: str) -> AsyncIterator[bytes]:
        """Events of a job until it is over, it is gone, the server stops, or LIFE_S have passed.

        Args:
            session_id: Whose.
            job_id: Which.
            look: Asked for how it stands.
            last: Id of the last event that the reader knows.
        """
        watch = self._join(session_id, job_id, look)
        ends = time.monotonic() + LIFE_S
        try:
            yield f"retry: {AGAIN_S * 1000:.0f}\n\n".encode()
            while True:
                changed = watch.changed
                if watch.gone:
                    yield event("gone", "{}")
                    return
                if watch.broken:  # the reader comes again by itself, and meets a new watch
                    return
                if watch.data and (mark := mark_of(watch.data)) != last:
                    last = mark
                    yield event("status", watch.data, mark)
                    continue  # while a slow reader took it, more may have happened
                if (watch.data and not watch.is_open) or self._stopping() or time.monotonic() >= ends:
                    return
                try:
                    await asyncio.wait_for(changed.wait(), HEART_BEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._leave(session_id, job_id, watch)

    def _join(self, session_id: str, job_id: str, look: Look) -> _Watch:
        watch = self._watches.get((session_id, job_id))
        if watch is None:
            watch = self._watches[session_id, job_id] = _Watch(look)
            watch.task = asyncio.get_running_loop().create_task(self._look_after(session_id, job_id, watch))
        watch.readers += 1
        return watch

    def _leave(self, session_id: str, job_id: str, watch: _Watch) -> None:
        watch.readers -= 1
        if not watch.readers:
            if self._watches.get((session_id, job_id)) is watch:
                del self._watches[session_id, job_id]
            if watch.task:
                watch.task.cancel()

    async def _look_after(self, session_id: str, job_id: str, watch: _Watch) -> None:
        try:
            await self._keep_looking(watch)
        except Exception:  # a defect of ours: nobody must wait for what never comes
            log.exception("event=watch_broken session=%s", session_id)
            watch.broken = True
            if self._watches.get((session_id, job_id)) is watch:
                del self._watches[session_id, job_id]
            watch.tell()

    async def _keep_looking(self, watch: _Watch) -> None:
        pause_s, longest_s = LOOKS_S
        while watch.is_open and not watch.gone:
            try:
                data, watch.is_open = await to_thread.run_sync(watch.look)
            except NotFound:
                watch.gone = True
            except AppError:
                data = watch.data  # a store that cannot be read now: the next look
            if watch.gone or data != watch.data or self._stopping():
                watch.data, pause_s = (watch.data if watch.gone else data), LOOKS_S[0]
                watch.tell()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * GROWTH, longest_s)


class Stream(StreamingResponse):
    """The answer: nobody keeps it, and no proxy collects it.

    Args:
        chunks: From `follow`.
        leave: From `admit`; called at the end, also where the client has left before the beginning.
    """

    def __init__(self, chunks: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(chunks, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()
