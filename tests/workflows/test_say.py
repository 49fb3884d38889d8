"""Speech for one request, read while it grows: the worker's side is real, who speaks is a fake."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.api.surface import Surface, surface
from tests.speech.stage import Clock
from tests.speech.test_streaming import LONG, NATIVE, PartEngine
from utils.errors import BadInput, EngineCrashed, EngineRefused, EngineUnreachable, NothingToSay, TextTooLong, TooMany, UnknownVoice
from utils.jobs.journal import Journal
from utils.jobs.kinds import KINDS
from utils.jobs.queue import Queue
from utils.jobs.rates import Rates
from utils.jobs.records import JobName
from utils.jobs.runner import Runner, Timing
from utils.speech.choose import Chooser
from utils.workflows import passing
from utils.workflows.say import Say, Wish, job_of


class Stage:
    """The real services with a worker in this process, whose engine is a fake."""

    def __init__(self, sotto: Surface) -> None:
        self.services = sotto.services
        self.engine = PartEngine("espeak", NATIVE)
        settings, sessions = self.services.settings, self.services.sessions
        journal = Journal(sessions, clock=sotto.clock)
        queue, rates = Queue("", settings.queue_dir, ["speech"]), Rates(settings.queue_dir / "rates.json")
        self.runner = Runner(journal, queue, KINDS, rates, settings, Timing(retry_s=60))
        self.runner._shared.once("chooser", lambda: Chooser({"espeak": self.engine}, clock=Clock()))

    def start(self, text: str = LONG, **more: Any) -> Say:
        wish = Wish(text, "alloy", "espeak", "en-US", format="wav")
        job = job_of(self.services, replace(wish, **more))
        job.request["pause_ms"] = 300
        return Say(self.services, "key-1", job)

    def run(self, say: Say) -> None:
        self.runner(str(JobName(say._work.session_id, say._job_id)))

    def working(self, say: Say) -> threading.Thread:
        thread = threading.Thread(target=self.run, args=(say,))
        thread.start()
        return thread

    @property
    def left(self) -> list[str]:
        outputs = self.services.sessions.outputs
        return [
            str(path) for path in (*outputs.glob("*/single/*"), *(outputs / ".trash").iterdir(), *(outputs / ".open").glob("*~*"))
        ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with surface(tmp_path / "outputs", tts_engine="espeak") as sotto:
        yield Stage(sotto)


def all_of(say: Say, within_s: float = 90.0) -> bytes:
    data, ends = b"", time.monotonic() + within_s
    while not say.has_ended and time.monotonic() < ends:
        data += say.read()
    assert say.has_ended
    return data


def test_sound_is_read_while_the_worker_writes_it(stage: Stage) -> None:
    say = stage.start()
    assert say.read() == b""
    hold = threading.Event()
    stage.engine.before = lambda index: hold.wait(60) if index == 10 else None
    thread = stage.working(say)
    first, ends = b"", time.monotonic() + 20
    while not first and time.monotonic() < ends:
        first = say.read()
    assert first and not say.is_whole and say.told is not None and say.told.engine == "espeak"
    hold.set()
    rest = all_of(say)
    thread.join()
    assert say.told.seconds > 30 and (first + rest)[:4] == b"RIFF"
    assert len(first + rest) == pytest.approx(say.told.seconds * 24_000 * 2, rel=0.01)
    say.end()
    say.end()
    assert stage.left == []


def test_done_speech_is_counted_before_it_is_removed(stage: Stage) -> None:
    say = stage.start("Hello there.")
    stage.run(say)
    assert all_of(say)
    say.end()
    lines = [line for path in (stage.services.sessions.outputs / ".ended").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 1 and '"say"' in lines[0] and '"done"' in lines[0]


def test_error_before_any_sound_is_the_engines_own(stage: Stage) -> None:
    stage.engine.fails = EngineRefused("No sound fits.", "Change the text.")
    say = stage.start("Hello there.")
    stage.run(say)
    with pytest.raises(EngineRefused) as caught:
        all_of(say)
    assert caught.value.sentence == "No sound fits." and say.read_bytes == 0
    say.end()
    assert stage.left == []


def test_error_in_the_middle_comes_after_what_was_sent(stage: Stage) -> None:
    def before(index: int) -> None:
        if index == 15:
            raise EngineUnreachable("Gone.")

    stage.engine.before = before
    say = stage.start()
    thread = stage.working(say)
    with pytest.raises(EngineUnreachable):
        all_of(say)
    thread.join()
    say.end()
    assert stage.left == []


def test_second_attempt_is_read_from_its_start_when_nothing_was_heard(stage: Stage) -> None:
    say = stage.start("Hello there.")
    sessions, place = stage.services.sessions, (say._work.session_id, say._job_id)
    sessions.write_file(*place, "told.json", b'{"engine": "espeak", "voice": "espeak:en-us"}')
    sessions.grow(*place, "sound").close()  # a worker that died before the first byte
    assert say.read() == b""
    stage.run(say)
    assert all_of(say)[:4] == b"RIFF"
    say.end()


def test_second_attempt_breaks_off_what_was_heard_in_part(stage: Stage) -> None:
    say = stage.start("Hello there.")
    sessions, place = stage.services.sessions, (say._work.session_id, say._job_id)
    sessions.write_file(*place, "told.json", b'{"engine": "espeak", "voice": "espeak:en-us"}')
    with sessions.grow(*place, "sound") as file:
        file.write(b"RIFF")
    assert say.read() == b"RIFF"
    stage.run(say)
    with pytest.raises(EngineCrashed):
        all_of(say)
    say.end()
    assert stage.left == []


def test_worker_that_died_after_the_last_byte_does_not_spoil_it(stage: Stage) -> None:
    say = stage.start("Hello there.")
    sessions, place = stage.services.sessions, (say._work.session_id, say._job_id)
    with sessions.grow(*place, "sound") as file:
        file.write(b"sound")
    sessions.write_file(*place, "told.json", b'{"engine": "espeak", "voice": "espeak:en-us", "ended": true}')
    assert all_of(say) == b"sound"
    say.end()
    assert stage.left == []


def test_end_in_the_middle_stops_the_worker(stage: Stage) -> None:
    reached = threading.Event()

    def before(index: int) -> None:
        reached.set()
        time.sleep(0.02)

    stage.engine.before = before
    say = stage.start()
    thread = stage.working(say)
    assert reached.wait(60)
    say.end()
    thread.join(60)
    assert not thread.is_alive() and stage.left == []


def test_removed_session_ends_the_waiting(stage: Stage) -> None:
    say = stage.start()
    passing.close(stage.services)
    with pytest.raises(EngineCrashed):
        all_of(say)
    say.end()


def test_limit_of_open_work_leaves_nothing_behind(stage: Stage) -> None:
    says = [stage.start("Hello there.") for _ in range(32)]
    with pytest.raises(TooMany):
        stage.start("Hello there.")
    for say in says:
        say.end()
    assert stage.left == []


def test_job_of_a_wish_is_checked_before_anything_is_made(stage: Stage) -> None:
    def refused(kind: type[Exception], **more: Any) -> None:
        with pytest.raises(kind):
            job_of(stage.services, replace(Wish("Hello.", "alloy"), **more))

    refused(NothingToSay, text="...")
    refused(TextTooLong, text="word " * 30_000)
    refused(UnknownVoice, voice="nobody")
    refused(BadInput, language="xx-unknown")
    assert not [path for path in stage.services.sessions.outputs.iterdir() if not path.name.startswith(".")]


def test_named_voice_has_its_accent_in_english_alone(stage: Stage) -> None:
    def request(**more: Any) -> dict[str, Any]:
        return job_of(stage.services, replace(Wish("Hello.", "fable"), **more)).request

    assert request()["accent"] == "co.uk" and request()["saying"]["variant"] == "m4"
    assert request(language="en-US")["accent"] is None  # somebody says which English
    assert request(language="de")["accent"] is None and request(language="de")["language"] == "de"
    assert request(text="Доброе утро")["language"] == "ru"
    fast = request(speed=4.0)
    assert fast["speed"] == 2.0 and fast["saying"]["tempo"] == 2.0
    own = request(voice="espeak:de+f2")
    assert own["voice"] == "espeak:de+f2" and own["language"] == "de" and own["saying"]["variant"] == ""
