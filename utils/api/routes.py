"""All routes beside the pages. The JSON routes' libraries load on the first request that needs them, not at the start."""

from __future__ import annotations

import threading

from anyio import to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from utils.api import problems
from utils.api.metrics import Metrics
from utils.api.readiness import Readiness
from utils.services import Services

LIVE = "/api/v1/live"


class LazyApi:
    """ASGI app for /api and /v1 that builds the FastAPI app when it is first asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await problems.NothingHere()(scope, receive, send)
            return
        if self._app is None:
            self._app = await to_thread.run_sync(self._build)
        # Routes have whole paths, so that one document describes all of them: what Mount took off is put back.
        # In place, because the edge counts requests by the route that the scope names then.
        scope["root_path"] = scope.get("app_root_path", "")
        await self._app(scope, receive, send)

    def _build(self) -> ASGIApp:
        with self._lock:
            if self._app is None:
                from utils.api.application import build
                from utils.api.idempotency import Idempotency
                from utils.api.intake import Intake, max_body_bytes, max_form_bytes

                self._app = Intake(
                    Idempotency(build(self._services), self._services),
                    limit_bytes=max_body_bytes(self._services.settings),
                    form_bytes=max_form_bytes(),
                )
            return self._app


class LazyLive:
    """ASGI app for the live socket, built when it is first asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from utils.api.live import Live  # quick: most of it is here already

            self._app = Live(self._services)
        await self._app(scope, receive, send)


class Fact:
    """ASGI app for one small GET address; other methods are a problem."""

    def __init__(self, answer: Readiness | None = None) -> None:
        self._readiness = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await problems.NothingHere()(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await problems.wrong_method(["GET", "HEAD"])(scope, receive, send)
        else:
            await (await self._answer())(scope, receive, send)

    async def _answer(self) -> Response:
        headers = {"Cache-Control": "no-store"}
        if self._readiness is None:
            return JSONResponse({"status": "ok"}, headers=headers)
        report = await to_thread.run_sync(self._readiness.report)
        return JSONResponse(report, 200 if report["status"] == "ok" else 503, headers=headers)


def routes_of(services: Services) -> list[BaseRoute]:
    """Everything that is answered by us and not by Streamlit.

    What lies below a prefix and is unknown is a problem here; without the catch-alls Streamlit would answer 200 and its page.
    """
    nothing, api = problems.NothingHere(), LazyApi(services)
    return [
        Route("/healthz", Fact()),
        Route("/readyz", Fact(Readiness(services))),
        Route("/metrics", Metrics(services)),
        WebSocketRoute(LIVE, LazyLive(services)),
        Mount("/api", app=api),
        Route("/api", nothing),
        Mount("/v1", app=api),
        Route("/v1", nothing),
    ]
