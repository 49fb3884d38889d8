"""When a model is loaded, unloaded and loaded again; time is a manual clock, and the model of the last tests is a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.transcription.engines.sounds import MICRO
from utils.settings import Settings
from utils.transcription.contract import TranscriptionRequest
from utils.transcription.engines.whisper import WhisperEngine
from utils.transcription.engines.whisper_library import FasterWhisper
from utils.transcription.holder import Holder, later


class Time:
    """A clock that is moved by hand, and the calls that are due by it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[Alarm] = []

    def call_later(self, seconds: float, call: Callable[[], object]) -> Alarm:
        alarm = Alarm(self, self.now + seconds, call)
        self.due.append(alarm)
        return alarm

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        for alarm in [alarm for alarm in self.due if alarm.at <= self.now]:
            self.due.remove(alarm)
            alarm.call()


class Alarm:
    def __init__(self, time: Time, at: float, call: Callable[[], object]) -> None:
        self._time, self.at, self.call = time, at, call

    def cancel(self) -> None:
        if self in self._time.due:
            self._time.due.remove(self)


class Thing:
    """Counts what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def holder(self, time: Time, idle_s: float = 60.0) -> Holder[Thing]:
        return Holder(
            lambda: self.do("load"),
            lambda thing: thing.do("unload"),
            lambda thing: thing.do("reload"),
            idle_s=idle_s,
            clock=lambda: time.now,
            call_later=time.call_later,
        )

    def do(self, what: str) -> Thing:
        self.done.append(what)
        return self


@pytest.fixture
def time() -> Time:
    return Time()


def test_holder_loads_for_the_first_user_only(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    assert not holder.loaded
    assert holder.take() is holder.take() is thing
    assert thing.done == ["load"] and holder.users == 2


def test_holder_unloads_after_the_last_user_has_been_gone_long_enough(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    with holder.used(), holder.used():
        time.pass_(1_000.0)
    time.pass_(59.0)
    assert thing.done == ["load"] and holder.loaded
    time.pass_(1.0)
    assert thing.done == ["load", "unload"] and not holder.loaded


def test_holder_each_use_begins_the_wait_anew(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    for _ in range(5):
        with holder.used():
            pass
        time.pass_(50.0)
    assert thing.done == ["load"] and len(time.due) == 1
    time.pass_(10.0)
    assert thing.done == ["load", "unload"] and time.due == []


def test_holder_brings_an_unloaded_thing_back(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    with holder.used():
        pass
    time.pass_(60.0)
    with holder.used():
        time.pass_(600.0)
        assert holder.loaded
    assert thing.done == ["load", "unload", "reload"]


def test_holder_woken_too_early_waits_for_the_rest(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    with holder.used():
        pass
    time.now += 20.0
    assert not holder.sweep()
    time.pass_(39.0)
    assert holder.loaded
    time.pass_(1.0)
    assert not holder.loaded


def test_holder_without_idle_time_never_unloads(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time, idle_s=0.0)
    with holder.used():
        pass
    time.pass_(1e9)
    assert not holder.sweep() and holder.loaded and time.due == []


def test_holder_drops_at_once_but_never_from_under_a_user(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    with holder.used():
        assert not holder.drop()
    assert holder.drop() and not holder.drop()
    assert thing.done == ["load", "unload"]


def test_holder_failed_load_leaves_no_user_and_is_tried_again(time: Time) -> None:
    tries: list[int] = []

    def load() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        return 7

    holder = Holder(load, lambda _: None, lambda _: None, idle_s=60.0, clock=lambda: time.now, call_later=time.call_later)
    with pytest.raises(ValueError):
        holder.take()
    assert holder.users == 0 and not holder.loaded
    assert holder.take() == 7


def test_holder_loads_once_for_many_threads(time: Time) -> None:
    thing = Thing()
    holder = thing.holder(time)
    together = threading.Barrier(8)

    def use() -> None:
        together.wait()
        for _ in range(50):
            with holder.used():
                assert holder.loaded

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(use) for _ in range(8)]:
            done.result()
    assert thing.done == ["load"] and holder.users == 0


def test_later_calls_in_a_thread_of_its_own() -> None:
    called = threading.Event()
    later(0.0, called.set)
    assert called.wait(60.0)


class Watched(FasterWhisper):
    """The real library; keeps the models that it loaded."""

    def __init__(self) -> None:
        self.__dict__["models"] = []

    def load(self, *arguments: object, **options: object) -> object:
        model = super().load(*arguments, **options)  # type: ignore[arg-type]
        self.__dict__["models"].append(model)
        return model


def test_engine_unloads_the_real_model_when_idle_and_loads_it_again(time: Time) -> None:
    library = Watched()
    settings = Settings(whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="int8", model_idle_minutes=15)
    engine = WhisperEngine(settings, library=library, clock=lambda: time.now, call_later=time.call_later)
    request = TranscriptionRequest(language="en")
    engine.open(request, note=lambda _: None, check=lambda: None).close()
    (model,) = library.__dict__["models"]
    time.pass_(15 * 60 - 1)
    assert model.model.model_is_loaded
    time.pass_(1)
    assert not model.model.model_is_loaded
    decoding = engine.open(request, note=lambda _: None, check=lambda: None)
    assert model.model.model_is_loaded and len(library.__dict__["models"]) == 1
    time.pass_(3_600)
    assert model.model.model_is_loaded
    decoding.close()
    decoding.close()
    time.pass_(15 * 60)
    assert not model.model.model_is_loaded
