"""Pages without a browser: AppTest runs the entry script over real sessions, and jobs whose course a test decides.

AppTest has no cookies, so `current_session` is replaced: the one seam that `utils.ui.state` keeps for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.stage import StageJobs
from utils.jobs.contract import JobStatus
from utils.services import Services
from utils.session_manager import SessionManager, set_manager
from utils.settings import Settings
from utils.speech.contract import Part
from utils.ui import state

FRAME = Path(__file__).resolve().parents[2] / "utils" / "ui" / "frame.py"


class Clock:
    """Time that a test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class CountingEngine:
    """What the pages ask of an engine: how many requests a text would cost."""

    label: str
    per_part: int

    def requests(self, parts: Sequence[Part]) -> int:
        return self.per_part * len(parts)


@dataclass
class Stage:
    """One browser's view of a server.

    Attributes:
        services: Real sessions, staged jobs.
        jobs: The same jobs, for the test to move.
        session_id: Whose browser; None is a browser without a living session.
        clock: The server's.
    """

    services: Services
    jobs: StageJobs
    clock: Clock
    session_id: str | None = None
    pages: list[AppTest] = field(default_factory=list)

    def open(self) -> AppTest:
        """A new tab of the browser, on the first page."""
        page = AppTest.from_file(FRAME, default_timeout=60).run()
        self.pages.append(page)
        return page

    def newest(self) -> JobStatus:
        """The job submitted last."""
        assert self.session_id
        return self.jobs.of_session(self.session_id)[0]

    def made(self, text: str, **result: Any) -> str:
        """An item that is done. Answers its id."""
        from utils.speech.contract import SpeechRequest
        from utils.workflows import generate

        assert self.session_id
        self.clock.now += 1
        job = generate.submit(self.services, self.session_id, SpeechRequest(text))
        self.jobs.finish(job.id, **result)
        return job.id


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A server with one visitor who has a session."""
    clock = Clock()
    settings = Settings.load({"OUTPUTS_DIR": str(tmp_path / "outputs"), "MAX_TEXT_CHARS": "500"}, dotenv=tmp_path / ".env")
    sessions = SessionManager.from_settings(settings, clock)
    jobs = StageJobs(sessions)
    engines: dict[str, Any] = {"gtts": CountingEngine("Google", 1), "espeak": CountingEngine("eSpeak NG", 0)}
    no_supervisor: Any = None  # started by the server's lifespan, which no page sees
    services = Services(settings, sessions, jobs, engines, no_supervisor, clock=clock)
    built = Stage(services, jobs, clock, sessions.create_session())
    monkeypatch.setattr(state, "services", lambda: services)
    monkeypatch.setattr(state, "current_session", lambda: built.session_id)
    yield built
    set_manager(None)


def drawn(page: AppTest, name: str) -> list[dict[str, Any]]:
    """What our components of that name were given to draw, in the order of the page."""
    found = page.get("bidi_component")
    return [json.loads(element.proto.json)[0] for element in found if element.proto.component_name == f"sotto_{name}"]


def words(page: AppTest) -> str:
    """Everything that the page says, as one text; what components draw as their JSON."""
    said = [element.value for kind in (page.title, page.caption, page.markdown, page.warning, page.subheader) for element in kind]
    said += [element.proto.body for element in page.html]
    return "\n".join([*said, *(element.proto.json for element in page.get("bidi_component"))])
