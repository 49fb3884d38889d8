"""OpenAI's route for speech in this process: how errors of the work become answers. What its client promises: see tests/openai."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.surface import Surface, surface
from tests.speech.test_streaming import LONG
from tests.workflows.test_say import Stage
from utils.errors import EngineRefused, EngineUnreachable
from utils.jobs.records import JobName
from utils.workflows.say import Say

BODY = {"model": "espeak", "voice": "alloy", "input": LONG.replace(". ", ".\n\n"), "response_format": "wav"}


@pytest.fixture
def sotto(tmp_path: Path) -> Iterator[Surface]:
    with surface(tmp_path / "outputs", tts_engine="espeak") as built:
        yield built


class Worker:
    """Does the passing jobs of the server, one after the other, until it is told to stop."""

    def __init__(self, sotto: Surface) -> None:
        self.stage = Stage(sotto)
        self._markers = sotto.services.sessions.markers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.wait(0.01):
            for pair in self._markers.ids():
                self.stage.runner(str(JobName(*pair)))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def worker(sotto: Surface) -> Iterator[Worker]:
    made = Worker(sotto)
    yield made
    made.stop()
    assert made.stage.left == []


def ask(sotto: Surface, **changes: Any) -> httpx.Response:
    return sotto.stranger().post("/v1/audio/speech", json=BODY | changes)


def test_sound_of_a_short_text_has_its_length(sotto: Surface, worker: Worker) -> None:
    answer = ask(sotto, input="Hello there.")
    assert answer.status_code == 200 and answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == "audio/wav" and answer.headers["cache-control"] == "no-store"
    assert answer.headers["sotto-voice"] == "espeak:en-us"


def test_error_before_any_sound_is_a_status(sotto: Surface, worker: Worker) -> None:
    worker.stage.engine.fails = EngineRefused("No sound fits.", "Change the text.")
    answer = ask(sotto, input="Hello there.")
    assert answer.status_code == 502
    assert answer.json() == {
        "error": {"message": "No sound fits. Change the text.", "type": "server_error", "param": None, "code": "engine_refused"}
    }


def test_error_in_the_middle_of_events_is_the_last_event(sotto: Surface, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, read = threading.Event(), Say.read

    def noticed(speech: Say) -> bytes:
        data = read(speech)
        if data:
            heard.set()
        return data

    def before(index: int) -> None:
        if index == 15:
            assert heard.wait(60)  # an error that comes before the first sound is another thing
            raise EngineUnreachable("Gone.")

    monkeypatch.setattr(Say, "read", noticed)

    worker.stage.engine.before = before
    answer = ask(sotto, stream_format="sse")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert [event["type"] for event in events[:-1]] == ["speech.audio.delta"] * (len(events) - 1) and len(events) > 1
    assert events[-1]["error"]["code"] == "engine_unreachable"


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"input": ""}, 400, "input"),
        ({"input": 7}, 422, "input"),
        ({"voice": "nobody"}, 400, "voice"),
        ({"voice": {"id": "nobody"}}, 400, "voice"),
        ({"model": "nothing"}, 404, "model"),
        ({"speed": 0.1}, 422, "speed"),
        ({"response_format": "m4a"}, 422, "response_format"),
        ({"unknown": 1}, 422, "unknown"),
        ({"voice": 5}, 422, "voice"),
        ({"voice": {"id": "alloy", "more": 1}}, 422, "voice"),
        ({"language": "xx"}, 400, "language"),
    ],
)
def test_wrong_value_is_told_by_its_name(sotto: Surface, changes: dict[str, Any], status: int, param: str) -> None:
    answer = ask(sotto, **changes)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert sotto.folders == []  # nothing was made


def test_get_and_session_tokens_are_not_for_this_address(sotto: Surface) -> None:
    assert sotto.stranger().get("/v1/audio/speech").status_code == 405
    assert sotto.stranger().get("/v1/models/nothing").json()["error"]["code"] == "model_not_found"
    listed = sotto.stranger().get("/v1/models").json()
    assert listed["object"] == "list" and {"tts-1", "espeak", "whisper-1"} <= {model["id"] for model in listed["data"]}
