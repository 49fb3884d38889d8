"""What the route tests stand on: the real store, jobs and routes in this process, with a stub where Streamlit would be."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from utils.api import cookies
from utils.api.guards import Edge
from utils.api.routes import routes_of
from utils.errors import EngineUnreachable
from utils.jobs import build_jobs
from utils.jobs.context import Context
from utils.jobs.journal import Journal
from utils.jobs.kinds import Kind
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName
from utils.jobs.runner import Runner, Timing
from utils.services import Services
from utils.session_manager import SessionManager
from utils.settings import Settings
from utils.speech.contract import Part
from utils.storage.item import ItemFile

HOST = "sotto.test"
ORIGIN = f"http://{HOST}"
PAGE = "<!doctype html><html><head><script>\n  window.ready = false\n</script><script src='./a.js'></script></head></html>"
RAW_PATH = "x-raw-path"
SOUND = bytes(range(256)) * 40


class Clock:
    """Time that stands still until a test moves it. Begins at the real one, which files on disk have."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


class QuietEngine:
    """Stands where an engine is only asked whether it could work and what it would cost."""

    def __init__(self, name: str, problem: str = "") -> None:
        self.name = self.label = name
        self.problem = problem
        self.native: frozenset[str] = frozenset()

    def available(self) -> str:
        return self.problem

    def requests(self, parts: Sequence[Part]) -> int:
        return len(parts)


class NoWorkers:
    """A supervisor that has nothing to look after, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def start(self) -> None:
        self.asked.append("start")

    def stop(self) -> None:
        self.asked.append("stop")


def speak(context: Context) -> None:
    """Work of the kind "speech" that makes bytes instead of sound. The title "Fail" makes it fail."""
    if context.item.title == "Fail":
        raise EngineUnreachable("Google cannot be reached.", "Use eSpeak.")
    files = []
    parts = (("speech.mp3", "audio/mpeg", "audio", SOUND), ("speech.vtt", "text/vtt", "subtitles", b"WEBVTT\n\n"))
    for name, media_type, role, data in (*parts, ("player.json", "application/json", "peaks", b'{"seconds": 1}')):
        with context.scratch() as folder:
            built = folder / name
            built.write_bytes(data)
            context.publish(built, name)
        files.append(ItemFile(name, media_type, len(data), role))
    context.finish({"seconds": 1.0, "engine": "espeak"}, files)


class Client:
    """An httpx client over the app in this process, usable from plain tests. Keeps cookies as a browser does."""

    def __init__(self, portal: BlockingPortal, app: Any, **options: Any) -> None:
        self._portal = portal

        async def crooked(scope: Any, receive: Any, send: Any) -> None:
            raw = dict(scope["headers"]).get(RAW_PATH.encode())
            if raw:
                scope |= {"raw_path": raw, "path": unquote(raw.decode("ascii"))}
            await app(scope, receive, send)

        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(crooked), base_url=ORIGIN, **options)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self._portal.call(functools.partial(self.http.request, method, url, **options))

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request whose path goes out as it is: httpx would tidy it."""
        return self.request(method, "/", headers={RAW_PATH: path}, **options)

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def patch(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)

    def page(self, url: str = "/", **headers: str) -> httpx.Response:
        """Open a page as a browser does."""
        return self.get(url, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", **headers})

    @property
    def token(self) -> str | None:
        """The session cookie that it holds."""
        return self.http.cookies.get(cookies.NAME)


async def stub_page(request: Request) -> Response:
    """Answers as Streamlit does: the index page wherever nothing else is, with a validator."""
    if request.url.path == "/static/app.js":
        return PlainTextResponse("1", media_type="text/javascript")
    if request.url.path == "/page-that-fails":
        raise ValueError("the words of a person")
    if request.headers.get("if-none-match") == '"page"':
        return Response(status_code=304)
    return HTMLResponse(PAGE, headers={"ETag": '"page"', "Cache-Control": "no-cache"})


@dataclass
class Surface:
    """Everything a route test needs.

    Attributes:
        services: Real, but for engines and workers.
        app: The guarded routes.
        portal: Where the app runs.
        clock: Of the store and the jobs.
    """

    services: Services
    app: Any
    portal: BlockingPortal
    clock: Clock
    runner: Runner

    def browser(self) -> Client:
        """A browser: it sends our own Origin, and has opened the first page."""
        client = self.stranger(headers={"Origin": ORIGIN})
        assert client.page().status_code == 200
        return client

    def program(self) -> Client:
        """A program with a session of its own, by Bearer token."""
        client = self.stranger()
        token = client.post("/api/v1/sessions").json()["token"]
        client.http.cookies.clear()
        client.http.headers["Authorization"] = f"Bearer {token}"
        return client

    def stranger(self, **options: Any) -> Client:
        """A client without anything."""
        return Client(self.portal, self.app, **options)

    def session_of(self, client: Client) -> str:
        """The id of a client's session."""
        return str(client.get("/api/v1/session/info").json()["current_session_id"])

    def run(self, client: Client, job_id: str) -> None:
        """Do a queued job, as a worker would."""
        self.runner(str(JobName(self.session_of(client), job_id)))

    def work_when_submitted(self, session_id: str) -> threading.Thread:
        """A thread that does the session's next job as soon as there is one."""

        def work() -> None:
            while not (jobs := self.services.jobs.of_session(session_id, open_only=True)):
                time.sleep(0.01)
            self.runner(str(JobName(session_id, jobs[0].id)))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def with_file(self, client: Client, name: str, media_type: str, data: bytes) -> str:
        """The id of an item with one file, which no workflow would make."""
        sessions, session_id = self.services.sessions, self.session_of(client)
        item = sessions.create_item(session_id, folder="single", kind="upload", title="Odd", request={})
        sessions.write_file(session_id, item.id, name, data)
        sessions.update_item(session_id, item.id, files=(ItemFile(name, media_type, len(data), "source"),))
        return item.id

    @property
    def folders(self) -> list[str]:
        """Names of the sessions on disk."""
        return sorted(path.name for path in self.services.sessions.outputs.iterdir() if not path.name.startswith("."))


@contextmanager
def surface(outputs: Path, **changes: Any) -> Iterator[Surface]:
    """Build everything on a folder. `changes` are settings."""
    settings, clock = Settings(outputs_dir=outputs, **changes), Clock()
    sessions = SessionManager.from_settings(settings, clock)
    jobs, _ = build_jobs(settings, sessions)
    engines: dict[str, Any] = {"gtts": QuietEngine("gtts"), "espeak": QuietEngine("espeak")}
    supervisor: Any = NoWorkers()
    services = Services(settings, sessions, jobs, engines, supervisor, clock=clock)
    queue, rates = Queue("", settings.queue_dir, ["speech"]), Rates(settings.queue_dir / "rates.json")
    runner = Runner(Journal(sessions, clock=clock), queue, {"speech": Kind("speech", speak)}, rates, settings, Timing())
    stub = Route("/{path:path}", stub_page, methods=["GET", "POST", "PUT"])
    app = Starlette(routes=[*routes_of(services), stub], middleware=[Middleware(Edge, services=services, page=PAGE)])
    with start_blocking_portal() as portal:
        yield Surface(services, app, portal, clock, runner)
