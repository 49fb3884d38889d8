"""Many uploads at once, honest and not: all honest ones are kept, nothing of the others is, and the server stays well meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.api.served import Served, served
from tests.load.storm import KEY, Aftermath, Storm, rage
from tests.load.watching import unfinished
from utils.session_manager import SessionManager

GROWTH_MB = 100
GONE_WITHIN_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "temporary").mkdir()
    settings = {"SPEECH_WORKERS": "0", "TRANSCRIBE_WORKERS": "0", "STT_ENGINE": "draft", "TMPDIR": str(tmp_path / "temporary")}
    with served(tmp_path, SECRET_KEY=KEY, **settings) as found:
        yield found


def check(server: Served, storm: Storm, found: Aftermath) -> None:
    """Everything that is kept came whole, nothing else is there, and what it took is given back."""
    assert Counter(answer.status for answer in found.honest) == {201: storm.honest}
    assert not {answer.status for answer in found.liars} - {0, 400, 408, 429}
    process, ends = psutil.Process(server.pid), time.monotonic() + GONE_WITHIN_S
    while (unfinished(server.outputs) or process.num_fds() > found.before_files + 2) and time.monotonic() < ends:
        time.sleep(0.2)
    assert (unfinished(server.outputs), process.num_fds() <= found.before_files + 2) == ([], True)
    store = SessionManager(server.outputs, secret_key=KEY)
    kept = [item.id for session in store.get_all_session_ids() for item in store.list_items(session, limit=1000)[0]]
    told = [answer.json["item"]["id"] for answer in found.honest]
    assert len(kept) == storm.honest + 1 and set(told) < set(kept) and len(set(told)) == storm.honest
    assert list((server.outputs.parent / "temporary").iterdir()) == []
    assert found.grown_mb <= GROWTH_MB


def test_uploads_200_at_once_of_which_20_stop_half_way_and_200_hold_the_line(server: Served) -> None:
    storm = Storm(drips=200)
    found = asyncio.run(rage(server, storm, to_the_end=False))
    check(server, storm, found)
    assert {answer.status for answer in found.liars} & {400, 408, 429}


@pytest.mark.long
def test_uploads_of_minutes_with_senders_who_never_let_go(server: Served) -> None:
    storm = Storm(drips=200, seconds=120)
    found = asyncio.run(rage(server, storm, to_the_end=True))
    check(server, storm, found)
    assert {answer.status for answer in found.holding} <= {408, 429} and len(found.holding) == storm.drips // 2 + storm.silent
    assert found.watch.health_p99_ms <= 200
