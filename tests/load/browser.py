"""A browser's share of Streamlit's protocol, many at once on one loop: open a page, fill fields, click, and follow what polls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import Origin, Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from utils.api.cookies import NAME

PATIENCE_S = 60.0
RUN_OVER = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
Look = Callable[[bytes], None]


class Browser:
    """One open page and its HTTP client, which has the same cookie.

    Attributes:
        http: For what the page's own scripts and links ask.
        reactions_s: Seconds from each request to the end of the run that it caused.
        errors: Exceptions that a page has shown.
    """

    def __init__(self, url: str, look: Look) -> None:
        """`look` sees every message that comes."""
        self.http = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=PATIENCE_S, trust_env=False)
        self.reactions_s: list[float] = []
        self.errors: list[str] = []
        self._url, self._look = url, look
        self._ids: dict[str, str] = {}
        self._page = ""
        self._pages: dict[str, str] = {}  # name in the address -> what Streamlit calls it
        self._polled: dict[str, float] = {}  # fragment -> how often, in seconds
        self._announced: dict[str, float] = {}  # the same, told by the run that goes on
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        page = await self.http.get("/", headers={"Accept": "text/html"})
        page.raise_for_status()
        host = urlsplit(self._url).netloc
        self._socket = await connect(
            f"ws://{host}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            origin=Origin(self._url),
            additional_headers={"Cookie": f"{NAME}={self.http.cookies[NAME]}"},
            max_size=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,
            proxy=None,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self.http.aclose()

    async def visit(self, page: str = "") -> None:
        """Turn to a page, by its name in the address; empty is the first."""
        self._ids.clear()
        await self._run(page)
        self._page = page

    async def set(self, key: str, text: str) -> None:
        """Leave a text field after typing."""
        await self._run(self._page, texts={key: text})

    async def click(self, key: str, **texts: str) -> None:
        """Click a button; fields that were left by the click come along."""
        await self._run(self._page, texts=texts, click=key)

    async def follow(self) -> None:
        """Ask as often as the page wants to be asked, until it does not any more."""
        ends = time.monotonic() + PATIENCE_S
        while self._polled and time.monotonic() < ends:
            fragment, every_s = next(iter(self._polled.items()))
            await self._idle(every_s)
            if fragment in self._polled:
                await self._run(self._page, fragment=fragment)

    async def _run(self, page: str, *, texts: dict[str, str] | None = None, click: str = "", fragment: str = "") -> None:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_name, asked.page_script_hash = "", page, self._pages.get(page, "")
        if fragment:
            asked.fragment_id, asked.is_auto_rerun = fragment, True
        for key, text in (texts or {}).items():
            field = asked.widget_states.widgets.add()
            field.id, field.string_value = self._ids[key], text
        if click:
            button = asked.widget_states.widgets.add()
            button.id, button.trigger_value = self._ids[click], True
        began = time.perf_counter()
        await self._connected.send(message.SerializeToString())
        while not await self._take(await asyncio.wait_for(self._connected.recv(), PATIENCE_S)):
            pass
        self.reactions_s.append(time.perf_counter() - began)

    async def _idle(self, seconds: float) -> None:
        """Take what comes by itself meanwhile, such as the whole page after the fragment that asked for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self._take(await self._connected.recv())

    async def _take(self, data: Any) -> bool:
        """One message; whether a run is over with it."""
        self._look(data)
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._note(message.delta.new_element)
        elif kind == "navigation":
            self._pages = {
                page.url_pathname if not page.is_default else "": page.page_script_hash for page in message.navigation.app_pages
            }
        elif kind == "new_session":
            self._announced = {}
        elif kind == "auto_rerun":
            self._announced[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        if kind != "script_finished":
            return False
        if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._polled = self._announced  # of the whole page; a fragment tells only what is new in it
        return message.script_finished in RUN_OVER

    def _note(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind in ("text_area", "text_input", "button"):
            identity = getattr(element, kind).id
            self._ids[identity.split("-", 2)[-1]] = identity
        elif kind == "exception":
            self.errors.append(element.exception.type)

    @property
    def _connected(self) -> ClientConnection:
        if self._socket is None:
            raise RuntimeError("the page is not open")
        return self._socket
