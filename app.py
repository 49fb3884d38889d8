"""The ASGI app: pages at /, routes at /api and /v1, one process, one port.

`streamlit run app.py` finds the app by reading this source, so the last statement must stay a literal `app = st.App(...)`.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from utils import heap, services
from utils.api.guards import Edge
from utils.api.lifespan import lifespan_of
from utils.api.routes import routes_of

heap.keep_as(heap.SERVER)
SERVICES = services.default()

app = st.App(
    Path(__file__).resolve().parent / "utils" / "ui" / "frame.py",  # not beside pages/, see the file
    routes=routes_of(SERVICES),
    middleware=[Middleware(Edge, services=SERVICES)],
    lifespan=lifespan_of(SERVICES),
)
