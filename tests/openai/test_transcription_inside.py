"""Recordings for OpenAI's client inside this process: failures before and after the first word, full queues, a server that ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.surface import Client, Surface, surface
from tests.jobs.listening import CRASH, kinds
from tests.jobs.recordings import SENTENCES, lengths, spoken
from tests.openai.left import assert_nothing_left, left
from utils.errors import EngineCrashed
from utils.jobs.context import Context
from utils.jobs.contract import NewJob
from utils.jobs.file_jobs import SESSION_LIMIT
from utils.jobs.journal import Journal
from utils.jobs.kinds import Kind
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName
from utils.jobs.runner import Runner, Timing
from utils.jobs.transcribe_files import partial_name
from utils.transcription.contract import Segment
from utils.transcription.partial import Partial, WindowResult
from utils.workflows import passing

SAID = [SENTENCES[0], SENTENCES[3]]
RECORDING = {"file": ("Zanzibar.wav", spoken(SAID))}
ADDRESS = "address-127.0.0.1"


@pytest.fixture
def sotto(tmp_path: Path) -> Iterator[Surface]:
    with surface(tmp_path / "outputs") as built:
        yield built
        assert_nothing_left(built.services.sessions.outputs, ("Zanzibar", SAID[0]))


@contextmanager
def working(sotto: Surface, work: Callable[[Context], None] | None = None) -> Iterator[None]:
    """A worker that does whatever any session brings, with an engine that knows sentences by their length or with `work`."""
    services, stop = sotto.services, threading.Event()
    known = {"transcribe": Kind("transcribe", work)} if work else kinds(lengths())
    rates = Rates(services.settings.queue_dir / "rates.json")
    journal = Journal(services.sessions, clock=sotto.clock)
    runner = Runner(journal, Queue("", services.settings.queue_dir, ["transcribe"]), known, rates, services.settings, Timing())

    def loop() -> None:
        while not stop.wait(0.01):
            for session_id in sotto.folders:
                for _, item_id in services.sessions.markers.ids(session_id):
                    runner(str(JobName(session_id, item_id)))

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ask(client: Client, **fields: str) -> Any:
    data = {"model": "whisper-1", "language": "en", **fields}
    return client.post("/v1/audio/transcriptions", files=RECORDING, data=data, timeout=30)


def events(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]


def test_text_and_stream_tell_the_same(sotto: Surface) -> None:
    client = sotto.stranger()
    with working(sotto):
        plain, streamed = ask(client), ask(client, stream="true")
    assert (plain.status_code, plain.json()["text"]) == (200, " ".join(SAID))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["cache-control"] == "no-store"
    assert "".join(event.get("delta", "") for event in events(streamed)) == events(streamed)[-1]["text"] == " ".join(SAID)


@pytest.mark.parametrize("stream", ["false", "true"])
def test_engine_that_fails_before_the_first_word_is_a_status(sotto: Surface, stream: str) -> None:
    with working(sotto):
        answer = ask(sotto.stranger(), prompt=CRASH, stream=stream)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_crashed")
    assert answer.json()["error"]["type"] == "server_error"


def test_engine_that_fails_in_the_middle_of_a_stream_is_an_event_and_never_a_short_text(sotto: Surface) -> None:
    told = threading.Event()

    def breaks(context: Context) -> None:
        path = context.sessions.item_path(context.session_id, context.item.id) / partial_name(1)
        Partial(path).append(WindowResult(0, 100, 200, (Segment(0.0, 1.0, SAID[0]),)))
        told.wait(30)
        raise EngineCrashed("The engine failed on this sound.", "Try another model.")

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            await send(message)
            if message.get("body"):
                told.set()

        await sotto.app(scope, receive, noted)

    with working(sotto, breaks):
        answer = ask(Client(sotto.portal, noting), stream="true")
    first, last = events(answer)
    assert (answer.status_code, first["delta"]) == (200, SAID[0])
    assert last["error"]["code"] == "engine_crashed" and "done" not in answer.text


def test_work_that_somebody_stops_is_told_as_stopped(sotto: Surface) -> None:
    def stopped(context: Context) -> None:
        sotto.services.jobs.cancel(context.session_id, context.item.id)
        while True:
            context.stay()
            time.sleep(0.01)

    with working(sotto, stopped):
        answer = ask(sotto.stranger())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cancelled")


@pytest.mark.parametrize("stream", ["false", "true"])
def test_server_that_ends_says_so_and_leaves_nothing(sotto: Surface, stream: str) -> None:
    threading.Timer(0.3, sotto.services.stopping.set).start()
    answer = ask(sotto.stranger(), stream=stream)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping") and answer.headers["retry-after"]


def test_caller_with_too_much_open_work_is_refused_with_a_time(sotto: Surface) -> None:
    client = sotto.stranger()
    with passing.work(sotto.services, ADDRESS) as work:
        for _ in range(SESSION_LIMIT):
            work.submit(NewJob("transcribe", "", "transcript"))
        before = left(sotto.services.sessions.outputs)
        answer = ask(client)
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error") and answer.headers["retry-after"]
        assert left(sotto.services.sessions.outputs) == before  # of this one


def test_more_recordings_at_once_than_allowed_are_refused_with_a_time(sotto: Surface) -> None:
    with passing.work(sotto.services, ADDRESS) as work:
        entered = [sotto.services.door.entering(work.session_id) for _ in range(8)]
        for one in entered:
            one.__enter__()
        answer = ask(sotto.stranger())
        for one in entered:
            one.__exit__(None, None, None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many") and answer.headers["retry-after"]


def test_recording_lies_on_the_disk_once_while_it_is_heard(sotto: Surface) -> None:
    outputs, found = sotto.services.sessions.outputs, []

    def looks(context: Context) -> None:
        deadline = time.monotonic() + 60  # the job may begin a moment before the upload's own item goes
        while len(items := list((outputs / context.session_id / "single").iterdir())) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        found.extend(sorted(path.name for item in items for path in item.glob("source*")))
        raise EngineCrashed("Enough.")

    with working(sotto, looks):
        ask(sotto.stranger())
    assert found == ["source.wav"]


def test_recording_of_a_caller_is_no_item_of_anybody(sotto: Surface) -> None:
    program = sotto.program()
    with working(sotto):
        assert ask(program).status_code == 200
    assert program.get("/api/v1/items").json()["total"] == 0
    assert program.get("/api/v1/jobs").json()["jobs"] == []
