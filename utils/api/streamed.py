"""Streamed: an answer from an iterator. While one chunk is sent, a thread makes the next one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import anyio
from anyio import to_thread
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from utils.api.leaving import Patient

log = logging.getLogger(__name__)


class Streamed(Response):
    """Answer with the chunks of an iterator; stops when the client goes away.

    Args:
        chunks: Made in threads, one at a time.
        size_bytes: Of all chunks together; None where nobody knows before the end.
        media_type: From our own map.
        headers: Added to the answer.
    """

    def __init__(self, chunks: Iterator[bytes], size_bytes: int | None, media_type: str, headers: Mapping[str, str]) -> None:
        self.chunks = chunks
        self.status_code = 200
        self.media_type = media_type
        self.background: BackgroundTask | None = None
        self.init_headers({**headers, **({} if size_bytes is None else {"Content-Length": str(size_bytes)})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            reader = Patient(receive, send)
            await reader.send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                await self._body(reader.send)
            except OSError as exc:  # a file went away: a broken download, never a wrong one; its path may hold words of a title
                log.warning("event=stream_broken cause=%s", type(exc).__name__)
            group.cancel_scope.cancel()

    async def _body(self, send: Send) -> None:
        chunk = await to_thread.run_sync(next, self.chunks, None)
        while chunk is not None:
            message: Message = {"type": "http.response.body", "body": chunk, "more_body": True}
            made: list[bytes | OSError | None] = []
            async with anyio.create_task_group() as pair:
                pair.start_soon(_sent, send, message)
                try:
                    made.append(await to_thread.run_sync(next, self.chunks, None))
                except OSError as exc:
                    made.append(exc)
            if isinstance(made[0], OSError):
                raise made[0]
            chunk = made[0]
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _sent(send: Send, message: Message) -> None:
    await send(message)
