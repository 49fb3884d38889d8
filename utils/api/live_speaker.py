"""One connection of the live socket: what it asked for, in order, and what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from anyio import to_thread

from utils.api.live_closing import Closing, Gone, StillHeld, TakenOver, error_event
from utils.api.live_feed import Feeds, Tell
from utils.api.live_hold import Hold, Place, Speakers
from utils.api.live_line import Inbox
from utils.api.live_messages import BadMessage, Chunk, Command, begin_of, parse
from utils.errors import AppError, Conflict, QuotaExceeded, TooMany
from utils.limits import Buckets
from utils.services import Services
from utils.storage.live_facts import LiveFacts
from utils.workflows import live, live_ending
from utils.workflows.live import Begun, OpenAlready
from utils.workflows.live_recorder import LimitReached, Recorder

TICK_S = 1.0
RESEND_EVERY_S = 0.2
STARTS_PER_S, STARTS_BURST = 0.1, 30.0  # of recordings, by one session: each makes an item
COMMANDS_PER_S, COMMANDS_BURST = 3.0, 90.0  # by one session; all but sound
MOST_AT_ONCE = 10  # chunks that one acknowledgement stands for


class Everybody:
    """What all connections of a process share.

    Attributes:
        speakers: Who records what.
        feeds: What is looked at.
        starting: Recordings are begun one after the other, so that a session has one and no place is given twice.
    """

    def __init__(self, services: Services, clock: Callable[[], float]) -> None:
        """Nobody is there yet. `clock` tells monotonic seconds."""
        self.speakers = Speakers()
        self.feeds = Feeds(services)
        self.starting = asyncio.Lock()
        self._starts = Buckets(STARTS_PER_S, STARTS_BURST, clock=clock)
        self._commands = Buckets(COMMANDS_PER_S, COMMANDS_BURST, clock=clock)

    def count_start(self, session_id: str) -> None:
        """A recording is begun. Raises TooMany."""
        wait_s = self._starts.take(session_id)
        if wait_s:
            raise TooMany("This session begins recordings too often.", "Wait a moment.", retry_after_s=wait_s)

    def count_command(self, session_id: str) -> None:
        """Anything but sound has come. Raises Closing."""
        if self._commands.take(session_id):
            raise Closing(1008, TooMany(f"This session sends more than {COMMANDS_PER_S:.0f} commands a second.", "Send fewer."))


class Speaker:
    """See the module."""

    def __init__(self, services: Services, session_id: str, tell: Tell, everybody: Everybody) -> None:
        """Asked for nothing yet.

        Args:
            services: As everywhere.
            session_id: Whose connection it is.
            tell: Sends an event.
            everybody: What it shares with the other connections.
        """
        self._services = services
        self._session_id = session_id
        self._tell = tell
        self._speakers, self._everybody = everybody.speakers, everybody
        self._hold = Hold()
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self._ends: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self._resent_at = 0.0

    # ---- the two tasks

    async def obey(self, first: Command, inbox: Inbox) -> None:
        """Do what the client asks, in order; raises Closing."""
        await self._command(first)
        while True:
            chunks: list[Chunk] = []
            for message in await inbox.take(MOST_AT_ONCE):
                try:
                    found = parse(message)
                except AppError as exc:
                    raise Closing.of(exc) from exc
                if isinstance(found, Chunk):
                    chunks.append(found)
                    continue
                await self._take(chunks)
                chunks = []
                await self._command(found)
            await self._take(chunks)

    async def watch_over(self) -> None:
        """Look about every second whether the recording still is ours; raises Closing when it is not."""
        while True:
            waited: list[asyncio.Future[Any]] = [self._ends, *self._feeds.values()]
            await asyncio.wait(waited, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
            if self._ends.done():
                raise self._ends.result()
            for item_id, task in list(self._feeds.items()):
                if task.done():
                    del self._feeds[item_id]
                    task.result()  # Closing, if the client is gone
            await self._react(await self._hold.tick())

    async def leave(self) -> None:
        """The connection is over: the recording stays open for whoever goes on with it."""
        for task in self._feeds.values():
            task.cancel()
        await asyncio.gather(*self._feeds.values(), return_exceptions=True)
        await self._release()

    async def lose(self) -> None:
        """Another connection takes over."""
        await self._release()
        self._end(Closing.TAKEN_OVER, TakenOver("Another page goes on with this recording.", "This one may close."))

    # ---- commands

    async def _command(self, command: Command) -> None:
        verbs = {
            "start": self._start,
            "resume": self._resume,
            "watch": self._watch,
            "stop": self._stop,
            "pause": self._pause,
            "continue": self._continue,
            "mark": self._mark,
        }
        self._everybody.count_command(self._session_id)
        verb = verbs.get(command.action)
        if verb is None:
            raise Closing.of(BadMessage("This action is not known.", "Known are audio_chunk, " + ", ".join(verbs) + "."))
        try:
            await verb(command)
        except Conflict as exc:
            await self._tell(error_event(exc))
        except AppError as exc:
            raise Closing.of(exc) from exc

    async def _start(self, command: Command) -> None:
        wanted = begin_of(command)
        if self._hold.recorder is not None:
            raise Conflict("This connection records already.", "Stop first.")
        session_id = self._session_id

        def begin() -> Begun:
            return live.begin(self._services, session_id, wanted, admit=lambda: self._everybody.count_start(session_id))

        try:
            async with self._everybody.starting:
                begun = await self._hold.begin(begin)
        except OpenAlready as exc:
            await self._tell({**error_event(exc), "item_id": exc.item_id})
            return
        await self._speakers.take(self._place(begun.item_id), self)
        await self._begun(begun)

    async def _resume(self, command: Command) -> None:
        item_id = command.text("item_id")
        if self._hold.recorder is not None and self._hold.recorder.item_id == item_id:
            raise Conflict("This connection records already.", "Go on sending.")
        await self._release()
        try:
            await self._speakers.take(self._place(item_id), self)
            begun = await self._hold.begin(lambda: live.resume(self._services, self._session_id, item_id))
        except Conflict as exc:
            self._speakers.leave(self._place(item_id), self)
            facts, _ = await to_thread.run_sync(live.standing, self._services, self._session_id, item_id)
            if facts.is_open:
                raise StillHeld(exc.sentence, exc.hint) from exc
            # It has ended: whoever comes back may still want to see what becomes of it, and which of its chunks are in it.
            there = await to_thread.run_sync(live.next_seq, self._services, self._session_id, item_id)
            await self._tell({**error_event(exc), "item_id": item_id, "next_seq": there})
            await self._watch(command)
            return
        except BaseException:
            self._speakers.leave(self._place(item_id), self)
            raise
        await self._begun(begun)

    async def _begun(self, begun: Begun) -> None:
        recorder = begun.recorder
        told = self._standing(begun.item_id, recorder.facts, recorder.seconds)
        told |= {"next_seq": recorder.next_seq, "captions": begun.captions}
        await self._tell(told | ({"note": begun.note} if begun.note else {}))
        self._feed(begun.item_id)

    async def _watch(self, command: Command) -> None:
        item_id = command.text("item_id")
        facts, seconds = await to_thread.run_sync(live.standing, self._services, self._session_id, item_id)
        await self._tell(self._standing(item_id, facts, seconds))
        self._feed(item_id)

    async def _stop(self, command: Command) -> None:
        recorder = self._hold.needed()
        least = command.number("next_seq")
        if least is not None and recorder.next_seq < least:
            await self._tell({"event": "resend", "from": recorder.next_seq})
            return
        recorder, facts = await self._hold.end(self._left)
        await self._tell_over(recorder, facts.why)

    async def _pause(self, command: Command) -> None:
        await self._tell({"event": "status", "status": "recording", "item_id": self._hold.needed().item_id, "paused": True})

    async def _continue(self, command: Command) -> None:
        await self._tell({"event": "status", "status": "recording", "item_id": self._hold.needed().item_id, "paused": False})

    async def _mark(self, command: Command) -> None:
        await self._tell({"event": "marked", "seconds": round(await self._hold.mark(), 3)})

    # ---- sound

    async def _take(self, chunks: list[Chunk]) -> None:
        if not chunks:
            return
        try:
            taken = await self._hold.take([(chunk.seq, chunk.data) for chunk in chunks])
        except (LimitReached, QuotaExceeded) as exc:  # which ended the recording
            recorder = await self._release()
            if recorder is not None and recorder.next_seq:
                await self._tell({"event": "ack", "seq": recorder.next_seq - 1})
            await self._tell(error_event(exc))
            await self._tell_over(recorder, exc.code)
            return
        except AppError as exc:
            raise Closing.of(exc) from exc
        if taken is None:
            if self._feeds:  # sent before the client knew that its recording has ended
                return
            raise Closing.of(BadMessage("Sound came, but nothing is being recorded.", "Send a start first."))
        if taken.acked >= 0:
            await self._tell({"event": "ack", "seq": taken.acked})
        if taken.resend_from is not None and time.monotonic() - self._resent_at >= RESEND_EVERY_S:
            self._resent_at = time.monotonic()
            await self._tell({"event": "resend", "from": taken.resend_from})

    # ---- inside

    async def _react(self, why: str) -> None:
        """The recording is not ours any more."""
        if why == "taken_over":
            await self.lose()
        elif why == "gone":
            await self._release()
            self._end(Closing.DELETED, Gone("The recording was deleted.", "Begin a new one."))
        elif why == "ended":
            recorder = await self._release()
            if recorder is not None:
                facts, _ = await to_thread.run_sync(live.standing, self._services, self._session_id, recorder.item_id)
                await self._tell_over(recorder, facts.why)
        elif why == "limit":
            recorder = await self._release()
            if recorder is not None:
                await to_thread.run_sync(live_ending.end, self._services, self._session_id, recorder.item_id, "limit")
            await self._tell_over(recorder, "limit")

    def _standing(self, item_id: str, facts: LiveFacts, seconds: float) -> dict[str, Any]:
        """A recording as it stands, the same for who speaks and who looks on."""
        return {
            "event": "status",
            "status": "recording" if facts.is_open else "processing",
            "item_id": item_id,
            "sample_rate": facts.sample_rate,
            "seconds": round(seconds, 3),
            "limit_s": self._services.settings.live_max_hours * 3600,
            "started_at": facts.started_at,
            "captions": facts.captions,
            "marks": list(facts.marks),
        }

    async def _tell_over(self, recorder: Recorder | None, why: str) -> None:
        if recorder is not None:
            await self._tell({"event": "status", "status": "processing", "item_id": recorder.item_id, "why": why})

    def _feed(self, item_id: str) -> None:
        if item_id not in self._feeds:
            self._feeds[item_id] = asyncio.create_task(self._everybody.feeds.follow(self._session_id, item_id, self._tell))

    async def _release(self) -> Recorder | None:
        return await self._hold.release(self._left)

    def _left(self, recorder: Recorder) -> None:
        self._speakers.leave(self._place(recorder.item_id), self)

    def _end(self, code: int, error: AppError) -> None:
        if not self._ends.done():
            self._ends.set_result(Closing(code, error))

    def _place(self, item_id: str) -> Place:
        return (self._session_id, item_id)
