"""Which connection of this process holds which recording, and the one hold that a connection has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from anyio import to_thread

from utils.errors import Conflict
from utils.storage.live_facts import LiveFacts
from utils.workflows.live import Begun
from utils.workflows.live_recorder import Recorder, Taken

T = TypeVar("T")
Place = tuple[str, str]  # session, item


class Loser(Protocol):
    """A connection that another one may take a recording from."""

    async def lose(self) -> None:
        """Let go of it."""


class Speakers:
    """Who records what in this process, so that a connection that is taken over lets go at once."""

    def __init__(self) -> None:
        self._speakers: dict[Place, Loser] = {}
        self._losing: set[asyncio.Task[None]] = set()

    async def take(self, place: Place, speaker: Loser) -> None:
        """From now on the recording at this place is this one's. Who had it lets go of it even if the taker leaves meanwhile."""
        before = self._speakers.get(place)
        self._speakers[place] = speaker
        if before is not None and before is not speaker:
            losing = asyncio.create_task(before.lose())
            self._losing.add(losing)
            losing.add_done_callback(self._losing.discard)
            await asyncio.shield(losing)

    def leave(self, place: Place, speaker: Loser) -> None:
        """It is nobody's, if it was this one's."""
        if self._speakers.get(place) is speaker:
            del self._speakers[place]


class Hold:
    """A connection's recorder, or none. A recorder is used by one task at a time, in a thread."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._busy = asyncio.Lock()

    @property
    def recorder(self) -> Recorder | None:
        """What is held."""
        return self._recorder

    def needed(self) -> Recorder:
        """What is held. Raises Conflict when nothing is."""
        if self._recorder is None:
            raise Conflict("Nothing is being recorded by this connection.", "Send a start or a resume first.")
        return self._recorder

    async def begin(self, open_it: Callable[[], Begun]) -> Begun:
        """Begin in a thread. Should the client leave meanwhile, what was begun is known here and let go of."""

        def work() -> Begun:
            begun = open_it()
            self._recorder = begun.recorder
            return begun

        async with self._busy:
            return await finished(work)

    async def take(self, pairs: Sequence[tuple[int | None, bytes]]) -> Taken | None:
        """Write chunks; None when nothing is held. Raises as `Recorder.take`."""
        async with self._busy:
            recorder = self._recorder
            return None if recorder is None else await finished(lambda: recorder.take(pairs))

    async def mark(self) -> float:
        """Mark this moment; its second. Raises Conflict when nothing is held."""
        async with self._busy:
            return await finished(self.needed().mark)

    async def tick(self) -> str:
        """As `Recorder.tick`."""
        return "" if self._recorder is None else await to_thread.run_sync(self._recorder.tick)

    async def end(self, left: Callable[[Recorder], None]) -> tuple[Recorder, LiveFacts]:
        """End the recording and let go of it, in this order, so that nobody can write behind its end; see `release`."""
        async with self._busy:
            recorder = self.needed()
            facts = await finished(recorder.end)
            self._recorder = None
            left(recorder)
            return recorder, facts

    async def release(self, left: Callable[[Recorder], None]) -> Recorder | None:
        """Let go; what was held. `left` is called before anybody else can hold it."""
        async with self._busy:
            recorder, self._recorder = self._recorder, None
            if recorder is not None:
                left(recorder)
                await finished(recorder.close)  # a cancellation must not leave the file locked
            return recorder


async def finished(work: Callable[[], T]) -> T:
    """`work` in a thread; a cancellation waits for its end, for it holds files."""
    task = asyncio.ensure_future(to_thread.run_sync(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
