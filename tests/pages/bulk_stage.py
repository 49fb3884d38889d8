"""The Bulk page without a browser, over the real services: what it starts is planned, queued, and spoken when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.jobs.rig import Rig, rig_in
from tests.pages.conftest import FRAME, Clock, drawn
from utils.jobs.file_jobs import FileJobs
from utils.jobs.kinds import KINDS
from utils.services import Services
from utils.session_manager import set_manager
from utils.speech.engines import build
from utils.storage.batch_log import DONE, RowResult, append
from utils.storage.item import Item
from utils.ui import state
from utils.ui.bulk_fields import key

TABLE = "text,filename,language\nGood morning.,greeting,en-US\nGuten Abend.,abend,de\nGood night.,night,en-US\n"
BAD = "text,filename,speed\nGood morning.,greeting,\n,empty,\nGood night.,night,fast\nGood night.,greeting,1.5\n"
CUES = "1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n\n2\n00:00:03,000 --> 00:00:04,000\nGood night.\n"


@dataclass
class BulkStage:
    """One browser's view of a server whose worker is the test.

    Attributes:
        rig: The deployment.
        services: Over it.
        clock: The pages' time.
    """

    rig: Rig
    services: Services
    clock: Clock

    @property
    def session_id(self) -> str:
        return self.rig.session

    def open(self) -> AppTest:
        """A new tab of the browser, on the Bulk page."""
        page = AppTest.from_file(FRAME, default_timeout=60).run()
        return page.switch_page("../../pages/bulk.py").run()

    def bring(self, table: str | bytes = TABLE, name: str = "lesson.csv", page: AppTest | None = None) -> AppTest:
        """Choose a file."""
        page = page or self.open()
        data = table.encode() if isinstance(table, str) else table
        page.file_uploader[0].upload(name, data, "text/plain").run()
        assert not page.exception
        return page

    def started(self, table: str | bytes = TABLE, name: str = "lesson.csv") -> tuple[AppTest, Item]:
        """Choose a file and start; the page and the batch."""
        page = press(self.bring(table, name), "start")
        return page, self.newest()

    def newest(self) -> Item:
        return self.services.sessions.list_items(self.session_id)[0][0]

    def batches(self) -> list[Item]:
        return self.services.sessions.list_items(self.session_id)[0]

    def work(self) -> None:
        """Do what is queued, in this process."""
        for job in self.services.jobs.of_session(self.session_id, open_only=True):
            self.rig.runner_without_heart(KINDS)(str(self.rig.name(job.id)))

    def say(self, item: Item, *results: RowResult) -> None:
        """Write down how rows ended, without speaking them."""
        append(self.rig.home(item.id), DONE, list(results))


def press(page: AppTest, name: str) -> AppTest:
    """Click a button of the page."""
    page.button(key=key(name)).click().run()
    assert not page.exception
    return page


def figures(page: AppTest) -> dict[str, str]:
    """What stands in figures above the problems or the rows: label -> value."""
    return {figure["label"]: figure["value"] for part in drawn(page, "roster") for figure in part["figures"]}


def roster(page: AppTest, label: str) -> dict[str, Any]:
    """The list whose label begins so."""
    return next(part for part in drawn(page, "roster") if part["label"].startswith(label))


@contextmanager
def bulk_stage(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[BulkStage]:
    """A server with one visitor who prefers eSpeak NG."""
    clock = Clock()
    with rig_in(folder) as rig:
        settings = replace(rig.settings, gtts_endpoint="http://127.0.0.1:9", max_table_rows=200)
        jobs = FileJobs(rig.journal, rig.queue, KINDS, rig.rates, slots={"speech": 4})
        no_supervisor: Any = None  # the test is the worker
        services = Services(settings, rig.sessions, jobs, build(settings), no_supervisor, clock=clock)
        rig.sessions.update_session(rig.session, preferences={"bulk": {"engine": "espeak", "format": "wav"}})
        clock.now = rig.sessions.clock()
        patch.setattr(state, "services", lambda: services)
        patch.setattr(state, "current_session", lambda: rig.session)
        yield BulkStage(rig, services, clock)
    set_manager(None)
