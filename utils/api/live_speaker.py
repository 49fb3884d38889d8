"""One connection of the live socket: what it asked for, in order, and what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from anyio import to_thread
from starlette.types import Message

from utils.api import live_feed
from utils.api.live_closing import Closing
from utils.api.live_feed import Tell
from utils.api.live_messages import BadMessage, Chunk, Command, begin_of, parse
from utils.errors import AppError, Conflict, QuotaExceeded
from utils.services import Services
from utils.workflows import live
from utils.workflows.live import Begun, LimitReached, Recorder

T = TypeVar("T")

TICK_S = 1.0
RESEND_EVERY_S = 0.2
MOST_AT_ONCE = 10  # chunks that one acknowledgement stands for


class TakenOver(AppError):
    """Another page goes on with this recording."""

    code, status = "taken_over", 409


class Gone(AppError):
    """The recording was deleted."""

    code, status = "gone", 404


class Speakers:
    """Who records what in this process, so that a connection that is taken over lets go at once."""

    def __init__(self) -> None:
        self._speakers: dict[tuple[str, str], Speaker] = {}

    async def take(self, place: tuple[str, str], speaker: Speaker) -> None:
        """From now on the recording at this place (session, item) is this one's."""
        before = self._speakers.get(place)
        self._speakers[place] = speaker
        if before is not None and before is not speaker:
            await before.lose()

    def leave(self, place: tuple[str, str], speaker: Speaker) -> None:
        """It is nobody's, if it was this one's."""
        if self._speakers.get(place) is speaker:
            del self._speakers[place]


