"""Edge: the outermost layer around pages, assets, media, sockets and routes alike.

It sets the security headers, hands a browser its session cookie with the first page, refuses what other sites try by cookie and
what is asked too often, and hides what Streamlit shows to everybody. Pure ASGI, because it also wraps sockets and streams.
"""

from __future__ import annotations

import logging
import math
from html import escape

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.api import cookies, origin, policy, presence, problems
from utils.api.cors import Cors
from utils.api.throttle import Throttle
from utils.errors import AppError, ForeignOrigin, TooMany
from utils.services import Services
from utils.workflows import sessions as workflow

log = logging.getLogger(__name__)

PREFIXES = ("/api", "/v1")
METRICS = "/metrics"
HIDDEN = ("/_stcore/metrics",)  # sessions and memory of the server
NOT_PAGES = (*PREFIXES, "/_stcore", "/static", "/media", "/component", "/app/static", "/healthz", "/readyz", METRICS)
CONDITIONS = (b"if-none-match", b"if-modified-since")


def is_below(path: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a path is one of the prefixes or lies under one."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def has_socket(path: str) -> bool:
    """Whether a socket may be at a path: Streamlit's, which stands below any page, or one of ours."""
    return path.endswith("/_stcore/stream") or path.startswith(tuple(prefix + "/" for prefix in PREFIXES))


def is_crooked(path: str) -> bool:
    """Whether a path has what no address of ours has: traversal, a backslash or a control character.

    Routers stumble over some of these: to a pattern, a path with a line feed is none of ours, and the page would answer.
    """
    return "\\" in path or ".." in path.split("/") or any(ord(letter) < 32 or ord(letter) == 127 for letter in path)


def wants_page(scope: Scope, headers: Headers) -> bool:
    """Whether a person's browser opens a page: not an asset, not a route, not a robot that asks for anything."""
    return (
        scope["method"] == "GET"
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-dest", "document") == "document"
        and not is_below(scope["path"], NOT_PAGES)
    )


def route_of(scope: Scope, *, is_page: bool) -> str:
    """The route's name as the API's document has it, which holds nobody's ids; else the kind of address. Known when it answers."""
    name = getattr(scope.get("route"), "name", None)
    if isinstance(name, str) and is_below(scope["path"], PREFIXES):
        return name
    return "page" if is_page else next((prefix for prefix in NOT_PAGES if is_below(scope["path"], (prefix,))), "asset")


class Edge:
    """ASGI middleware around everything; see the module.

    Args:
        app: What it wraps.
        services: For the sessions that it opens.
        page: The index page, which is sent for Streamlit's own; None is that with our word in it (`policy.with_base`).
    """

    def __init__(self, app: ASGIApp, *, services: Services, page: str | None = None) -> None:
        self.app = app
        self._services = services
        page = policy.page_source() if page is None else page
        self._page, self._page_csp = page.encode(), policy.page_csp(page)
        self._cors = Cors(services.settings.cors_origins)
        self._throttle = Throttle(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            if has_socket(scope["path"]) and origin.may_change(scope):
                token = cookies.read(Headers(scope=scope))
                await presence.while_present(self._services, token, lambda: self.app(scope, receive, send))
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008})  # before the handshake: the client sees 403
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        is_page = wants_page(scope, headers)
        started = sent = False

        async def guarded(message: Message) -> None:
            nonlocal started, sent
            if message["type"] == "http.response.start":
                started = True
                self._services.tally.add("requests", scope["method"], route_of(scope, is_page=is_page), str(message["status"]))
                await self._finish(scope, message, is_page=is_page)
                if self._page and self._is_index(message, is_page=is_page):
                    await self._send_index(message, send)
                    sent = True
            if not sent:
                await send(message)

        refusal = self._refusal(scope) or (await to_thread.run_sync(self._crowded, scope, headers) if is_page else None)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        if is_page:  # a 304 would leave a browser that lost its cookie without one
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() not in CONDITIONS]}
        try:
            await self.app(scope, receive, guarded)
        except Exception as exc:  # the last place before the server's own, which would print it and send no headers
            if started:
                raise
            await problems.unexpected(exc)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to what is not let in, or None."""
        path: str = scope["path"]
        if path.endswith(HIDDEN):
            return Response("Not Found", 404, media_type="text/plain")
        if is_below(path, PREFIXES) and is_crooked(path):
            return problems.unknown_path()
        is_ours = is_below(path, PREFIXES)
        preflight = self._cors.preflight(scope) if is_ours else None
        if preflight is not None:
            return preflight
        if scope["method"] not in origin.SAFE_METHODS and not (
            origin.may_change(scope) or (is_ours and self._cors.may_change(scope))
        ):
            log.warning("refused a %s from another site", scope["method"])
            sentence = "This request did not come from a page of this server, so the session cookie does not count."
            return problems.response(ForeignOrigin(sentence, "Programs send the session's token as Bearer instead."))
        try:
            if is_ours or path == METRICS:  # which knows the operator's token, too
                self._throttle.check(scope)
        except TooMany as exc:
            return problems.response(exc)
        return None

    def _crowded(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a page view that would open one session too many, or None."""
        if workflow.whose(self._services, cookies.read(headers)) is not None:
            return None
        try:
            self._throttle.check_opening(scope)
        except TooMany as exc:
            text = f"<!doctype html><title>Sotto</title><p>{escape(exc.sentence)}</p><p>{escape(exc.hint)}</p>"
            after = {"Retry-After": str(math.ceil(exc.retry_after_s or 1)), "Cache-Control": "no-store"}
            return Response(text, 429, headers=after, media_type="text/html")
        return None

    async def _finish(self, scope: Scope, message: Message, *, is_page: bool) -> None:
        """Put headers, and where due the cookie, on the start of an answer."""
        message.setdefault("headers", [])
        headers = MutableHeaders(scope=message)
        for name, value in policy.ALWAYS.items():
            headers[name] = value
        if is_below(scope["path"], PREFIXES):
            headers.setdefault("Content-Security-Policy", policy.DATA_CSP)
            headers.setdefault("Cache-Control", "no-store")
            self._cors.finish(scope, headers)
        elif is_below(scope["path"], ("/media",)):
            headers.setdefault("Content-Security-Policy", policy.FILE_CSP)
        else:
            headers.setdefault("Content-Security-Policy", self._page_csp)
        if self._is_index(message, is_page=is_page):
            headers["Cache-Control"] = "no-store"
            cookie = await to_thread.run_sync(self._cookie, cookies.read(Headers(scope=scope)), origin.is_https(scope))
            if cookie:
                headers.append("Set-Cookie", cookie)

    @staticmethod
    def _is_index(message: Message, *, is_page: bool) -> bool:
        """An answer begins that is Streamlit's one page."""
        kind = Headers(raw=message["headers"]).get("content-type", "")
        return is_page and message["status"] == 200 and kind.startswith("text/html")

    async def _send_index(self, message: Message, send: Send) -> None:
        """Send our page with the head of Streamlit's, whose body is left out."""
        headers = MutableHeaders(scope=message)
        for name in ("etag", "last-modified", "content-encoding", "accept-ranges"):
            if name in headers:
                del headers[name]
        headers["content-length"] = str(len(self._page))
        await send(message)
        await send({"type": "http.response.body", "body": self._page})

    def _cookie(self, token: str | None, secure: bool) -> str:
        """A cookie that opens a living session: the browser's own, renewed, or that of a new one. Empty if none can be made."""
        try:
            session_id = workflow.whose(self._services, token)
            if session_id is None or token is None:
                token = workflow.open_session(self._services).token
                age_s = cookies.max_age_s(self._services.settings)
            else:
                session = self._services.sessions.peek_session(session_id)
                age_s = cookies.max_age_s(self._services.settings, permanent=session is not None and session.permanent)
        except AppError as exc:  # a full disk: the page itself tells the person
            log.warning("no session for a new page: %s", exc.code)
            return ""
        return cookies.set_cookie(token, age_s, secure=secure)
