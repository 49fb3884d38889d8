"""Our app with one route more, which does nothing: what every request to a route costs, whatever it asks."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from utils import services
from utils.api.guards import Edge
from utils.api.lifespan import lifespan_of
from utils.api.routes import LazyApi, routes_of

EMPTY = "/api/v1/empty"
SERVICES = services.default()


class WithEmpty(LazyApi):
    """The routes with one more."""

    def _build(self) -> ASGIApp:
        is_new = self._app is None
        outermost = super()._build()
        if is_new:
            layer: ASGIApp = outermost
            while not isinstance(layer, FastAPI):
                layer = layer.app  # type: ignore[attr-defined]
            layer.add_api_route(EMPTY, empty, methods=["GET"])
        return outermost


async def empty() -> dict[str, str]:
    """Nothing."""
    return {}


# What FastAPI has answers before Streamlit's catch-all.
app = st.App(
    Path(__file__).resolve().parents[1] / "utils" / "ui" / "frame.py",
    routes=[Mount("/api", app=WithEmpty(SERVICES)), *routes_of(SERVICES)],
    middleware=[Middleware(Edge, services=SERVICES)],
    lifespan=lifespan_of(SERVICES),
)