class Speaker:
    """See the module."""

    def __init__(self, services: Services, session_id: str, tell: Tell, speakers: Speakers) -> None:
        self._services = services
        self._session_id = session_id
        self._tell = tell
        self._speakers = speakers
        self._recorder: Recorder | None = None
        self._busy = asyncio.Lock()  # a recorder is used by one task at a time
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self._ends: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self._resent_at = 0.0

    # ---- the two tasks

    async def obey(self, first: Command, messages: asyncio.Queue[Message]) -> None:
        """Do what the client asks, in order; raises Closing."""
        await self._command(first)
        while True:
            batch = [await messages.get()]
            while not messages.empty() and len(batch) < MOST_AT_ONCE:
                batch.append(messages.get_nowait())
            chunks: list[Chunk] = []
            for message in batch:
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
        """Look about every second whether the recording is still ours; raises Closing when it is not."""
        while True:
            waited: list[asyncio.Future[Any]] = [self._ends, *self._feeds.values()]
            await asyncio.wait(waited, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
            if self._ends.done():
                raise self._ends.result()
            for item_id, task in list(self._feeds.items()):
                if task.done():
                    del self._feeds[item_id]
                    task.result()  # Closing, if the client is gone
            if self._recorder is not None:
                await self._react(await to_thread.run_sync(self._recorder.tick))

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
        verb = verbs.get(command.action)
        if verb is None:
            raise Closing.of(BadMessage("This action is not known.", "Known are audio_chunk, " + ", ".join(verbs) + "."))
        try:
            await verb(command)
        except Conflict as exc:
            await self._tell_error(exc)
        except AppError as exc:
            raise Closing.of(exc) from exc

    async def _start(self, command: Command) -> None:
        wanted = begin_of(command)
        if self._recorder is not None:
            raise Conflict("This connection records already.", "Stop first.")
        open_one = await to_thread.run_sync(live.open_of, self._services, self._session_id)
        if open_one is not None:
            error = Conflict("A recording is open in this session.", "Stop it first, or go on with it.")
            await self._tell({**error_event(error), "item_id": open_one})
            return
        begun = await self._hold(lambda: live.begin(self._services, self._session_id, wanted))
        await self._speakers.take((self._session_id, begun.item_id), self)
        await self._begun(begun)

    async def _resume(self, command: Command) -> None:
        item_id = command.text("item_id")
        if self._recorder is not None and self._recorder.item_id == item_id:
            raise Conflict("This connection records already.", "Go on sending.")
        await self._release()
        await self._speakers.take((self._session_id, item_id), self)
        try:
            begun = await self._hold(lambda: live.resume(self._services, self._session_id, item_id))
        except Conflict as exc:  # it has ended: whoever comes back may still want to see what becomes of it
            self._speakers.leave((self._session_id, item_id), self)
            await self._tell({**error_event(exc), "item_id": item_id})
            await self._watch(command)
            return
        except BaseException:
            self._speakers.leave((self._session_id, item_id), self)
            raise
        await self._begun(begun)

    async def _hold(self, open_it: Callable[[], Begun]) -> Begun:
        """Begin in a thread. Should the client leave meanwhile, what was begun is known here and let go of."""

        def work() -> Begun:
            begun = open_it()
            self._recorder = begun.recorder
            return begun

        async with self._busy:
            return await finished(work)

    async def _begun(self, begun: Begun) -> None:
        facts, settings = begun.recorder.facts, self._services.settings
        status = {
            "event": "status",
            "status": "recording",
            "item_id": begun.item_id,
            "next_seq": begun.recorder.next_seq,
            "seconds": round(begun.recorder.seconds, 3),
            "limit_s": settings.live_max_hours * 3600,
            "started_at": facts.started_at,
            "captions": begun.captions,
            "marks": list(facts.marks),
        }
        await self._tell(status | ({"note": begun.note} if begun.note else {}))
        self._feed(begun.item_id)

    async def _watch(self, command: Command) -> None:
        item_id = command.text("item_id")
        facts = await to_thread.run_sync(self._services.sessions.recording, self._session_id, item_id)
        status = "recording" if facts.is_open else "processing"
        told = {"event": "status", "status": status, "item_id": item_id, "captions": facts.captions, "started_at": facts.started_at}
        await self._tell(told)
        self._feed(item_id)

    async def _stop(self, command: Command) -> None:
        recorder = self._speaking()
        least = command.number("next_seq")
        if least is not None and recorder.next_seq < least:
            await self._tell({"event": "resend", "from": recorder.next_seq})
            return
        await self._release()
        facts = await to_thread.run_sync(live.end, self._services, self._session_id, recorder.item_id)
        await self._tell({"event": "status", "status": "processing", "item_id": recorder.item_id, "why": facts.why})

    async def _pause(self, command: Command) -> None:
        await self._tell({"event": "status", "status": "recording", "item_id": self._speaking().item_id, "paused": True})

    async def _continue(self, command: Command) -> None:
        await self._tell({"event": "status", "status": "recording", "item_id": self._speaking().item_id, "paused": False})

    async def _mark(self, command: Command) -> None:
        async with self._busy:
            seconds = await to_thread.run_sync(self._speaking().mark)
        await self._tell({"event": "marked", "seconds": round(seconds, 3)})

    # ---- sound

    async def _take(self, chunks: list[Chunk]) -> None:
        if not chunks:
            return
        pairs = [(chunk.seq, chunk.data) for chunk in chunks]
        try:
            async with self._busy:
                recorder = self._recorder
                if recorder is None:
                    if self._feeds:  # sent before the client knew that its recording has ended
                        return
                    raise BadMessage("Sound came, but nothing is being recorded.", "Send a start first.")
                taken = await finished(lambda: recorder.take(pairs))
        except (LimitReached, QuotaExceeded) as exc:
            await self._ended(exc)
            return
        except AppError as exc:
            raise Closing.of(exc) from exc
        if taken.acked >= 0:
            await self._tell({"event": "ack", "seq": taken.acked})
        if taken.resend_from is not None and time.monotonic() - self._resent_at >= RESEND_EVERY_S:
            self._resent_at = time.monotonic()
            await self._tell({"event": "resend", "from": taken.resend_from})

    async def _ended(self, error: AppError) -> None:
        """A limit has ended the recording."""
        recorder = self._speaking()
        await self._release()
        await self._tell_error(error)
        await self._tell({"event": "status", "status": "processing", "item_id": recorder.item_id, "why": error.code})

    # ---- inside

    def _speaking(self) -> Recorder:
        if self._recorder is None:
            raise Conflict("Nothing is being recorded by this connection.", "Send a start or a resume first.")
        return self._recorder

    async def _react(self, why: str) -> None:
        """The recording is not ours any more."""
        if why == "taken_over":
            await self.lose()
        elif why == "gone":
            await self._release()
            self._end(Closing.DELETED, Gone("The recording was deleted.", "Begin a new one."))
        elif why == "limit":
            item_id = self._speaking().item_id
            await self._release()
            await to_thread.run_sync(live.end, self._services, self._session_id, item_id, "limit")
            await self._tell({"event": "status", "status": "processing", "item_id": item_id, "why": "limit"})

    def _feed(self, item_id: str) -> None:
        if item_id not in self._feeds:
            self._feeds[item_id] = asyncio.create_task(live_feed.follow(self._services, self._session_id, item_id, self._tell))

    async def _release(self) -> None:
        async with self._busy:
            recorder, self._recorder = self._recorder, None
            if recorder is not None:
                self._speakers.leave((self._session_id, recorder.item_id), self)
                await to_thread.run_sync(recorder.close)

    def _end(self, code: int, error: AppError) -> None:
        if not self._ends.done():
            self._ends.set_result(Closing(code, error))

    async def _tell_error(self, error: AppError) -> None:
        await self._tell(error_event(error))


async def finished(work: Callable[[], T]) -> T:
    """`work` in a thread; a cancellation waits for its end, for it holds files."""
    task = asyncio.ensure_future(to_thread.run_sync(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def error_event(error: AppError) -> dict[str, Any]:
    """An error as clients read it."""
    return {"event": "error", "code": error.code, "detail": error.sentence, "hint": error.hint}
